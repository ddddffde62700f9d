"""Reclaims spool segments nobody writes any more, and copies what still waits to long-wait segments.

The database says what is still needed, asked while the segment's lock is held. Must never reclaim
before every transaction that could still commit rows for a segment has ended, and must stop when the
database is not the one this spool belongs to.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog

from mailcore import crash_points, metrics
from mailcore.clock import Clock, time_of
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.settings import Settings
from mailcore.spool import (
    Damaged,
    Entry,
    Gone,
    Location,
    LockedSegment,
    SegmentWriter,
    Spool,
    SpoolFault,
    segments_in,
)

log = structlog.get_logger("spool_sweep")

# A long-wait segment is rewritten only when it is old and mostly zeros.
_COMPACT_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Survivor:
    """A record that is still needed, and every message that points at it."""

    location: Location
    messages: Sequence[UUID]


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
        self._seen: dict[UUID, int] = {}

    async def sweep(self) -> int:
        """One round over all segments. Returns how many were reclaimed."""
        try:
            if not await self._is_our_database():
                log.error("spool_of_another_database")
                return 0
            return await self._round()
        except (*CONNECTION_LOST, Aborted, SpoolFault) as error:
            log.warning("sweep_postponed", error=type(error).__name__)
            return 0

    async def _round(self) -> int:
        paths = await asyncio.to_thread(lambda: list(segments_in(self._spool)))
        metrics.SPOOL_SEGMENTS.set(len(paths))
        metrics.SPOOL_FREE.set(self._spool.free_bytes())
        reclaimed = 0
        for path in paths:
            segment = LockedSegment.take(path)
            if segment is None:
                continue
            try:
                reclaimed += await self._visit(segment)
            finally:
                segment.release()
        self._forget({UUID(path.stem) for path in paths})
        return reclaimed

    async def _visit(self, segment: LockedSegment) -> bool:
        if not await self._is_settled(segment.id):
            return False
        survivors = await self._survivors(segment.id)
        if not survivors:
            segment.unlink()
            return True
        if not self._is_due(segment, survivors):
            return False
        if await self._move(segment, survivors):
            segment.unlink()
            return True
        return False

    async def _is_settled(self, segment: UUID) -> bool:
        """True once every transaction that ran when we first met the unlocked segment has ended.

        A writer that died may have left a COMMIT on its way; its rows would appear later.
        """
        row = await self._database.row(
            "select pg_snapshot_xmin(s)::text::bigint as oldest, pg_snapshot_xmax(s)::text::bigint "
            "as next from pg_current_snapshot() s"
        )
        horizon = self._seen.setdefault(segment, row["next"])
        return bool(row["oldest"] >= horizon)

    def _is_due(self, segment: LockedSegment, survivors: Sequence[_Survivor]) -> bool:
        age = self._clock.now() - time_of(segment.id)
        if segment.long_wait:
            needed = sum(survivor.location.length for survivor in survivors)
            return age >= _COMPACT_AFTER and needed < segment.size // 2
        return age >= self._settings.segment_age + self._settings.survivor_age

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

    async def _move(self, segment: LockedSegment, survivors: Sequence[_Survivor]) -> bool:
        """Copies, syncs, points the rows at the copy. False when a record is damaged: then the segment
        stays.
        """
        whole = True
        for survivor in survivors:
            try:
                record = await asyncio.to_thread(
                    segment.read, survivor.location.offset, survivor.location.length
                )
            except Gone:
                continue  # its message ended meanwhile; the rows are gone with it
            except Damaged:
                await self._hold(survivor)
                whole = False
                continue
            entry = Entry(record.id, record.envelope, [record.content])
            (copy,) = await asyncio.to_thread(self._long_wait.append, [entry])
            try:
                crash_points.reach("sweep-after-copy")
                moved = await self._point_at(survivor, copy)
                crash_points.reach("sweep-after-move")
            finally:
                self._long_wait.settled([copy])
            if not moved:
                self._spool.discard(copy)
        return whole

    async def _point_at(self, survivor: _Survivor, copy: Location) -> bool:
        async with self._database.transaction(certain=True) as tx:
            await tx.fetch(
                "select id from message where id = any($1::uuid[]) order by id for update",
                list(survivor.messages),
            )
            status = await tx.execute(
                "update message set segment = $3, record_offset = $4, record_length = $5 "
                "where id = any($1::uuid[]) and segment = $2",
                list(survivor.messages), survivor.location.segment, copy.segment, copy.offset, copy.length,
            )  # fmt: skip
        return not status.endswith(" 0")

    async def _hold(self, survivor: _Survivor) -> None:
        metrics.DAMAGED.inc()
        log.error("record_damaged", messages=len(survivor.messages))
        async with self._database.transaction() as tx:
            await tx.execute(
                "update delivery set state = 'held' where message_id = any($1::uuid[]) and "
                "lease_owner is null and state = 'waiting'",
                list(survivor.messages),
            )

    async def _is_our_database(self) -> bool:
        """The spool notes the database it first met; another one, or an older timeline, must not
        decide what is needed.
        """
        row = await self._database.row(
            "select system_identifier::text || ' ' || timeline_id::text as identity from "
            "pg_control_system(), pg_control_checkpoint()"
        )
        return await asyncio.to_thread(
            _same_database, self._spool.folder.parent / "database", str(row["identity"])
        )

    def _forget(self, present: set[UUID]) -> None:
        for gone in self._seen.keys() - present:
            del self._seen[gone]


def _same_database(path: Path, identity: str) -> bool:
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_text(identity)
        draft.replace(path)
    return path.read_text() == identity
