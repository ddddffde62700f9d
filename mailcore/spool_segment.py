"""A segment file in the hands of one holder: of its writer while it grows, of the sweep once it rests.

The exclusive lock on the file says who that is. Must never be written by two, closed while an append
in it may still be committed, or looked at by the sweep before that.
"""

import errno
import fcntl
import os
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self
from uuid import UUID

from mailcore import spool_record
from mailcore.clock import Clock
from mailcore.keyring import sync_folder
from mailcore.spool_keys import FIRST_SLOTS, SpoolKeys
from mailcore.spool_record import Location, Record


class SpoolFault(Exception):
    """A write or sync failed; the segment is sealed for good and nothing in this batch was accepted."""

    def __init__(self, *, disk_full: bool) -> None:
        super().__init__("spool write failed")
        self.disk_full = disk_full

    @classmethod
    def of(cls, error: OSError) -> Self:
        return cls(disk_full=error.errno in (errno.ENOSPC, errno.EDQUOT))


class Segment:
    """One open segment file of a writer. `pending` counts appends whose fate in the database is open."""

    def __init__(self, path: Path, identifier: UUID, born: float, keys: SpoolKeys, slots: int) -> None:
        self.id = identifier
        self.born = born
        self.size = 0
        self.pending = 0
        self.sealed = False
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self.descriptor).st_nlink == 0:
                raise BlockingIOError  # somebody had the lock before us, and reclaimed the file
            sync_folder(path.parent)
            self.keys = keys.create(identifier, slots)
        except OSError:
            self.cut_back()
            os.close(self.descriptor)
            raise

    @classmethod
    def create(
        cls, folder: Path, keys: SpoolKeys, clock: Clock, suffix: str, slots: int = FIRST_SLOTS
    ) -> Self:
        """A new, locked segment with a durable name and durable keys. Raises `SpoolFault`."""
        try:
            while True:
                identifier = clock.new_id()
                try:
                    path = folder / f"{identifier}{suffix}"
                    return cls(path, identifier, clock.monotonic(), keys, slots)
                except BlockingIOError:
                    continue  # the sweep was faster to lock the new, empty file, which it may reclaim
        except OSError as error:
            raise SpoolFault.of(error) from error

    def cut_back(self) -> None:
        """What was not accepted goes at once; where even that fails, the sweep reclaims it with the file. It
        removes the key file too.
        """
        try:
            if self.size == 0:
                self.path.unlink(missing_ok=True)
            os.ftruncate(self.descriptor, self.size)
        except OSError:
            return

    def seal(self) -> None:
        self.sealed = True
        self.close_if_done()

    def close_if_done(self) -> None:
        """Closing releases the lock: from then on the sweep may look at the segment."""
        if self.sealed and self.pending == 0 and self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            self.keys.close()


class LockedSegment:
    """A segment nobody writes any more, held by the sweep while it decides.

    A thread may still be at work when the sweep that asked it is broken off: `release` waits for it, lest
    it writes to a file that got the same descriptor.
    """

    def __init__(self, path: Path, descriptor: int, keys: SpoolKeys) -> None:
        self.path = path
        self.id = UUID(path.stem)
        self._keys = keys
        self.long_wait = path.suffix == ".long"
        self._descriptor = descriptor
        self._working = threading.Lock()

    @classmethod
    def take(cls, path: Path, keys: SpoolKeys) -> Self | None:
        """None while its writer holds it, or when it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return cls(path, descriptor, keys)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, location: Location) -> Record:
        """As `Spool.read`."""
        with self._working:
            return spool_record.read(self._descriptor, location, self._keys.of(self.id))

    def locations(self) -> Iterator[Location]:
        """Where records lie, discarded ones included. Ends early where damage leaves no way to tell."""
        offset = 0
        while offset < self.size:
            end = spool_record.end_of(self._descriptor, offset)
            if end is not None and end <= self.size:
                yield Location(self.id, offset, end - offset)
            elif (end := spool_record.after_zeros(self._descriptor, offset)) == offset:
                return
            offset = end

    def wipe_except(self, needed: Sequence[Location]) -> None:
        """Destroys the key of every record but these, then zeros it; what a walk needs stays where it can be
        read. Raises OSError.
        """
        with self._working:
            self._wipe_except(needed)

    def _wipe_except(self, needed: Sequence[Location]) -> None:
        self._destroy_keys_except(needed)
        ends = {location.offset: location.offset + location.length for location in needed}
        starts = [*sorted(ends), self.size]
        offset = 0
        while offset < self.size:
            if offset in ends:
                offset = ends[offset]
                continue
            limit = starts[bisect_right(starts, offset)]
            end = spool_record.end_of(self._descriptor, offset)
            if end is None or end > limit:  # no record, or one whose lengths are damaged
                spool_record.zero(self._descriptor, offset, limit)
                offset = limit
            else:
                if not spool_record.is_wiped(self._descriptor, end):
                    spool_record.wipe(self._descriptor, offset, end)
                offset = end

    def _destroy_keys_except(self, needed: Sequence[Location]) -> None:
        """A slot is known by its record's header alone: one that is damaged keeps its key until the segment
        goes, lest that of another is destroyed.
        """
        kept = {location.offset for location in needed}
        starts = (location.offset for location in self.locations() if location.offset not in kept)
        headers = (spool_record.header_at(self._descriptor, start) for start in starts)
        self._keys.destroy(self.id, [header.slot for header in headers if header])

    def unlink(self) -> None:
        """Nobody needs any of it: keys first, so that no moment leaves bytes with a key. Raises OSError."""
        with self._working:
            self._destroy_keys_except(())
            self._keys.erase(self.id)
            self.path.unlink(missing_ok=True)
            self._keys.unlink(self.id)

    def release(self) -> None:
        with self._working:
            os.close(self._descriptor)
            self._descriptor = -1
