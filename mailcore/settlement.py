"""Writing down what attempts came to: one transaction for all that finish together, fenced by their leases.

Events, ledger, queue rows and the bytes of a DSN change together or not at all. Must never write the
result of a lease that was lost, and never discard bytes before the commit that closed their last delivery.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from mailcore import (
    crash_points,
    event_log,
    inbox_health,
    ledger,
    log_levels,
    metrics,
    queue,
    replies,
    undelivered_counts,
)
from mailcore.acceptance import Acceptance, Draft
from mailcore.batching import PATIENCE, Batcher
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database, Transaction, UnknownOutcome, is_transient
from mailcore.event_log import Attempt, LoggedMessage, columns
from mailcore.log_keys import LogKeys
from mailcore.log_levels import NO_WORDS, Words
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.retries import Settlement
from mailcore.spool import Spool
from mailcore.spool_record import Location
from mailcore.values import value

log = structlog.get_logger("settlement")

_RETRY_PAUSE = 1.0
# Seconds from one batch of several to the next: few large ones cost less, and nothing waits for a result but
# its slot. Where this process dies meanwhile, what waits is sent again: so not longer.
_INTERVAL = 0.02


@value
class Result:
    """A settlement, and the DSN to send if it closes its message undelivered (its bytes are synced
    already). `words`: what the server may have repeated; `failed`: the message as its log shows it from its
    first failure on, where it said nothing of it before.
    """

    settlement: Settlement
    notification: Draft | None = None
    words: Words = NO_WORDS
    failed: LoggedMessage | None = None


@value
class _Closed:
    """A message whose last delivery ended."""

    id: UUID
    delivered: bool
    location: Location
    shared: bool


@value
class _Written:
    """What one transaction changed."""

    settled: frozenset[UUID]
    closed: Sequence[_Closed]
    notified: frozenset[UUID]


_NOTHING = _Written(frozenset(), (), frozenset())


class Settler:
    """`settle()` returns once the result is committed, or known to be void."""

    def __init__(
        self,
        *,
        database: Database,
        spool: Spool,
        acceptance: Acceptance,
        clock: Clock,
        log_keys: LogKeys,
    ) -> None:
        self._database = database
        self._spool = spool
        self._acceptance = acceptance
        self._clock = clock
        self._log_keys = log_keys
        self._batcher = Batcher(
            self._settle, largest=200, concurrency=2, patience=PATIENCE, interval=_INTERVAL
        )

    async def settle(self, result: Result) -> None:
        await self._batcher.submit(result)

    async def drain(self) -> None:
        await self._batcher.drain()

    async def _settle(self, batch: Sequence[Result]) -> Sequence[None]:
        metrics.SETTLE_BATCH.observe(len(batch))
        try:
            with metrics.BATCH_SETTLED.time():
                parts = await self._written(batch)
        except Exception:  # a fault of ours, and nobody knows what became of it: the sweep asks the database
            self._acceptance.leave_to_sweep([r.notification for r in batch if r.notification])
            raise
        committed = self._clock.monotonic()
        for results, written in parts:
            self._finish_notifications(results, written)
            _count(results, written, self._clock.now())
        crash_points.reach("settle-before-discard")
        await self._discard([message for _, written in parts for message in written.closed], committed)
        return [None] * len(batch)

    async def _written(self, batch: Sequence[Result]) -> list[tuple[Sequence[Result], _Written]]:
        """Tries until the database took it: the mail is out, the result must not be forgotten."""
        while True:
            try:
                return [(batch, await self._commit(batch))]
            except (*CONNECTION_LOST, Aborted) as error:
                log.warning("settle_waits_for_database", error=type(error).__name__, batch=len(batch))
                await asyncio.sleep(_RETRY_PAUSE)
            except asyncpg.PostgresError as error:
                log.error("settle_failed", error=type(error).__name__, batch=len(batch))
                if len(batch) > 1:
                    return [part for result in batch for part in await self._written([result])]
                if not is_transient(error):
                    await self._hold(batch[0].settlement.claimed)
                    return [(batch, _NOTHING)]
                await asyncio.sleep(_RETRY_PAUSE)

    async def _commit(self, batch: Sequence[Result]) -> _Written:
        """Raises `Aborted` where nothing was written. Nobody gives up before it is known: written twice, the
        second time would find the leases gone, and throw a notification away that the first time sent.
        """
        try:
            async with self._database.transaction() as tx:
                written = await self._write(tx, batch)
        except UnknownOutcome as unknown:
            log.error("settle_outcome_unknown", batch=len(batch))
            if not await self._database.outcome_of(unknown.trace):
                raise Aborted from None
        return written

    async def _hold(self, claimed: Claimed) -> None:
        """The database will not take this result, now or later: an operator must look, nobody sends again."""
        metrics.UNSETTLED.inc()
        log.error("settle_given_up", delivery=str(claimed.id), message=str(claimed.message_id))
        try:
            async with self._database.transaction() as tx:
                await queue.hold(tx, claimed)
        except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
            log.error("hold_failed", error=type(error).__name__)  # the lease stays ours until a restart

    async def _write(self, tx: Transaction, batch: Sequence[Result]) -> _Written:
        now = self._clock.now()
        await _lock_messages(tx, batch)
        ended, closed = await _end(tx, self._log_keys, [r for r in batch if r.settlement.is_final], now)
        postponed = await _postpone(tx, [r.settlement for r in batch if not r.settlement.is_final])
        settled = ended | postponed
        of_mine = [result for result in batch if result.settlement.claimed.id in settled]
        mine = [result.settlement for result in of_mine]
        await _log_postponed(tx, self._log_keys, [r for r in of_mine if not r.settlement.is_final], now)
        await _complete_logs(tx, self._log_keys, of_mine)
        await _remember_delivered(tx, mine)
        await inbox_health.remember(tx, mine)
        notified = await self._report_failures(tx, batch, settled, closed, now)
        return _Written(frozenset(settled), closed, notified)

    async def _report_failures(
        self,
        tx: Transaction,
        batch: Sequence[Result],
        settled: set[UUID],
        closed: Sequence[_Closed],
        now: datetime,
    ) -> frozenset[UUID]:
        """One DSN for each message that closed undelivered; where none may go, the owner's notice
        counts it.
        """
        failed = {message.id for message in closed if not message.delivered}
        notified: set[UUID] = set()
        for result in sorted(batch, key=_by_notice):  # one order for all: two settlers count the same rows
            claimed = result.settlement.claimed
            if claimed.message_id not in failed or claimed.origin != "smtp" or claimed.id not in settled:
                continue
            failed.discard(claimed.message_id)
            if result.notification:
                await self._acceptance.insert(tx, [result.notification])
                notified.add(claimed.id)
            elif claimed.alias_address:  # unknown where it is deleted, and its mail can't be read
                code = result.settlement.answer.code
                await undelivered_counts.count(
                    tx, self._log_keys, claimed.account_id, claimed.alias_address, code, now
                )
        return frozenset(notified)

    def _finish_notifications(self, batch: Sequence[Result], written: _Written) -> None:
        for result in batch:
            if result.notification is None:
                continue
            if result.settlement.claimed.id in written.notified:
                self._acceptance.accepted([result.notification])
            else:
                self._acceptance.rejected([result.notification], replies.TRY_LATER)

    async def _discard(self, closed: Sequence[_Closed], committed: float) -> None:
        locations = [
            message.location
            for message in closed
            if not message.shared or not await self._is_still_needed(message.location)
        ]
        self._spool.discard_soon(locations, committed)

    async def _is_still_needed(self, location: Location) -> bool:
        """Recipients of one SMTP transaction share their bytes. Asked after the commit: the last one
        sees nobody.
        """
        query = "select exists (select from message where segment = $1 and record_offset = $2)"
        try:
            return bool(await self._database.value(query, location.segment, location.offset))
        except (*CONNECTION_LOST, asyncpg.PostgresError):
            return True  # the sweep finds out


def _by_notice(result: Result) -> tuple[UUID, str, str]:
    claimed = result.settlement.claimed
    return claimed.account_id, claimed.alias_address, result.settlement.answer.code


async def _lock_messages(tx: Transaction, batch: Sequence[Result]) -> None:
    """Two deliveries of one message may end at once in two processes: the second must see the first."""
    messages = {r.settlement.claimed.message_id for r in batch if not r.settlement.claimed.alone}
    if messages:
        await tx.fetch(
            "select id from message where id = any($1::uuid[]) order by id for update", sorted(messages)
        )


# Deliveries whose lease is still ours, then their messages without another one left, in one order for all;
# events and ledger, which say what the deliveries' rows do. Where the bytes lie is read here: the sweep may
# have moved them. Each is found by its key, whatever was in the table when the plan was made.
_END = f"""
with said as materialized (
    select $1::timestamptz as at, s.*
    from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[], $7::bytea[])
    as s (id, token, type, code, duration_ms, sealed)
), ended as (
    delete from delivery d using said s
    where d.id = any($2) and d.id = s.id and d.lease_token = s.token
    returning d.id, d.message_id, d.account_id, d.accepted_at, d.attempt, d.origin, s.at, s.type, s.code,
        s.duration_ms, s.sealed
), closed as (
    delete from message m using (select message_id from ended order by message_id) e
    where m.id = any($8::uuid[]) and m.id = e.message_id and not coalesce((
        select true from delivery d where d.message_id = m.id and d.id not in (select id from ended) limit 1
    ), false)
    returning m.id, m.delivered, m.segment, m.record_offset, m.record_length, m.shared
),
{event_log.ENDED},
{ledger.ENDED}
select e.id as ended, c.*, pg_current_xact_id()::text as xid
from ended e left join closed c on c.id = e.message_id
"""


async def _end(
    tx: Transaction, keys: LogKeys, results: Sequence[Result], now: datetime
) -> tuple[set[UUID], list[_Closed]]:
    """Deliveries that were ended, and the messages that were closed with them."""
    if not results:
        return set(), []
    claims = [result.settlement.claimed for result in results]
    row_keys = await keys.to_write((c.account_id, c.accepted_at) for c in claims)
    said = {c.id: _event(result, now) for c, result in zip(claims, results, strict=True)}
    rows = [
        (c.id, c.lease.token, *event_log.ended_columns(said[c.id], key))
        for c, key in zip(claims, row_keys, strict=True)
    ]
    written = await tx.fetch(_END, now, *columns(rows), [c.message_id for c in claims])
    if not written:
        return set(), []
    tx.known_as(written[0]["xid"])
    event_log.leave_event(tx, said[written[0]["ended"]])
    tx.tell()
    delivered_now = {r.settlement.claimed.message_id for r in results if r.settlement.kind == "delivered"}
    closed = {row["id"]: _closed(row, row["id"] in delivered_now) for row in written if row["id"]}
    return {row["ended"] for row in written}, list(closed.values())


_POSTPONE = """
update delivery d set lease_owner = null, lease_token = null, failures = d.failures + 1,
    provider = failed.provider, no_domain_since = failed.no_domain_since,
    next_attempt_at = now() + case d.lane when 'fast' then failed.fast else failed.standard end
