"""The spool folder of one node: whose it is, what lies in it, records read and discarded.

Content lies sealed in append-only segments (spool_segment.py), written by spool_writer.py; its keys lie in
the key folder (spool_keys.py). Must never hand out bytes that do not open under their key.
"""

import fcntl
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self
from uuid import UUID

from mailcore import keys_in_place, spool_record
from mailcore.clock import Clock
from mailcore.keyring import write_once
from mailcore.spool_keys import SpoolKeys
from mailcore.spool_record import Gone, KeyLost, Location, Record


class InUse(Exception):
    """Processes of this node have the spool open."""


class Spool:
    """The spool folder of one node. Many processes open it; `identity` names the node."""

    def __init__(self, folder: Path, keys: SpoolKeys, identity: UUID, lock: int) -> None:
        self.folder = folder
        self.keys = keys
        self.node_id = identity
        self._lock = lock
        self._ended: deque[tuple[Location, float]] = deque()

    @classmethod
    def open(cls, folder: Path, key_dir: Path, clock: Clock, *, alone: bool = False) -> Self:
        """Creates the folder and the node's identity at the first start; holds a shared lock while open.

        `alone` asks for the lock exclusively: raises `InUse` while any process of the node runs, and
        those that start meanwhile wait. Raises `KeysAway`, OSError.
        """
        keys_in_place.check(folder, key_dir)
        segments = folder / "segments"
        segments.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = _identity(folder, clock)
        lock = os.open(folder / "node", os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            os.close(lock)
            raise InUse from None
        keys = SpoolKeys.open(key_dir, identity, clock)
        keys_in_place.note(folder)
        return cls(segments, keys, identity, lock)

    def close(self) -> None:
        os.close(self._lock)

    def path(self, segment: UUID) -> Path:
        """A moved survivor's segment ends in `.long`; a row does not say which, so both names are tried."""
        short = self.folder / f"{segment}.seg"
        return short if short.exists() else self.folder / f"{segment}.long"

    def read(self, location: Location) -> Record:
        """The verified record. Raises `Gone`, `Damaged`, or `KeyLost` where only its key is not there."""
        try:
            descriptor = os.open(self.path(location.segment), os.O_RDONLY)
        except FileNotFoundError:
            raise Gone from None
        try:
            return spool_record.read(descriptor, location, self.keys.of(location.segment))
        except KeyLost:
            if self.path(location.segment).exists():
                raise
            raise Gone from None  # reclaimed meanwhile, and its keys with it
        finally:
            os.close(descriptor)

    # --- discarding ---

    def discard(self, location: Location) -> None:
        """Destroys the record's key, then overwrites the record, all but what a walk needs.

        The key is gone for good with the next `keys.sync`. Raises OSError where bytes can't be overwritten.
        """
        self._discard(location.segment, [location], None)

    def discard_soon(self, locations: Iterable[Location], since: float) -> None:
        """With the next `discard_ended`. `since` (monotonic) is when nobody needed them any more."""
        self._ended.extend((location, since) for location in locations)

    @property
    def has_ended(self) -> bool:
        """Whether anything waits for `discard_ended`."""
        return bool(self._ended)

    def discard_ended(self) -> int:
        """Discards what `discard_soon` was told of, all of one segment at once. Blocks on the disk.

        Returns how many records are in segments that the disk would not overwrite: the sweep finishes them.
        """
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        by_segment: dict[UUID, list[tuple[Location, float]]] = defaultdict(list)
        for location, since in ended:
            by_segment[location.segment].append((location, since))
        failed = 0
        for segment, records in by_segment.items():
            locations = [location for location, _ in records]
            try:
                self._discard(segment, locations, min(since for _, since in records))
            except OSError:
                failed += len(records)
        return failed

    def _discard(self, segment: UUID, locations: Sequence[Location], since: float | None) -> None:
        """Keys first: from then on nothing of them can be read, whatever becomes of the bytes."""
        try:
            descriptor = os.open(self.path(segment), os.O_RDWR)
        except FileNotFoundError:
            return  # reclaimed with its segment
        try:
            headers = [spool_record.header_at(descriptor, location.offset) for location in locations]
            self.keys.destroy(segment, [header.slot for header in headers if header], since)
            for location in locations:
                spool_record.wipe(descriptor, location.offset, location.offset + location.length)
        finally:
            os.close(descriptor)

    def is_in_place(self) -> bool:
        """Whether the folder is the one we opened: an unmounted disk must not look like an empty spool."""
        try:
            return (self.folder.parent / "node").read_text().strip() == str(self.node_id)
        except OSError:
            return False

    def free_bytes(self) -> int:
        usage = os.statvfs(self.folder)
        return usage.f_bavail * usage.f_frsize


def segments_in(spool: Spool) -> Iterator[Path]:
    """All segment files, oldest first (names are time-ordered)."""
    yield from sorted(filter(_is_segment, spool.folder.iterdir()), key=lambda path: path.stem)


def _is_segment(path: Path) -> bool:
    try:
        return path.suffix in (".seg", ".long") and bool(UUID(path.stem))
    except ValueError:
        return False  # somebody else's file


def _identity(folder: Path, clock: Clock) -> UUID:
    """Two processes at once agree on one identity."""
    path = folder / "node"
    if not path.exists():
        write_once(path, f"{clock.new_id()}\n".encode())
    return UUID(path.read_text().strip())
