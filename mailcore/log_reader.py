"""The reader of the 7-day log, which event_log.py writes (news.py and queue_owner.py read what they show;
service_status.py counts).

Must never return a row of another account, nor one older than the retention, whatever upkeep did.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore.clock import Clock
from mailcore.database import Database, Tenant
from mailcore.event_log import Event, LoggedMessage


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a customer asks for; None means any. `text` is looked for in subject, sender and alias.

    `alias` is an address as it was written to; one without a tag also stands for itself with any tag.
    """

    domain_id: UUID | None = None
    alias: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of the page before: pages go from new to old."""

    received_at: datetime
    id: UUID


_SELECT_MESSAGES = """
select m.id, m.account_id, m.domain_id, m.received_at, m.client_ip, m.client_name, m.subject, m.sender,
    m.alias,
       (select e.type from log_event e where e.message_id = m.id and e.received_at = m.received_at
        order by e.id desc limit 1) as last_event
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
order by m.received_at desc, m.id desc
limit $11
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
    ) -> list[tuple[LoggedMessage, str]]:
        """Messages newest first, each with the type of its latest event."""
        pattern = None if wanted.text is None else f"%{_like(wanted.text)}%"
        rows = await self._rows(
            tenant, _SELECT_MESSAGES, tenant.account_id, self._horizon(), after and after.received_at,
            after and after.id, wanted.domain_id, wanted.alias, wanted.event_type, wanted.since, wanted.until,
            pattern, limit, _tagged(wanted.alias),
        )  # fmt: skip
        return [(message_of(row), row["last_event"] or "") for row in rows]

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


def event_of(row: Any) -> Event:
    return Event(
        row["message_id"], row["account_id"], row["received_at"], row["delivery_id"], row["at"], row["type"],
        row["response"], row["code"], row["server_ip"], timedelta(milliseconds=row["duration_ms"]),
        row["attempt"],
    )  # fmt: skip
