"""The reader of the 7-day log, which event_log.py writes (news.py and queue_owner.py read what they show;
service_status.py counts).

What it filters by is found by keyed hashes; text is looked for by opening the account's own rows, newest
first and within a budget. Must never return a row of another account, nor one older than the retention,
whatever upkeep did, nor be kept busy by one search for longer than its budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mailcore import log_figures
from mailcore.authenticity.verdicts import VerdictWords
from mailcore.clock import Clock
from mailcore.database import Database, Tenant, Transaction
from mailcore.event_log import Event, LoggedMessage, address_in, untagged
from mailcore.log_figures import DaySpeed, Step, Volume
from mailcore.log_keys import LogKeys
from mailcore.log_rows import event_of, keys_of, message_of
from mailcore.log_seal import Label, hashed

_Hashes = Sequence[list[bytes] | None]

# Rows opened at a time: a few milliseconds, so that others in the process have their turn.
_BATCH: Final = 500
_FAR: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a customer asks for; None means any. `text` is looked for in subject, sender and alias.

    `alias` is an address as it was written to; one without a tag also stands for itself with any tag.
    `sender` is the address in From. `dmarc` is its result. `silent`: also mail of which nothing is kept but
    its ids and times, as it was only delivered (log_levels.py).
    """

    domain_id: UUID | None = None
    alias: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    dmarc: str | None = None
    silent: bool = False
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A message with the type of its latest event; `verdicts` is None where it was refused before anything
    was found out about its sender.
    """

    message: LoggedMessage
    last_event: str
    verdicts: VerdictWords | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row that was looked at: pages go from new to old."""

    received_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `next`: where to go on, None where there is nothing more. `searched_back_to`: the search for a
    text stopped there for now, since its budget was spent.
    """

    rows: Sequence[Listed]
    next: Cursor | None = None
    searched_back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """A From, how many messages with it came, and when the last one did."""

    sender: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Senders:
    """The newest first; `searched_back_to` as in `Found`."""

    rows: Sequence[Sender]
    searched_back_to: datetime | None = None


# Every bound of time is a plain comparison, so that a page begins where it begins in the index. Hashes are
# compared with a set (a hashed subplan), since there is one for each of 170 hours.
_SELECT_MESSAGES = """
select m.id, m.account_id, m.domain_id, m.received_at, m.sealed from log_message m
where m.account_id = $1 and m.received_at > $2 and m.received_at >= $3 and m.received_at < $4
  and m.received_at <= $5 and ($6::uuid is null or (m.received_at, m.id) < ($5, $6))
  and ($7::uuid is null or m.domain_id = $7)
  and ($8::text is null or exists (
        select from log_event e where e.message_id = m.id and e.received_at = m.received_at and e.type = $8))
  and ($9 or m.sealed is distinct from ''::bytea or exists (
        select from log_event e where e.message_id = m.id and e.received_at = m.received_at
        and e.type in ('soft-bounced', 'hard-bounced', 'refused')))
  and ($10::bytea[] is null or m.alias_hash in (select unnest($10)))
  and ($11::bytea[] is null or m.untagged_hash in (select unnest($11)))
  and ($12::bytea[] is null or m.sender_hash in (select unnest($12)))
  and ($13::bytea[] is null or m.dmarc_hash in (select unnest($13)))
order by m.received_at desc, m.id desc
limit $14
"""
_LAST_EVENTS = """
select distinct on (message_id) message_id, type from log_event
where account_id = $1 and message_id = any($2::uuid[]) and received_at between $3 and $4
order by message_id, id desc
"""
_EVENTS = """
select * from log_event where account_id = $1 and message_id = any($2::uuid[])
  and received_at > $3 and received_at between $4 and $5 order by id
