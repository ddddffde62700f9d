"""What the log comes to in numbers, which stand in it in clear: volume by outcome, time to delivered.

Must never count a row of another account, nor one older than the retention.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from mailcore.database import Transaction

Step = Literal["hour", "day"]
_STEPS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


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
    select date_trunc($4, e.received_at) as at, e.type as kind, e.count
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


@dataclass(frozen=True, slots=True)
class Sealed:
    """Accounts that are there and hours (their beginning) of which the log has sealed rows."""

    accounts: Sequence[UUID]
    hours: Sequence[datetime]


_SEALED = """
select array(select distinct m.account_id from log_message m join account a on a.id = m.account_id
             where m.received_at > $1 and m.sealed <> ''::bytea) as accounts,
       array(select distinct date_trunc('hour', m.received_at) from log_message m
             where m.received_at > $1 and m.sealed <> ''::bytea) as hours
"""


async def sealed_since(tx: Transaction, horizon: datetime) -> Sealed:
    """Of all accounts: for whoever looks after the keys."""
    return Sealed(**await tx.row(_SEALED, horizon))


async def volume(
    tx: Transaction, account_id: UUID, horizon: datetime, now: datetime, step: Step, domain_id: UUID | None
) -> list[Volume]:
    """All hours or days (UTC) of the log, the oldest first; empty ones are there as well."""
    length = _STEPS[step]
    rows = await tx.fetch(_VOLUME, account_id, horizon, domain_id, step)
    found = {row["at"]: Volume(row["at"], *(int(count or 0) for count in row[1:])) for row in rows}
    start = horizon.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = start.replace(hour=0) if step == "day" else start
    count = (now - start) // length + 1
    return [found.get(at) or Volume(at) for at in (start + n * length for n in range(count))]


async def speeds(
    tx: Transaction, account_id: UUID, horizon: datetime, domain_id: UUID | None
) -> list[DaySpeed]:
    """Days (UTC) on which something was received that is delivered, the oldest first."""
    rows = await tx.fetch(_SPEEDS, account_id, horizon, domain_id)
    return [DaySpeed(row["day"], row["delivered"], *row["milliseconds"]) for row in rows]
