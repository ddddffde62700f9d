"""The reader of the 7-day log, which event_log.py writes (news.py and queue_owner.py read what they show;
service_status.py counts).

Must never return a row of another account, nor one older than the retention, whatever upkeep did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from mailcore.authenticity.verdicts import VerdictWords
from mailcore.clock import Clock
from mailcore.database import Database, Tenant
from mailcore.event_log import MORE_REFUSALS, Event, LoggedMessage

_STEPS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a customer asks for; None means any. `text` is looked for in subject, sender and alias.

    `alias` is an address as it was written to; one without a tag also stands for itself with any tag.
    `dmarc` is the result that stands in the words of the event "received" or "refused". `silent`: also mail
    of which nothing is kept but its ids and times, as it was only delivered (log_levels.py).
    """

    domain_id: UUID | None = None
    alias: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    dmarc: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A message with the type of its latest event; `verdicts` is None where it was refused before anything
    was found out about its sender.
    """

    message: LoggedMessage
    last_event: str
    verdicts: VerdictWords | None


@dataclass(frozen=True, slots=True)
class Volume:
    """What became of mail received from `at` on, for an hour or a day: deliveries, each in one place only,
    and messages that were refused. `soft_bounced`: put off and tried again; `waiting`: not answered yet.
    """

    at: datetime
    delivered: int = 0
    soft_bounced: int = 0
    hard_bounced: int = 0
    refused: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class DaySpeed:
    """Milliseconds from receipt to delivered, of what was received on a day and is delivered."""

    day: datetime
    delivered: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Sender:
    """A From, how many messages with it came, and when the last one did."""

    sender: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of the page before: pages go from new to old."""

    received_at: datetime
    id: UUID


_SELECT_MESSAGES = """
select m.id, m.account_id, m.domain_id, m.received_at, m.client_ip, m.client_name, m.subject, m.sender,
    m.alias,
       (select e.type from log_event e where e.message_id = m.id and e.received_at = m.received_at
        order by e.id desc limit 1) as last_event,
       (select e.response from log_event e where e.message_id = m.id and e.received_at = m.received_at
        and e.type in ('received', 'refused') limit 1) as our_reply
from log_message m
where m.account_id = $1 and m.received_at > $2
  and ($3::timestamptz is null or (m.received_at, m.id) < ($3, $4::uuid))
  and ($5::uuid is null or m.domain_id = $5)
  and ($6::text is null or m.alias = $6 or m.alias like $12)
  and ($7::text is null or exists (
        select from log_event e where e.message_id = m.id and e.received_at = m.received_at and e.type = $7))
  and ($8::timestamptz is null or m.received_at >= $8)
  and ($9::timestamptz is null or m.received_at < $9)
  and ($10::text is null or m.subject ilike $10 or m.sender ilike $10 or m.alias ilike $10)
  and ($13::text is null or exists (
        select from log_event e where e.message_id = m.id and e.received_at = m.received_at
        and e.type in ('received', 'refused') and e.response like $13))
  and ($14 or m.alias <> '' or exists (
        select from log_event e where e.message_id = m.id and e.received_at = m.received_at
        and e.type in ('soft-bounced', 'hard-bounced', 'refused')))
order by m.received_at desc, m.id desc
limit $11
"""

_EVENTS = """
select * from log_event where account_id = $1 and message_id = any($2::uuid[])
  and received_at > $3 and received_at between $4 and $5 order by id
"""
_OF_DOMAIN = """
($3::uuid is null or exists (select from log_message m where m.id = e.message_id
                             and m.received_at = e.received_at and m.domain_id = $3))
"""
# What ends has one event that says so; what has not ended is in the queue.
_VOLUME = f"""
select at, sum(count) filter (where kind = 'delivered') as delivered,
       sum(count) filter (where kind = 'soft-bounced') as soft_bounced,
       sum(count) filter (where kind = 'hard-bounced') as hard_bounced,
       sum(count) filter (where kind = 'refused') as refused,
       sum(count) filter (where kind = 'waiting') as waiting
from (
    select date_trunc($4, e.received_at) as at, e.type as kind,
           case when e.type = 'refused'
                then coalesce(substring(e.response from '^550 5.0.0 (\\d+) {MORE_REFUSALS}')::bigint, 1)
                else 1 end as count
    from log_event e where e.account_id = $1 and e.received_at > $2
      and e.type in ('delivered', 'hard-bounced', 'refused') and {_OF_DOMAIN}
    union all
    select date_trunc($4, d.accepted_at), case when d.failures > 0 then 'soft-bounced' else 'waiting' end, 1
    from delivery d where d.account_id = $1 and d.accepted_at > $2 and d.origin = 'smtp'
      and ($3::uuid is null or exists (select from log_message m where m.id = d.message_id
                                       and m.received_at = d.accepted_at and m.domain_id = $3))
) counted group by at
"""
_SPEEDS = f"""
select date_trunc('day', e.received_at) as day, count(*) as delivered,
       percentile_cont(array[0.5, 0.95]) within group
           (order by 1000 * extract(epoch from e.at - e.received_at)::float8) as milliseconds
from log_event e
where e.account_id = $1 and e.received_at > $2 and e.type = 'delivered' and {_OF_DOMAIN}
group by 1 order by 1
"""
# A catch-all gets what no other alias does: `$5` are the local parts that have one.
_SENDERS = """
select m.sender, count(*) as count, max(m.received_at) as last_at from log_message m
where m.account_id = $1 and m.received_at > $2 and m.domain_id = $3 and m.alias <> ''
  and case when $4::text is null
           then lower(regexp_replace(m.alias, '(\\+[^@]*)?@[^@]*$', '')) <> all($5::text[])
           else lower(m.alias) = $4 or lower(m.alias) like $6 end
group by m.sender order by last_at desc, m.sender limit $7
"""