from unnest($1::uuid[], $2::uuid[], $3::interval[], $4::interval[], $5::timestamptz[], $6::text[])
    as failed (id, token, standard, fast, no_domain_since, provider)
where d.id = any($1) and d.id = failed.id and d.lease_token = failed.token returning d.id, d.node_id, d.lane
"""


async def _postpone(tx: Transaction, settlements: Sequence[Settlement]) -> set[UUID]:
    if not settlements:
        return set()
    rows = await tx.fetch(
        _POSTPONE,
        *columns(
            [
                (
                    s.claimed.id,
                    s.claimed.lease.token,
                    s.waits[Lane.STANDARD],
                    s.waits[Lane.FAST],
                    s.no_domain_since,
                    s.provider,
                )
                for s in settlements
            ]
        ),
    )
    for row in rows:  # so that the lane's worker looks when it is due next
        tx.wake(row["node_id"], Lane(row["lane"]))
    return {row["id"] for row in rows}


# No `exists`: as a join it may read all deliveries.
_REMEMBER_DELIVERED = """
update message m set delivered = true where id = any($1::uuid[])
    and coalesce((select true from delivery d where d.message_id = m.id limit 1), false)
"""


async def _remember_delivered(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """For a message that goes on to other destinations."""
    delivered = (s.claimed for s in settlements if s.kind == "delivered")
    messages = sorted({c.message_id for c in delivered if not c.alone})
    if messages:
        await tx.execute(_REMEMBER_DELIVERED, messages)


def _closed(row: Any, delivered_now: bool) -> _Closed:
    location = Location(row["segment"], row["record_offset"], row["record_length"])
    return _Closed(row["id"], row["delivered"] or delivered_now, location, row["shared"])


async def _log_postponed(tx: Transaction, keys: LogKeys, results: Sequence[Result], now: datetime) -> None:
    events = [_event(result, now) for result in results]
    if events:
        await tx.know()
        event_log.leave_event(tx, events[0])
        await event_log.record_events(tx, keys, events)


async def _complete_logs(tx: Transaction, keys: LogKeys, results: Sequence[Result]) -> None:
    failed = {r.failed.id: r.failed for r in results if r.failed}  # once, also where two copies failed
    await event_log.complete(tx, keys, [failed[message_id] for message_id in sorted(failed)])


def _event(result: Result, now: datetime) -> event_log.Event:
    s, c = result.settlement, result.settlement.claimed
    record = {
        "delivered": event_log.delivered,
        "soft-bounced": event_log.soft_bounced,
        "hard-bounced": event_log.hard_bounced,
    }[s.kind]
    attempt = Attempt(c.message_id, c.account_id, c.accepted_at, c.id, c.attempt)
    event = record(attempt, s.answer, now)
    if c.origin == "smtp":
        return log_levels.of_event(c.log_level, event, result.words)
    return log_levels.of_notice(c.log_level, event)


def _count(batch: Sequence[Result], written: _Written, now: datetime) -> None:
    for result in batch:
        s = result.settlement
        if s.claimed.id not in written.settled:
            metrics.STALE_RESULTS.inc()
            continue
        metrics.outcomes(s.claimed.lane, s.kind).inc()
        if s.kind == "delivered":
            metrics.delivered_after(s.claimed.lane).observe((now - s.claimed.accepted_at).total_seconds())
