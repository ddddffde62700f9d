"""Appending to the spool: the order in which bytes become durable, and the segments take turns.

1. A segment is made: locked, its name synced, its keys synced (`Segment.create`).
2. Each record takes a key, on disk already. One write for all records of a batch, one sync; then they have a
   location (`SegmentWriter.append`). A large message streams first, and gets its header right before its sync
   (`LargeEntry`).
3. The transaction with the rows commits (acceptance.py); then 250.
4. `settled`: its fate is known. The lock goes with the last of a sealed segment; the sweep takes over.

Must never write content that is not sealed, acknowledge bytes or keys that were not synced, nor sync a file
again after a failed sync.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from mailcore import crash_points, spool_record
from mailcore.clock import Clock
from mailcore.spool import Spool
from mailcore.spool_record import ContentReader, Encoder, Entry, Location
from mailcore.spool_seal import Buffer
from mailcore.spool_segment import Segment, SpoolFault


class SegmentWriter:
    """The appending side of one process. `append` blocks: call it in a thread, one at a time."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        *,
        largest: int,
        oldest_seconds: float,
        long_wait: bool = False,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._largest = largest
        self._oldest = oldest_seconds
        self._suffix = ".long" if long_wait else ".seg"
        self._sync = sync
        self._current: Segment | None = None
        self._open: dict[UUID, Segment] = {}
        self._turn = threading.Lock()  # held while writing and syncing
        self._guard = threading.Lock()  # held for moments only: the event loop takes it too

    def append(self, entries: Sequence[Entry]) -> list[Location]:
        """One write, one sync for all entries. Raises `SpoolFault`; then none of them is in the spool.

        Until `settled` is told, the segment keeps its lock.
        """
        with self._turn:
            segment = self._enter(len(entries))
            used = segment.keys.used
            try:
                return self._put(segment, entries)
            except Exception as error:
                self._abandon(segment, len(entries), used)
                if isinstance(error, OSError):
                    raise SpoolFault.of(error) from error
                raise

    def _put(self, segment: Segment, entries: Sequence[Entry]) -> list[Location]:
        keys = segment.keys.take(len(entries))
        records = [spool_record.encode(entry, *key) for entry, key in zip(entries, keys, strict=True)]
        spool_record.write(segment.descriptor, [part for r in records for part in r.parts], segment.size)
        crash_points.reach("spool-before-sync")
        crash_points.fail_io("sync")
        self._sync(segment.descriptor)
        crash_points.reach("spool-after-sync")
        locations = []
        for record in records:
            locations.append(Location(segment.id, segment.size, record.length))
            segment.size += record.length
        return locations

    def settled(self, locations: Sequence[Location]) -> None:
        """The transaction of these appends is committed, or known to be aborted."""
        with self._guard:
            for location in locations:
                self._leave(self._open[location.segment], 1)

    def seal_if_old(self) -> None:
        """Called on a timer, so that a quiet segment is sealed too."""
        with self._guard:
            if self._current and self._current.size and self._is_old(self._current):
                self._seal_current()

    def close(self) -> None:
        """Seals the segment; locks of appends that are still open go with the process."""
        with self._guard:
            self._seal_current()

    def _enter(self, count: int) -> Segment:
        """The segment to append to, with `count` more appends pending, so that nobody closes it meanwhile."""
        with self._guard:
            current = self._current
            if current and (current.size >= self._largest or (current.size and self._is_old(current))):
                self._seal_current()
            elif current:
                current.pending += count
                return current
        fresh = Segment.create(self._spool.folder, self._spool.keys, self._clock, self._suffix)
        with self._guard:
            fresh.pending = count
            self._current = self._open[fresh.id] = fresh
        return fresh

    def _leave(self, segment: Segment, count: int) -> None:
        segment.pending -= count
        segment.close_if_done()
        if segment.descriptor < 0:
            self._open.pop(segment.id, None)

    def _seal_current(self) -> None:
        segment, self._current = self._current, None
        if segment:
            segment.sealed = True
            self._leave(segment, 0)

    def _abandon(self, segment: Segment, count: int, used: int) -> None:
        """After a failed write or sync the file can't be trusted again; earlier, synced records in it
        stay. The keys behind the `used` ones are those of what was not accepted.
        """
        segment.cut_back()
        self._spool.keys.destroy(segment.id, range(used, segment.keys.used))
        with self._guard:
            if segment is self._current:
                self._current = None
            segment.sealed = True
            self._leave(segment, count)

    def _is_old(self, segment: Segment) -> bool:
        return self._clock.monotonic() - segment.born >= self._oldest


class LargeEntry:
    """A message too large for memory: streams into a segment of its own. All methods but the last two block.

    The header is written last, so a torn file never looks like a record.
    """

    def __init__(
        self, spool: Spool, clock: Clock, record_id: UUID, *, sync: Callable[[int], None] = os.fdatasync
    ) -> None:
        self._sync = sync
        self._keys = spool.keys
        self._segment = Segment.create(spool.folder, spool.keys, clock, ".seg", slots=1)
        try:
            ((slot, key),) = self._segment.keys.take(1)
        except OSError as error:
            self._segment.cut_back()
            self._segment.seal()
            raise SpoolFault.of(error) from error
        self._record = Encoder(record_id, slot, key)
        self._is_whole = False

    def write(self, buffers: Sequence[Buffer]) -> None:
        """Raises `SpoolFault`."""
        at = self._record.next_offset
        self._write([chunk for buffer in buffers for chunk in self._record.add(buffer)], at)

    def end(self) -> None:
        """The content is whole, and can be looked at. Raises `SpoolFault`."""
        if not self._is_whole:
            self._is_whole = True
            at = self._record.next_offset
            self._write([self._record.end()], at)

    @contextmanager
    def content(self, skip: int = 0) -> Iterator[ContentReader]:
        """The content from its octet `skip` on, once it is whole: for one thread, by a descriptor of its own.
        What is dropped meanwhile can't be opened any more (`Unsealable`, OSError).
        """
        descriptor = os.dup(self._segment.descriptor)
        try:
            yield self._record.reader(descriptor, skip)
        finally:
            os.close(descriptor)

    def finish(self, envelope: dict[str, Any]) -> Location:
        """Writes envelope and header, syncs. Raises `SpoolFault`."""
        self.end()
        header, sealed = self._record.close(envelope)
        self._write([sealed], self._record.content_end)
        self._write([header], 0)
        try:
            crash_points.fail_io("sync")
            self._sync(self._segment.descriptor)
            self._segment.keys.confirm()
        except OSError as error:
            raise SpoolFault.of(error) from error
        self._segment.size = self._record.content_end + len(sealed)
        return Location(self._segment.id, 0, self._segment.size)

    def _write(self, buffers: Sequence[Buffer], at: int) -> None:
        try:
            spool_record.write(self._segment.descriptor, buffers, at)
        except OSError as error:
            raise SpoolFault.of(error) from error

    def keep(self) -> None:
        """Committed, or unknown no longer: the lock goes, the sweep takes over."""
        self._segment.seal()

    def drop(self) -> None:
        """Not accepted: the key and the bytes go at once."""
        self._keys.destroy(self._segment.id, [0])
        self._segment.size = 0
        self._segment.cut_back()
        self._segment.seal()
