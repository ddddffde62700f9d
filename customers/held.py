"""What is held of an account right now, counted: for whoever wants to see that it is as we say.

As that tenant: row-level security is its gate. Must never show a row, nor count more than one account's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mailcore.database import Database, Tenant, Transaction

HOUR: Final = timedelta(hours=1)
_LOGGED: Final = "select count(*) as count, min(received_at) as oldest from log_message where account_id = $1"
_EVENTS: Final = "select type, count(*) as count from log_event where account_id = $1 group by type"
_OF_HOUR: Final = "select count(*) as count from log_message where account_id = $1 and received_at < $2"
# Our own mail (notices, bounces) is nobody's.
_WAITING: Final = """
select count(distinct message_id) as messages, count(*) as deliveries, min(accepted_at) as oldest
from delivery where account_id = $1 and origin = 'smtp'
"""
_AUDIT: Final = "select count(*) as count, min(at) as oldest from audit_event where account_id = $1"
_REQUESTS: Final = "select count(*) as count, min(at) as oldest from request_log where account_id = $1"
_GRANTS: Final = """
select count(*) as count from support_grant
where account_id = $1 and revoked_at is null and expires_at > $2
"""
_LEVELS: Final = "select id, name, log_level from domain where account_id = $1 order by name"


@dataclass(frozen=True, slots=True)
class Rows:
    """So many of a kind, and when the oldest was written; None where there is none."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class NextHour:
    """The oldest hour (UTC) of the log: its key is destroyed at `unreadable_at`, with it `messages` rows."""

    received_from: datetime
    unreadable_at: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class Level:
    """How much is logged of a domain's mail."""

    domain_id: UUID
    domain: str
    log_level: str


@dataclass(frozen=True, slots=True)
class Held:
    """`events` by their type; `waiting` are messages, `deliveries` what is still to be done with them."""

    messages: Rows
    events: Mapping[str, int]
    next_hour: NextHour | None
    waiting: Rows
    deliveries: int
    audit: Rows
    requests: Rows
    grants: int
    levels: Sequence[Level]


async def look(database: Database, tenant: Tenant, now: datetime, retention: timedelta) -> Held:
    """Of what the tenant may see. `retention`: after so long from the end of an hour its key is destroyed."""
    async with database.transaction(tenant=tenant) as tx:
        messages = _rows(await tx.row(_LOGGED, tenant.account_id))
        waiting = await tx.row(_WAITING, tenant.account_id)
        return Held(
            messages=messages,
            events={row["type"]: row["count"] for row in await tx.fetch(_EVENTS, tenant.account_id)},
            next_hour=await _next_hour(tx, tenant, messages.oldest, retention),
            waiting=Rows(waiting["messages"], waiting["oldest"]),
            deliveries=waiting["deliveries"],
            audit=_rows(await tx.row(_AUDIT, tenant.account_id)),
            requests=_rows(await tx.row(_REQUESTS, tenant.account_id)),
            grants=(await tx.row(_GRANTS, tenant.account_id, now))["count"],
            levels=[Level(*row) for row in await tx.fetch(_LEVELS, tenant.account_id)],
        )


async def _next_hour(
    tx: Transaction, tenant: Tenant, oldest: datetime | None, retention: timedelta
) -> NextHour | None:
    if oldest is None:
        return None
    begins = oldest.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = await tx.row(_OF_HOUR, tenant.account_id, begins + HOUR)
    return NextHour(begins, begins + HOUR + retention, found["count"])


def _rows(row: Any) -> Rows:
    return Rows(row["count"], row["oldest"])