"""


@dataclass(slots=True)
class _Budget:
    """Of a search: rows to open, seconds to take."""

    clock: Clock
    rows: int
    until: float

    def spend(self, rows: int) -> bool:
        """Whether there is something left."""
        self.rows -= rows
        return self.rows > 0 and self.clock.monotonic() < self.until


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads one account's log; nobody else's rows can be named. `search_rows` and `search_seconds` are the
    budget of one search.
    """

    database: Database
    clock: Clock
    retention: timedelta
    keys: LogKeys
    search_rows: int = 20_000
    search_seconds: float = 0.5

    def _horizon(self) -> datetime:
        return self.clock.now() - self.retention

    async def messages(self, tenant: Tenant, wanted: LogFilter, after: Cursor | None, limit: int) -> Found:
        """Messages newest first."""
        async with self.database.transaction(tenant=tenant) as tx:
            if wanted.text is not None:
                return await self._search(tx, tenant, wanted, after, limit)
            found = await self._batch(
                tx, tenant, wanted, await self._hashes(tenant, wanted), after, limit + 1
            )
            rows = await _listed(tx, tenant, found[:limit])
        return Found(rows, _cursor(found[limit - 1]) if len(found) > limit else None)

    async def _search(
        self, tx: Transaction, tenant: Tenant, wanted: LogFilter, after: Cursor | None, limit: int
    ) -> Found:
        text, hits, budget = (wanted.text or "").casefold(), list[LoggedMessage](), self._budget()
        hashes = await self._hashes(tenant, wanted)
        while True:
            batch = await self._batch(tx, tenant, wanted, hashes, after, _BATCH)
            hits += [message for message in batch if _says(message, text)]
            if len(hits) > limit:
                return Found(await _listed(tx, tenant, hits[:limit]), _cursor(hits[limit - 1]))
            if len(batch) < _BATCH:
                return Found(await _listed(tx, tenant, hits))
            after = _cursor(batch[-1])
            if not budget.spend(len(batch)):
                return Found(await _listed(tx, tenant, hits), after, after.received_at)

    async def _batch(
        self,
        tx: Transaction,
        tenant: Tenant,
        wanted: LogFilter,
        hashes: _Hashes,
        after: Cursor | None,
        limit: int,
    ) -> list[LoggedMessage]:
        """All that the database can filter by."""
        far = self.clock.now() + _FAR
        rows = await tx.fetch(
            _SELECT_MESSAGES, tenant.account_id, self._horizon(), wanted.since or self._horizon(),
            wanted.until or far, after.received_at if after else far, after and after.id, wanted.domain_id,
            wanted.event_type, wanted.silent, *hashes, limit,
        )  # fmt: skip
        keys = await keys_of(self.keys, rows)
        return [message_of(row, keys) for row in rows]

    async def _hashes(self, tenant: Tenant, wanted: LogFilter) -> _Hashes:
        """What the query compares with: every text as it is hashed in each hour of the log; None for any."""
        texts = _texts(wanted)
        keys = (
            await self.keys.of_all_hours(tenant.account_id)
            if any(text is not None for text in texts.values())
            else ()
        )
        return [
            None if text is None else [hashed(key, label, text) for key in keys]
            for label, text in texts.items()
        ]

    def _budget(self) -> _Budget:
        return _Budget(self.clock, self.search_rows, self.clock.monotonic() + self.search_seconds)

    async def count(self, tenant: Tenant) -> int:
        """All messages of the account, the silent ones too."""
        query = "select count(*) from log_message where account_id = $1 and received_at > $2"
        return int((await self._rows(tenant, query, tenant.account_id, self._horizon()))[0][0])

    async def message(self, tenant: Tenant, message_id: UUID) -> LoggedMessage | None:
        rows = await self._rows(
            tenant,
            "select * from log_message where account_id = $1 and id = $2 and received_at > $3",
            tenant.account_id,
            message_id,
            self._horizon(),
        )
        return message_of(rows[0], await keys_of(self.keys, rows)) if rows else None

    async def timeline(self, tenant: Tenant, message_id: UUID) -> list[Event]:
        """All events of one message, in the order they became true."""
        rows = await self._rows(
            tenant,
            "select * from log_event where account_id = $1 and message_id = $2 and received_at > $3 "
            "order by id",
            tenant.account_id,
            message_id,
            self._horizon(),
        )
        keys = await keys_of(self.keys, rows)
        return [event_of(row, keys) for row in rows]

    async def events(self, tenant: Tenant, messages: Sequence[LoggedMessage]) -> dict[UUID, list[Event]]:
        """All events of these messages, by message, in the order they became true."""
        if not messages:
            return {}
        moments = [message.received_at for message in messages]
        ids = [message.id for message in messages]
        found: dict[UUID, list[Event]] = {message_id: [] for message_id in ids}
        rows = await self._rows(
            tenant, _EVENTS, tenant.account_id, ids, self._horizon(), min(moments), max(moments)
        )
        keys = await keys_of(self.keys, rows)
        for row in rows:
            found[row["message_id"]].append(event_of(row, keys))
        return found

    async def volume(self, tenant: Tenant, step: Step, domain_id: UUID | None) -> list[Volume]:
        """All hours or days (UTC) of the log, the oldest first; empty ones are there as well."""
        now = self.clock.now()
        async with self.database.transaction(tenant=tenant) as tx:
            return await log_figures.volume(tx, tenant.account_id, self._horizon(), now, step, domain_id)

    async def speeds(self, tenant: Tenant, domain_id: UUID | None) -> list[DaySpeed]:
        """Days (UTC) on which something was received that is delivered, the oldest first."""
        async with self.database.transaction(tenant=tenant) as tx:
            return await log_figures.speeds(tx, tenant.account_id, self._horizon(), domain_id)

    async def senders(
        self, tenant: Tenant, domain_id: UUID, address: str | None, others: Sequence[str], limit: int
    ) -> Senders:
        """Who wrote to this address, tagged or not, the newest first; None: to any address of the domain
        but those whose local part is among the `others` (a catch-all gets what no other alias does). Mail
        whose From was not kept is of nobody.
        """
        wanted, budget = LogFilter(domain_id=domain_id, alias=address), self._budget()
        found: dict[str, Sender] = {}
        after: Cursor | None = None
        async with self.database.transaction(tenant=tenant) as tx:
            hashes = await self._hashes(tenant, wanted)
            while True:
                batch = await self._batch(tx, tenant, wanted, hashes, after, _BATCH)
                for message in batch:
                    if message.sender and (address is not None or _is_for_none_of(message, others)):
                        _count_sender(found, message)
                if len(batch) < _BATCH:
                    return Senders(list(found.values())[:limit])
                after = _cursor(batch[-1])
                if not budget.spend(len(batch)):
                    return Senders(list(found.values())[:limit], after.received_at)

    async def _rows(self, tenant: Tenant, query: str, *arguments: object) -> list[Any]:
        async with self.database.transaction(tenant=tenant) as tx:
            return await tx.fetch(query, *arguments)


