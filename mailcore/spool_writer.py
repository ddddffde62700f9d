"""Appending to the spool: the order in which bytes become durable, and the segments take turns.

1. A segment is made: locked, its name synced (`Segment.create`).
2. One write for all records of a batch, one sync; then they have a location (`SegmentWriter.append`). A
   large message streams first, and gets its header right before its sync (`LargeEntry`).
3. The transaction with the rows commits (acceptance.py); then 250.
4. `settled`: its fate is known. The lock goes with the last of a sealed segment; the sweep takes over.

Must never acknowledge bytes that were not synced, nor sync a file again after a failed sync.
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from mailcore import crash_points, spool_record
from mailcore.clock import Clock
from mailcore.spool import Spool
from mailcore.spool_record import HEADER_BYTES, Buffer, Encoder, Entry, Location
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
        records = [spool_record.encode(entry) for entry in entries]
        with self._turn:
            segment = self._enter(len(entries))
            end = segment.size
            locations = []
            for record in records:
                locations.append(Location(segment.id, end, record.length))
                end += record.length
            try:
                parts = [part for record in records for part in record.parts]
                spool_record.write(segment.descriptor, parts, segment.size)
                crash_points.reach("spool-before-sync")
                crash_points.fail_io("sync")
                self._sync(segment.descriptor)
                crash_points.reach("spool-after-sync")
            except OSError as error:
                self._abandon(segment, len(entries))
                raise SpoolFault.of(error) from error
            segment.size = end
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
        fresh = Segment.create(self._spool.folder, self._clock, self._suffix)
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

    def _abandon(self, segment: Segment, count: int) -> None:
        """After a failed write or sync the file can't be trusted again; earlier, synced records in it
        stay.
        """
        segment.cut_back()
        with self._guard:
            if segment is self._current:
                self._current = None
            segment.sealed = True
            self._leave(segment, count)

    def _is_old(self, segment: Segment) -> bool:
        return self._clock.monotonic() - segment.born >= self._oldest


class LargeEntry:
    """A message too large for memory: streams into a segment of its own. All methods block.

    The header is written last, so a torn file never looks like a record.
    """

    def __init__(
        self, spool: Spool, clock: Clock, record_id: UUID, *, sync: Callable[[int], None] = os.fdatasync
    ) -> None:
        self._sync = sync
        self._record = Encoder(record_id)
        self._segment = Segment.create(spool.folder, clock, ".seg")

    def write(self, buffers: Sequence[Buffer]) -> None:
        try:
            spool_record.write(self._segment.descriptor, buffers, self._record.content_end)
        except OSError as error:
            raise SpoolFault.of(error) from error
        self._record.add(buffers)

    @property
    def descriptor(self) -> int:
        """For reading the content back before it is accepted (`content_offset` is where it starts)."""
        return self._segment.descriptor

    content_offset = HEADER_BYTES

    def finish(self, envelope: dict[str, Any]) -> Location:
        """Writes envelope and header, syncs. Raises `SpoolFault`."""
        header, encoded = self._record.close(envelope)
        end = self._record.content_end
        try:
            spool_record.write(self._segment.descriptor, [encoded], end)
            spool_record.write(self._segment.descriptor, [header], 0)
            crash_points.fail_io("sync")
            self._sync(self._segment.descriptor)
        except OSError as error:
            raise SpoolFault.of(error) from error
        self._segment.size = end + len(encoded)
        return Location(self._segment.id, 0, self._segment.size)

    def keep(self) -> None:
        """Committed, or unknown no longer: the lock goes, the sweep takes over."""
        self._segment.seal()

    def drop(self) -> None:
        """Not accepted: the bytes go at once."""
        self._segment.size = 0
        self._segment.cut_back()
        self._segment.seal()
