"""A spool in a folder of the test: its writer, an entry, and what lies on disk."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mailcore.spool import Spool
from mailcore.spool_record import Entry, Location
from mailcore.spool_segment import LockedSegment
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock

ENVELOPE = {"v": 1, "reverse_path": "ann@sender.test"}
SECRET = b"the secret words"


def writer_of(
    spool: Spool, clock: SteppedClock, sync: Callable[[int], None] = os.fdatasync, largest: int = 1_000_000
) -> SegmentWriter:
    return SegmentWriter(spool, clock, largest=largest, oldest_seconds=10, sync=sync)


def entry(clock: SteppedClock, content: bytes = SECRET) -> Entry:
    return Entry(clock.new_id(), ENVELOPE, [content])


def path_of(spool: Spool, location: Location) -> Path:
    return spool.path(location.segment)


def is_locked(spool: Spool, location: Location) -> bool:
    segment = LockedSegment.take(path_of(spool, location), spool.keys)
    if segment:
        segment.release()
    return segment is None


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writes beyond `size` fail with EFBIG, really, in the kernel."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