async def _listed(tx: Transaction, tenant: Tenant, messages: Sequence[LoggedMessage]) -> list[Listed]:
    if not messages:
        return []
    moments = [message.received_at for message in messages]
    ids = [message.id for message in messages]
    rows = await tx.fetch(_LAST_EVENTS, tenant.account_id, ids, min(moments), max(moments))
    last = {row["message_id"]: row["type"] for row in rows}
    return [Listed(m, last.get(m.id, ""), VerdictWords.of(m.verdicts)) for m in messages]


def _texts(wanted: LogFilter) -> dict[Label, str | None]:
    """In the order of the query. An address without a tag is compared without those of others."""
    alias = wanted.alias
    is_tagged = alias is not None and "+" in alias.rpartition("@")[0]
    return {
        "alias": alias.lower() if alias is not None and is_tagged else None,
        "untagged": untagged(alias) if alias is not None and not is_tagged else None,
        "sender": None if wanted.sender is None else address_in(wanted.sender),
        "dmarc": wanted.dmarc,
    }


def _cursor(message: LoggedMessage) -> Cursor:
    return Cursor(message.received_at, message.id)


def _says(message: LoggedMessage, text: str) -> bool:
    return any(text in each.casefold() for each in (message.subject, message.sender, message.alias))


def _is_for_none_of(message: LoggedMessage, others: Sequence[str]) -> bool:
    return bool(message.alias) and untagged(message.alias).rpartition("@")[0] not in others


def _count_sender(found: dict[str, Sender], message: LoggedMessage) -> None:
    """Messages come newest first, so the first one of a sender is its last."""
    seen = found.get(message.sender) or Sender(message.sender, 0, message.received_at)
    found[message.sender] = Sender(message.sender, seen.count + 1, seen.last_at)
