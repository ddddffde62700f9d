"""Reclaims spool segments nobody writes any more, and copies what still waits to long-wait segments.

The database says what is still needed, asked while the segment's lock is held. Must never reclaim
before every transaction that could still commit rows for a segment has ended, and must stop when the
database is not the one this spool belongs to.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from mailcore import crash_points, metrics, spool_owner
from mailcore.clock import Clock, time_of
from mailcore.database import CONNECTION_LOST, Aborted, Database, UnknownOutcome
from mailcore.event_log import columns
from mailcore.settings import Settings
from mailcore.spool import Spool, segments_in
from mailcore.spool_record import Damaged, Entry, Gone, KeyLost, Location, Record
from mailcore.spool_segment import LockedSegment, SpoolFault
from mailcore.spool_writer import SegmentWriter

log = structlog.get_logger("spool_sweep")

# A long-wait segment is rewritten only when it is old and mostly zeros.
_COMPACT_AFTER = timedelta(hours=1)
# What one copy takes at most: one sync and one transaction for all of it.
_COPY_RECORDS = 200
_COPY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Survivor:
    """A record that is still needed, and every message that points at it."""

    location: Location
    messages: Sequence[UUID]


@dataclass(slots=True)
class _Looked:
    """What came of reading survivors. `failed`: the disk did not answer for some; they stay as they are."""

    records: list[tuple[_Survivor, Record]] = field(default_factory=list)
    damaged: list[_Survivor] = field(default_factory=list)
    keyless: list[_Survivor] = field(default_factory=list)
    failed: OSError | None = None


@dataclass(slots=True)
class _Met:
    """What we know of an unlocked segment: the first transaction id that was not given out yet when we met
    it, when that was (monotonic), and what was needed when it was last wiped.
    """

    horizon: int
    since: float
    wiped: Sequence[Location] | None = None


class SpoolSweep:
    """One for each node, in its upkeep process."""

    def __init__(
        self, *, database: Database, spool: Spool, long_wait: SegmentWriter, clock: Clock, settings: Settings
    ) -> None:
        self._database = database
        self._spool = spool
        self._long_wait = long_wait
        self._clock = clock
        self._settings = settings
        self._met: dict[UUID, _Met] = {}
        self._failing: set[UUID] = set()
        self._may_copy = True

    async def sweep(self) -> int:
        """One round over all segments. Returns how many were reclaimed."""
        self._long_wait.seal_if_old()
        try:
            if not await self._is_our_database():
                log.error("spool_of_another_database")
                return 0
            return await self._round()
        except (*CONNECTION_LOST, Aborted, UnknownOutcome) as error:
            log.warning("sweep_postponed", error=type(error).__name__)
            return 0

    async def _round(self) -> int:
        paths = await asyncio.to_thread(lambda: list(segments_in(self._spool)))
        metrics.SPOOL_SEGMENTS.set(len(paths))
        metrics.SPOOL_FREE.set(self._spool.free_bytes())
        self._may_copy = True
        reclaimed = 0
        for path in paths:
            segment = self._taken(path)
            if segment is None:
                self._met.pop(UUID(path.stem), None)  # whatever we knew: somebody may be writing to it
                continue
            try:
                reclaimed += await self._try_to_visit(segment)
            finally:
                segment.release()
        self._forget({UUID(path.stem) for path in paths})
        await asyncio.to_thread(self._remove_lost_keys)
        return reclaimed

    def _remove_lost_keys(self) -> None:
        """Key files whose segment is gone: of a segment that never held anything, or of a reclaim cut off.

        They are listed first: a key file is made after its segment.
        """
        keys = self._spool.keys
        try:
            with_keys = keys.segments()
            present = {UUID(path.stem) for path in segments_in(self._spool)}
            if not self._spool.is_in_place():
                return
            for segment in with_keys - present:
                keys.erase(segment)
                keys.unlink(segment)
        except OSError as error:
            log.error("keys_not_removed", error=type(error).__name__)

    def _taken(self, path: Path) -> LockedSegment | None:
        try:
            return LockedSegment.take(path, self._spool.keys)
        except OSError as error:
            log.error("segment_unreadable", error=type(error).__name__)
            return None

    async def _try_to_visit(self, segment: LockedSegment) -> bool:
        """What the disk does to one file must not keep the sweep from the others."""
        try:
            reclaimed = await self._visit(segment)
        except (ConnectionError, TimeoutError):
            raise  # the database, not the disk
        except OSError as error:
            if segment.id not in self._failing:
                metrics.SEGMENTS_FAILED.inc()
                log.error("segment_failed", error=type(error).__name__, code=error.errno)
            self._failing.add(segment.id)
            return False
        self._failing.discard(segment.id)
        return reclaimed

    async def _visit(self, segment: LockedSegment) -> bool:
        if not await self._is_settled(segment.id):
            return False
        survivors = await self._survivors(segment.id)
        due = bool(survivors) and self._is_due(segment, survivors)
        failed = None
        if due:
            failed = await self._try_to_move(segment, survivors)
            survivors = await self._survivors(segment.id)
        if not survivors:
            return await asyncio.to_thread(_reclaimed, segment)
        if due or segment.long_wait:
            await self._wipe(segment, [survivor.location for survivor in survivors])
        if failed:
            raise failed
        return False

    async def _try_to_move(self, segment: LockedSegment, survivors: Sequence[_Survivor]) -> OSError | None:
        """On a full disk nothing can be copied; what is finished must be wiped and reclaimed all the more."""
        if not self._may_copy:
            return None
        try:
            return await self._move(segment, survivors)
        except SpoolFault as fault:
            log.error("copy_failed", disk_full=fault.disk_full)
            self._may_copy = False
            return None

    async def _is_settled(self, segment: UUID) -> bool:
        """True once every transaction that ran when we first met the unlocked segment has ended.

        A writer that died may have left a COMMIT on its way; its rows would appear later.
        """
        row = await self._database.row(
            "select pg_snapshot_xmin(s)::text::bigint as oldest, pg_snapshot_xmax(s)::text::bigint "
            "as next from pg_current_snapshot() s"
        )
        met = self._met.setdefault(segment, _Met(row["next"], self._clock.monotonic()))
        return bool(row["oldest"] >= met.horizon)

    def _is_due(self, segment: LockedSegment, survivors: Sequence[_Survivor]) -> bool:
        """By the name's age, or by how long we have seen it sealed: the wall clock may have been set back."""
        age = self._clock.now() - time_of(segment.id)
        needed = sum(survivor.location.length for survivor in survivors)
        if segment.long_wait:
            return age >= _COMPACT_AFTER and needed < segment.size // 2
        if needed == segment.size > self._settings.memory_message and len(survivors) == 1:
            return False  # a large message is alone in its segment: a copy would win nothing
        seen = timedelta(seconds=self._clock.monotonic() - self._met[segment.id].since)
        wait = self._settings.survivor_age
        return age >= self._settings.segment_age + wait or seen >= wait

    async def _wipe(self, segment: LockedSegment, needed: Sequence[Location]) -> None:
        """What ended while nobody discarded it (a crash, a copy that was not taken) must not be readable."""
        met = self._met[segment.id]
        if met.wiped != needed:
            await asyncio.to_thread(segment.wipe_except, needed)
            met.wiped = needed

    async def _survivors(self, segment: UUID) -> list[_Survivor]:
        rows = await self._database.fetch(
            "select record_offset, record_length, array_agg(id order by id) as ids from message "
            "where segment = $1 "
            "group by record_offset, record_length order by record_offset",
            segment,
        )
        return [
            _Survivor(Location(segment, row["record_offset"], row["record_length"]), row["ids"])
            for row in rows
        ]

    async def _move(self, segment: LockedSegment, survivors: Sequence[_Survivor]) -> OSError | None:
        """Copies, syncs, points the rows at the copies. What is damaged stays where it is, held; what the
        disk failed to read waits for the next round. Returns how it failed.
        """
        failed = None
        for batch in _batches(survivors):
            looked = await asyncio.to_thread(_read, segment, batch)
            for kind, unreadable in (("damaged", looked.damaged), ("key-lost", looked.keyless)):
                if unreadable:
                    await self._hold(kind, unreadable)
            if looked.records:
                await self._move_batch(looked.records)
            failed = failed or looked.failed
        return failed

    async def _move_batch(self, records: Sequence[tuple[_Survivor, Record]]) -> None:
        entries = [Entry(record.id, record.envelope, [record.content]) for _, record in records]
        copies = await asyncio.to_thread(self._long_wait.append, entries)
        placed = [(survivor, copy) for (survivor, _), copy in zip(records, copies, strict=True)]
        unused: Sequence[Location] = []
        try:
            crash_points.reach("sweep-after-copy")
            unused = await self._point_at(placed)
            crash_points.reach("sweep-after-move")
        except Aborted:
            unused = copies
            raise
        finally:
            self._long_wait.settled(copies)
            await asyncio.to_thread(self._discard, unused)

    async def _point_at(self, placed: Sequence[tuple[_Survivor, Location]]) -> Sequence[Location]:
        """Returns the copies that nobody needs: their messages ended meanwhile."""
        rows = [
            (message, survivor.location.segment, copy.segment, copy.offset, copy.length)
            for survivor, copy in placed
            for message in survivor.messages
        ]
        async with self._database.transaction(certain=True) as tx:
            await tx.fetch(
                "select id from message where id = any($1::uuid[]) order by id for update",
                [row[0] for row in rows],
            )
            moved = await tx.fetch(_POINT_AT, *columns(rows))
            if moved:
                tx.leaves(_STAND_THERE, *columns([(row[0], row[2], row[3]) for row in rows]))
        found = {row["id"] for row in moved}
        return [copy for survivor, copy in placed if found.isdisjoint(survivor.messages)]

    def _discard(self, copies: Sequence[Location]) -> None:
        for copy in copies:
            self._spool.discard(copy)

    async def _hold(self, kind: str, damaged: Sequence[_Survivor]) -> None:
        """Once: what is held already was counted when it was found."""
        messages = [message for survivor in damaged for message in survivor.messages]
        async with self._database.transaction() as tx:
            rows = await tx.fetch(
                "update delivery set state = 'held' where message_id = any($1::uuid[]) and "
                "lease_owner is null and state = 'waiting' returning message_id",
                messages,
            )
        if held := {row["message_id"] for row in rows}:
            metrics.DAMAGED.inc(sum(not held.isdisjoint(survivor.messages) for survivor in damaged))
            log.error("record_damaged", kind=kind, messages=len(held))

    async def _is_our_database(self) -> bool:
        """Another database, or an older point of ours, must not decide what is needed."""
        return await spool_owner.confirm(self._database, self._spool.folder.parent, self._spool.node_id)

    def _forget(self, present: set[UUID]) -> None:
        for gone in self._met.keys() - present:
            del self._met[gone]
        self._failing &= present


