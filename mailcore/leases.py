"""Who holds a delivery: a process that shows that it lives, not a deadline.

Every process bumps its heartbeat. A sweeper that has seen one value for long enough, with the database
answering all the while, declares the owner dead and hands its deliveries on. Must never judge by
another machine's clock, nor while the database was away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import asyncpg
import structlog

from mailcore import event_log, metrics
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.event_log import Attempt
from mailcore.log_keys import LogKeys
from mailcore.plans import Lane
from mailcore.settings import Settings

log = structlog.get_logger("leases")

_WATCH_INTERVAL = 2.0
# Between two looks further apart than this, the database or we stood still, and so did every owner's beat.
_LONGEST_GAP = 3 * _WATCH_INTERVAL


class ProcessLease:
    """This process as an owner of leases. `id` goes into the rows, `is_fresh()` is asked before a
    final dot.
    """

    def __init__(
        self,
        identifier: UUID,
        database: Database,
        clock: Clock,
        settings: Settings,
        on_lost: Callable[[], None],
    ) -> None:
        self.id = identifier
        self._database = database
        self._clock = clock
        self._settings = settings
        self._on_lost = on_lost
        self.is_lost = False
        self._acknowledged = clock.monotonic()

    @classmethod
    async def take(
        cls,
        *,
        database: Database,
        clock: Clock,
        settings: Settings,
        node_id: UUID,
        role: str,
        lane: Lane,
        on_lost: Callable[[], None],
    ) -> Self:
        """Registers the process (and its node, the first time)."""
        identifier = clock.new_id()
        async with database.transaction() as tx:
            await tx.execute("insert into node (id) values ($1) on conflict do nothing", node_id)
            await tx.execute(
                "insert into process (id, node_id, role, lane, heartbeat) values ($1, $2, $3, $4, 0)",
                identifier,
                node_id,
                role,
                lane,
            )
        return cls(identifier, database, clock, settings, on_lost)

    def is_fresh(self) -> bool:
        """False once our last acknowledged heartbeat is so old that others may think us dead."""
        return self._clock.monotonic() - self._acknowledged < self._settings.heartbeat_stale.total_seconds()

    async def beat_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_interval.total_seconds())
            await self._beat()

    async def _beat(self) -> None:
        asked = self._clock.monotonic()
        try:
            async with self._database.transaction() as tx:
                known = await tx.value(
                    "update process set heartbeat = heartbeat + 1, beat_at = now() "
                    "where id = $1 returning true",
                    self.id,
                )
        except (*CONNECTION_LOST, Aborted):
            return  # no judge can see us either; freshness runs out by itself
        except asyncpg.PostgresError as error:
            log.error("heartbeat_failed", error=type(error).__name__)
            return  # a process that stopped beating for good would hold its leases and never know
        if known:
            self._acknowledged = asked
        else:
            log.error("declared_dead")  # frozen for too long: what we hold belongs to others now
            self.is_lost = True
            self._on_lost()

    async def leave(self) -> None:
        """At the end, once nothing is leased any more; where it fails, the sweepers find us gone."""
        try:
            async with self._database.transaction() as tx:
                await tx.execute(
                    "delete from process where id = $1 and not exists (select from delivery where "
                    "lease_owner = $1)",
                    self.id,
                )
        except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
            log.warning("left_without_a_word", error=type(error).__name__)


@dataclass(slots=True)
class _Seen:
    heartbeat: int | None
    since: float


class Sweeper:
    """Watches all owners. Run one in every worker and in upkeep: any of them may find a dead one."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, log_keys: LogKeys) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._log_keys = log_keys
        self._seen: dict[UUID, _Seen] = {}
        self._looked = clock.monotonic()

    async def watch_forever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_WATCH_INTERVAL)

    async def look(self) -> None:
        """One round: notes every owner's heartbeat and reclaims from those that stood still too long."""
        try:
            owners = await self._owners()
            self._note_gap()
            for owner in self._dead(owners):
                await self._reclaim(owner, owners[owner])
        except (*CONNECTION_LOST, Aborted):
            self._seen.clear()  # nobody could beat while the database was away: start watching anew
        except asyncpg.PostgresError as error:
            log.error("look_failed", error=type(error).__name__)

    def _note_gap(self) -> None:
        """Only looks in close succession prove that an owner could have beaten in between."""
        now = self._clock.monotonic()
        if now - self._looked > _LONGEST_GAP:
            self._seen.clear()
        self._looked = now

    async def _owners(self) -> dict[UUID, int | None]:
        """All owners with their heartbeat; None for one that holds leases and is not registered."""
        rows = await self._database.fetch(
            "select id, heartbeat from process union all "
            "select distinct d.lease_owner, null::bigint from delivery d "
            "where d.lease_owner is not null and not exists (select from process p where p.id = "
            "d.lease_owner)"
        )
        return {row["id"]: row["heartbeat"] for row in rows}

    def _dead(self, owners: dict[UUID, int | None]) -> list[UUID]:
        now = self._clock.monotonic()
        for gone in self._seen.keys() - owners.keys():
            del self._seen[gone]
        for owner, heartbeat in owners.items():
            if owner not in self._seen or self._seen[owner].heartbeat != heartbeat:
                self._seen[owner] = _Seen(heartbeat, now)
        patience = self._settings.death_after.total_seconds()
        return [owner for owner, seen in self._seen.items() if now - seen.since >= patience]

    async def _reclaim(self, owner: UUID, heartbeat: int | None) -> None:
        """Its deliveries are due now; each lost attempt gets its event, in the same transaction."""
        async with self._database.transaction() as tx:
            if heartbeat is not None:
                verdict = await tx.value(
                    "delete from process where id = $1 and heartbeat = $2 returning true", owner, heartbeat
                )
                if not verdict:
                    return  # it moved after all, or another sweeper was first
            rows = await tx.fetch(
                "update delivery set lease_owner = null, lease_token = null, next_attempt_at = now() "
                "where lease_owner = $1 "
                "returning id, message_id, account_id, accepted_at, attempt, node_id, lane",
                owner,
            )
            await event_log.record_events(
                tx, self._log_keys, [_interrupted(row, self._clock) for row in rows]
            )
            for row in rows:
                tx.wake(row["node_id"], Lane(row["lane"]))
        self._seen.pop(owner, None)
        metrics.INTERRUPTED.inc(len(rows))
        log.warning("owner_dead", deliveries=len(rows))


def _interrupted(row: Any, clock: Clock) -> event_log.Event:
    attempt = Attempt(row["message_id"], row["account_id"], row["accepted_at"], row["id"], row["attempt"])
    return event_log.interrupted(attempt, clock.now())