@dataclass(frozen=True, slots=True)
class LogReader:
    """Reads one account's log; nobody else's rows can be named."""

    database: Database
    clock: Clock
    retention: timedelta

    def _horizon(self) -> datetime:
        return self.clock.now() - self.retention

    async def messages(
        self, tenant: Tenant, wanted: LogFilter, after: Cursor | None, limit: int
    ) -> list[Listed]:
        """Messages newest first."""
        pattern = None if wanted.text is None else f"%{_like(wanted.text)}%"
        rows = await self._rows(
            tenant, _SELECT_MESSAGES, tenant.account_id, self._horizon(), after and after.received_at,
            after and after.id, wanted.domain_id, wanted.alias, wanted.event_type, wanted.since, wanted.until,
            pattern, limit, _tagged(wanted.alias), wanted.dmarc and VerdictWords.pattern(_like(wanted.dmarc)),
            wanted.silent,
        )  # fmt: skip
        return [Listed(message_of(row), row["last_event"] or "", verdicts_of(row)) for row in rows]

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
        return message_of(rows[0]) if rows else None

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
        return [event_of(row) for row in rows]

    async def events(self, tenant: Tenant, messages: Sequence[LoggedMessage]) -> dict[UUID, list[Event]]:
        """All events of these messages, by message, in the order they became true."""
        if not messages:
            return {}
        moments = [message.received_at for message in messages]
        ids = [message.id for message in messages]
        found: dict[UUID, list[Event]] = {message_id: [] for message_id in ids}
        for row in await self._rows(
            tenant, _EVENTS, tenant.account_id, ids, self._horizon(), min(moments), max(moments)
        ):
            found[row["message_id"]].append(event_of(row))
        return found

    async def volume(
        self, tenant: Tenant, step: Literal["hour", "day"], domain_id: UUID | None
    ) -> list[Volume]:
        """All hours or days (UTC) of the log, the oldest first; empty ones are there as well."""
        horizon, length = self._horizon(), _STEPS[step]
        rows = await self._rows(tenant, _VOLUME, tenant.account_id, horizon, domain_id, step)
        found = {row["at"]: Volume(row["at"], *(int(count or 0) for count in row[1:])) for row in rows}
        start = horizon.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        start = start.replace(hour=0) if step == "day" else start
        count = (self.clock.now() - start) // length + 1
        return [found.get(at) or Volume(at) for at in (start + n * length for n in range(count))]

    async def speeds(self, tenant: Tenant, domain_id: UUID | None) -> list[DaySpeed]:
        """Days (UTC) on which something was received that is delivered, the oldest first."""
        rows = await self._rows(tenant, _SPEEDS, tenant.account_id, self._horizon(), domain_id)
        return [DaySpeed(row["day"], row["delivered"], *row["milliseconds"]) for row in rows]

    async def senders(
        self, tenant: Tenant, domain_id: UUID, address: str | None, others: Sequence[str], limit: int
    ) -> list[Sender]:
        """Who wrote to this address, tagged or not, the newest first; None: to any address of the domain
        but those whose local part is among the `others`.
        """
        lowered = address and address.lower()
        rows = await self._rows(
            tenant, _SENDERS, tenant.account_id, self._horizon(), domain_id, lowered, others,
            _tagged(lowered), limit,
        )  # fmt: skip
        return [Sender(**row) for row in rows]

    async def _rows(self, tenant: Tenant, query: str, *arguments: object) -> list[Any]:
        async with self.database.transaction(tenant=tenant) as tx:
            return await tx.fetch(query, *arguments)


def _tagged(alias: str | None) -> str | None:
    """The pattern of this address with a tag (plus addressing)."""
    if alias is None:
        return None
    local_part, at, domain = alias.rpartition("@")
    return f"{_like(local_part)}+%{at}{_like(domain)}"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def message_of(row: Any) -> LoggedMessage:
    return LoggedMessage(
        row["id"], row["account_id"], row["domain_id"], row["received_at"], row["client_ip"],
        row["client_name"], row["subject"], row["sender"], row["alias"],
    )  # fmt: skip


def verdicts_of(row: Any) -> VerdictWords | None:
    """`our_reply`: the response of the message's event "received" or "refused"."""
    return VerdictWords.of(row["our_reply"] or "")


def event_of(row: Any) -> Event:
    return Event(
        row["message_id"], row["account_id"], row["received_at"], row["delivery_id"], row["at"], row["type"],
        row["response"], row["code"], row["server_ip"], timedelta(milliseconds=row["duration_ms"]),
        row["attempt"],
    )  # fmt: skip