# Of any of them: the others may have ended since, and if all have, nobody needs the copies.
_STAND_THERE = """
select exists (select from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as c (id, segment, position)
    join message m on m.id = c.id and m.segment = c.segment and m.record_offset = c.position)
"""
_POINT_AT = """
update message m set segment = c.segment, record_offset = c.position, record_length = c.length
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
    as c (id, old, segment, position, length)
where m.id = c.id and m.segment = c.old returning m.id
"""


def _reclaimed(segment: LockedSegment) -> bool:
    try:
        segment.unlink()
    except OSError as error:
        log.error("segment_not_removed", error=type(error).__name__)
        return False
    return True


def _batches(survivors: Sequence[_Survivor]) -> Iterator[Sequence[_Survivor]]:
    batch: list[_Survivor] = []
    size = 0
    for survivor in survivors:
        if batch and (len(batch) >= _COPY_RECORDS or size + survivor.location.length > _COPY_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(survivor)
        size += survivor.location.length
    if batch:
        yield batch


def _read(segment: LockedSegment, batch: Sequence[_Survivor]) -> _Looked:
    looked = _Looked()
    for survivor in batch:
        try:
            looked.records.append((survivor, segment.read(survivor.location)))
        except Gone:
            continue  # its message ended meanwhile; the rows are gone with it
        except KeyLost:
            looked.keyless.append(survivor)
        except Damaged:
            looked.damaged.append(survivor)
        except OSError as error:
            looked.failed = error
    return looked
