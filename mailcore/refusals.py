"""Refusals before acceptance, so that a domain's owner can see them in the log.

Written behind the reply, in batches; at most so many rows per domain and hour, then one row that
counts. Must never delay a reply, and never grow without bound: under a flood the surplus is dropped.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from mailcore import content_scan, event_log, log_levels
from mailcore.batching import Batcher
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.event_log import LoggedMessage
from mailcore.log_keys import LogKeys
from mailcore.log_levels import NO_WORDS, Words
from mailcore.mail_rules import LogLevel
from mailcore.replies import Reply
from mailcore.smtp_dialogue import MailTransaction, Peer

log = structlog.get_logger("refusals")

_MOST_WAITING = 1000
_MORE = Reply(550, "5.0.0", event_log.MORE_REFUSALS)


@dataclass(frozen=True, slots=True)
class Refused:
    """A reply that refuses, and what only the domain's owner is told: `why` where the reply does not say all,
    `found` the verdicts on the message in words.
    """

    reply: Reply
    why: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Whose:
    """Who sees a refusal, the address that it was for, and how much of it its domain's log may keep."""

    account_id: UUID
    domain_id: UUID | None
    alias: str
    log_level: LogLevel


@dataclass(frozen=True, slots=True)
class _Refusal:
    """`message` and `event` as they may be written."""

    message: LoggedMessage
    event: event_log.Event
    by_plan: bool

    @property
    def domain_id(self) -> UUID:
        assert self.message.domain_id is not None
        return self.message.domain_id

    @property
    def hour(self) -> datetime:
        return self.message.received_at.replace(minute=0, second=0, microsecond=0)


class RefusalLog:
    """`note()` returns at once; `drain()` at the end writes what is left."""

    def __init__(self, database: Database, clock: Clock, log_keys: LogKeys, *, per_hour: int) -> None:
        self._database = database
        self._clock = clock
        self._log_keys = log_keys
        self._per_hour = per_hour
        self._batcher = Batcher(self._write, largest=200, concurrency=1)
        self._waiting: set[asyncio.Task[None]] = set()

    def note_mail(
        self,
        peer: Peer,
        transaction: MailTransaction,
        whose: Whose,
        refused: Refused,
        header: bytes | None = None,
    ) -> None:
        """What the owner sees of mail that was not accepted. Before DATA there is no subject and no From.
        Mail for no customer's domain is nobody's to see.
        """
        if whose.domain_id is None:
            return
        peer.name_is_wanted = True
        message = LoggedMessage(
            id=self._clock.new_id(),
            account_id=whose.account_id,
            domain_id=whose.domain_id,
            received_at=self._clock.now(),
            client_ip=peer.ip,
            client_name="",
            subject="" if header is None else content_scan.subject(header),
            sender=transaction.reverse_path.wire if header is None else content_scan.from_field(header),
            alias=whose.alias,
            verdicts=refused.found,
        )
        words = Words.of(header or b"", transaction.reverse_path.wire)
        self.note(message, refused, peer.local_ip, peer.reverse_name, whose.log_level, words)

    def note(
        self,
        message: LoggedMessage,
        refused: Refused,
        server_ip: str,
        client_name: Callable[[], Awaitable[str]],
        level: LogLevel = LogLevel.FULL,
        words: Words = NO_WORDS,
    ) -> None:
        """The client's reverse name may still be on its way; it is put in once it is known."""
        if len(self._waiting) >= _MOST_WAITING:
            return
        event = event_log.refused(message, refused.reply, server_ip, refused.why)
        refusal = _Refusal(
            log_levels.of_message(level, message, failed=True),
            log_levels.of_event(level, event, words),
            refused.reply.by_plan,
        )
        task = asyncio.create_task(self._submit(refusal, client_name))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def drain(self) -> None:
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def _submit(self, refusal: _Refusal, client_name: Callable[[], Awaitable[str]]) -> None:
        try:
            message = replace(refusal.message, client_name=await client_name())
            await self._batcher.submit(replace(refusal, message=message))
        except Exception as error:  # noqa: BLE001  nothing was accepted, so nothing is lost but a line of the log
            log.warning("refusal_not_logged", error=type(error).__name__)

    async def _write(self, batch: Sequence[_Refusal]) -> Sequence[None]:
        by_hour: dict[tuple[UUID, datetime], list[_Refusal]] = defaultdict(list)
        for refusal in batch:
            by_hour[refusal.domain_id, refusal.hour].append(refusal)
        async with self._database.transaction() as tx:
            for key in sorted(by_hour):
                await self._write_hour(tx, key, by_hour[key])
            await _count(tx, batch)
        return [None] * len(batch)

    async def _write_hour(
        self, tx: Transaction, key: tuple[UUID, datetime], refusals: Sequence[_Refusal]
    ) -> None:
        count, counting = await tx.row(
            "insert into refused_hour (domain_id, hour, count) values ($1, $2, $3) "
            "on conflict (domain_id, hour) do update set count = refused_hour.count + excluded.count "
            "returning count, counting_message_id",
            *key,
            len(refusals),
        )
        room = max(0, self._per_hour - (count - len(refusals)))
        shown = refusals[:room]
        await event_log.record_messages(tx, self._log_keys, [r.message for r in shown])
        await event_log.record_events(tx, self._log_keys, [r.event for r in shown])
        if count > self._per_hour:
            await self._count_more(tx, key, refusals[-1], count - self._per_hour, counting)

    async def _count_more(
        self, tx: Transaction, key: tuple[UUID, datetime], last: _Refusal, surplus: int, counting: UUID | None
    ) -> None:
        """The one row that stands for all beyond the cap."""
        if counting:
            await event_log.recount(tx, counting, surplus)
            return
        seen = last.message
        row = LoggedMessage(
            self._clock.new_id(), seen.account_id, seen.domain_id, seen.received_at, "", "", "", "", ""
        )
        event = event_log.refused(row, _MORE, last.event.server_ip, count=surplus)
        await event_log.record_messages(tx, self._log_keys, [row])
        await event_log.record_events(tx, self._log_keys, [event])
        await tx.execute(
            "update refused_hour set counting_message_id = $3 where domain_id = $1 and hour = $2",
            *key,
            row.id,
        )


_COUNT = """
insert into usage_day (account_id, day, refused, refused_by_plan)
select account_id, $2, refused, by_plan from unnest($1::uuid[], $3::int[], $4::int[])
    as row (account_id, refused, by_plan)
on conflict (account_id, day) do update
    set refused = usage_day.refused + excluded.refused,
        refused_by_plan = usage_day.refused_by_plan + excluded.refused_by_plan
"""


async def _count(tx: Transaction, batch: Sequence[_Refusal]) -> None:
    refused = Counter(r.message.account_id for r in batch)
    by_plan = Counter(r.message.account_id for r in batch if r.by_plan)
    day = batch[0].message.received_at.date()
    accounts = sorted(refused)
    await tx.execute(
        _COUNT,
        accounts,
        day,
        [refused[account] for account in accounts],
        [by_plan[account] for account in accounts],
    )
