"""Appending: what is acknowledged is synced, what is not goes at once, locks stay until all is settled."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from mailcore.spool import Spool, segments_in
from mailcore.spool_record import Damaged, Location
from mailcore.spool_segment import LockedSegment, SpoolFault
from mailcore.spool_writer import LargeEntry, SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import ENVELOPE, SECRET, entry, is_locked, largest_file, path_of, writer_of


def test_entries_of_one_append_share_one_sync(spool: Spool, clock: SteppedClock) -> None:
    syncs: list[int] = []
    writer = writer_of(spool, clock, syncs.append)
    writer.append([entry(clock) for _ in range(50)])
    assert len(syncs) == 1


def test_a_full_segment_is_followed_by_another(spool: Spool, clock: SteppedClock) -> None:
    writer = writer_of(spool, clock, largest=100)
    locations = [writer.append([entry(clock, b"x" * 100)])[0] for _ in range(3)]
    names = {location.segment for location in locations}
    assert len(names) == 3
    assert names == {UUID(path.stem) for path in segments_in(spool)}


def test_an_old_segment_is_sealed_even_when_it_is_quiet(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    writer.settled([location])
    clock.step(9)
    writer.seal_if_old()
    assert is_locked(spool, location)
    clock.step(2)
    writer.seal_if_old()
    assert not is_locked(spool, location)


def test_the_lock_stays_until_every_append_is_settled(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    first, second = writer.append([entry(clock), entry(clock)])
    writer.close()
    writer.settled([first])
    assert is_locked(spool, first)
    writer.settled([second])
    assert not is_locked(spool, first)


def test_settling_does_not_wait_for_a_slow_sync(spool: Spool, clock: SteppedClock) -> None:
    syncing, go_on = threading.Event(), threading.Event()
    slow = [False]

    def sync(_: int) -> None:
        if slow[0]:
            syncing.set()
            assert go_on.wait(10)

    writer = writer_of(spool, clock, sync)
    first = writer.append([entry(clock)])
    slow[0] = True
    thread = threading.Thread(target=writer.append, args=([entry(clock)],))
    thread.start()
    assert syncing.wait(10)
    writer.settled(first)  # the event loop does this
    writer.seal_if_old()
    clock.step(11)
    writer.seal_if_old()
    assert is_locked(spool, first[0]), "an append is on its way into it"
    go_on.set()
    thread.join()


def test_a_writer_takes_another_segment_where_the_sweep_was_faster_to_lock_it(
    spool: Spool, clock: SteppedClock
) -> None:
    """The sweep may lock a new file between its creation and the writer's lock, and reclaim it."""
    stop = threading.Event()

    def reclaim_empty_segments() -> None:
        while not stop.is_set():
            for path in list(segments_in(spool)):
                segment = LockedSegment.take(path, spool.keys)
                if segment and segment.size == 0:
                    segment.unlink()
                if segment:
                    segment.release()

    thread = threading.Thread(target=reclaim_empty_segments)
    thread.start()
    try:
        for _ in range(200):
            writer = writer_of(spool, clock, sync=lambda _: None)
            (location,) = writer.append([entry(clock)])
            assert bytes(spool.read(location).content) == SECRET
            writer.settled([location])
            writer.close()
    finally:
        stop.set()
        thread.join()


# --- failing disks ---


def failing_once(number: int, at: int = 1) -> Callable[[int], None]:
    calls = 0

    def sync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(number, os.strerror(number))
        os.fdatasync(descriptor)

    return sync


@pytest.mark.parametrize(
    ("number", "disk_full"), [(errno.EIO, False), (errno.ENOSPC, True), (errno.EDQUOT, True)]
)
def test_a_failed_sync_seals_the_segment_for_good(
    spool: Spool, clock: SteppedClock, number: int, disk_full: bool
) -> None:
    synced: list[str] = []
    fails = failing_once(number, at=2)

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        fails(descriptor)

    writer = writer_of(spool, clock, sync)
    (before,) = writer.append([entry(clock, b"before")])
    with pytest.raises(SpoolFault) as fault:
        writer.append([entry(clock)])
    assert fault.value.disk_full is disk_full
    (after,) = writer.append([entry(clock, b"after")])
    assert after.segment != before.segment
    assert synced[0] == synced[1] != synced[2], "a failed sync is never tried again on that file"
    assert bytes(spool.read(before).content) == b"before"
    assert bytes(spool.read(after).content) == b"after"
    assert SECRET not in path_of(spool, before).read_bytes(), "what was not accepted goes at once"
    assert is_locked(spool, before), "its transaction is still open"
    writer.settled([before])
    assert not is_locked(spool, before)


def test_a_segment_whose_first_sync_failed_is_removed(spool: Spool, clock: SteppedClock) -> None:
    writer = writer_of(spool, clock, failing_once(errno.EIO))
    with pytest.raises(SpoolFault):
        writer.append([entry(clock)])
    assert list(segments_in(spool)) == []


def test_a_write_cut_short_by_the_kernel_is_not_accepted(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (before,) = writer.append([entry(clock, b"before")])
    size = path_of(spool, before).stat().st_size
    with largest_file(size + 100), pytest.raises(SpoolFault):
        writer.append([entry(clock, SECRET * 100)])
    assert path_of(spool, before).stat().st_size == size
    (after,) = writer.append([entry(clock)])
    assert after.segment != before.segment


# --- large messages ---


def test_a_large_message_streams_into_its_own_segment(spool: Spool, clock: SteppedClock) -> None:
    identifier = clock.new_id()
    large = LargeEntry(spool, clock, identifier)
    for _ in range(10):
        large.write([b"x" * 1000, SECRET])
    location = large.finish(ENVELOPE)
    assert is_locked(spool, location)
    large.keep()
    assert not is_locked(spool, location)
    record = spool.read(location)
    assert (record.id, record.envelope) == (identifier, ENVELOPE)
    assert bytes(record.content) == (b"x" * 1000 + SECRET) * 10


def test_an_unfinished_large_message_never_looks_like_a_record(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id())
    large.write([SECRET * 100])
    (path,) = segments_in(spool)
    with pytest.raises(Damaged):
        spool.read(Location(UUID(path.stem), 0, path.stat().st_size))
    large.drop()
    assert list(segments_in(spool)) == []


def test_a_large_message_whose_sync_fails_is_not_accepted(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id(), sync=failing_once(errno.ENOSPC))
    large.write([SECRET])
    with pytest.raises(SpoolFault) as fault:
        large.finish(ENVELOPE)
    assert fault.value.disk_full
    large.drop()
    assert list(segments_in(spool)) == []


def test_a_large_message_cut_short_by_the_kernel_is_not_accepted(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id())
    with largest_file(1000), pytest.raises(SpoolFault):
        large.write([b"x" * 200_000])
    large.drop()


def test_a_large_message_whose_key_was_removed_while_it_came_is_not_taken(
    spool: Spool, clock: SteppedClock
) -> None:
    large = LargeEntry(spool, clock, clock.new_id())
    large.write([SECRET])
    (segment,) = spool.keys.segments()
    spool.keys.path(segment).unlink()
    with pytest.raises(SpoolFault):
        large.finish(ENVELOPE)
    large.drop()


def test_mail_whose_key_file_was_removed_is_refused_and_the_next_takes_a_new_one(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (first,) = writer.append([entry(clock)])
    writer.settled([first])
    spool.keys.path(first.segment).unlink()
    with pytest.raises(SpoolFault):
        writer.append([entry(clock)])
    (second,) = writer.append([entry(clock)])
    assert bytes(spool.read(second).content) == SECRET
