"""The spool folder of one node: whose it is, what lies in it, records read and discarded.

Content lies sealed in append-only segments (spool_segment.py), written by spool_writer.py; its keys lie in
the key folder (spool_keys.py). Must never hand out bytes that do not open under their key.
"""

import fcntl
import os
from collections.abc import Iterator
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

    def discard(self, location: Location, *, since: float | None = None) -> None:
        """Destroys the record's key, then overwrites the record, all but what a walk needs.

        The key is gone for good with the next `keys.sync`; `since` (monotonic) is when nobody needed it any
        more. Raises OSError where the bytes can't be overwritten.
        """
        try:
            descriptor = os.open(self.path(location.segment), os.O_RDWR)
        except FileNotFoundError:
            return  # reclaimed with its segment
        try:
            if header := spool_record.header_at(descriptor, location.offset):
                self.keys.destroy(location.segment, [header.slot], since)
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
