"""What each day came to for the whole service: messages, what became of them, how long delivery took.

Upkeep counts a day once, an hour after it has ended, whoever asks reads that. Must never count a day again
(an account that was deleted since would show in the difference), nor tell of one account or of today.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from mailcore.database import Database
from mailcore.plans import Lane, Plan, limits_for

KEPT: Final = timedelta(days=366)
_SETTLES: Final = timedelta(hours=1)
_BACK: Final = 6
# Seconds for a day: nobody waits for it, and one may have millions of events.
_PATIENCE: Final = 600.0
_FAST_PLANS: Final = [plan.value for plan in Plan if limits_for(plan).lane is Lane.FAST]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds from accepted to delivered. What still waited counts with the time it had waited."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ServiceDay:
    """`received` and `refused` are messages for customers' domains, the others are deliveries: a message to
    two inboxes is two. A lane without mail has no speed.
    """

    day: date
    received: int
    refused: int
    delivered: int
    hard_bounced: int
    waiting: int
    speeds: Mapping[Lane, Speed]


# Only what customers were sent: mail of our own has no row in log_message. The lane is its account's now.
_COUNT: Final = """
with seen as (
    select e.type, a.plan = any($3::text[]) as fast,
           extract(epoch from e.at - e.received_at)::float8 as seconds
    from log_event e join account a on a.id = e.account_id
    where e.received_at >= $1 and e.received_at < $2
      and exists (select from log_message m where m.id = e.message_id and m.received_at = e.received_at)
), waiting as (
    select lane = 'fast' as fast, extract(epoch from now() - accepted_at)::float8 as seconds
    from delivery where origin = 'smtp' and accepted_at >= $1 and accepted_at < $2
), speed as (
    select fast, percentile_cont(array[0.5, 0.95, 0.99]) within group (order by seconds) as at
    from (select fast, seconds from seen where type = 'delivered' union all select * from waiting) each
    group by fast
)
select (select count(*) from seen where type = 'received') as received,
       (select coalesce(sum(refused), 0)::bigint from usage_day where day = $4) as refused,
       (select count(*) from seen where type = 'delivered') as delivered,
       (select count(*) from seen where type = 'hard-bounced') as hard_bounced,
       (select count(*) from waiting) as waiting,
       (select json_object_agg(case when fast then 'fast' else 'standard' end, at) from speed)::text as speeds
"""
# The day after the last that was counted, or the first account's.
_BEGIN: Final = """
select coalesce((select max(day) + 1 from service_day),
                (select (min(created_at) at time zone 'UTC')::date from account))
"""
_NOTE: Final = """
insert into service_day (day, received, refused, delivered, hard_bounced, waiting, speeds)
values ($1, $2, $3, $4, $5, $6, $7::text::jsonb) on conflict (day) do nothing
"""


async def count_due(database: Database, now: datetime) -> None:
    """Days that have ended and are not counted, as far back as the log goes, from the first account on."""
    last = (now - _SETTLES).astimezone(UTC).date() - timedelta(days=1)
    begin = await database.value(_BEGIN)
    if begin is None:
        return
    first = max(begin, last - timedelta(days=_BACK))
    for offset in range((last - first).days + 1):
        await _count(database, first + timedelta(days=offset))
    await database.delete_in_batches("service_day", "day < $1", last - KEPT)


async def _count(database: Database, day: date) -> None:
    begins = datetime.combine(day, time(), UTC)
    async with database.transaction() as tx:
        found = await tx.connection.fetchrow(
            _COUNT, begins, begins + timedelta(days=1), _FAST_PLANS, day, timeout=_PATIENCE
        )
        counts = [found[name] for name in ("received", "refused", "delivered", "hard_bounced", "waiting")]
        await tx.execute(_NOTE, day, *counts, found["speeds"] or "{}")


async def latest(database: Database, count: int) -> Sequence[ServiceDay]:
    """The last so many that were counted, the oldest first."""
    rows = await database.fetch("select * from service_day order by day desc limit $1", count)
    return [_shown(row) for row in reversed(rows)]


def _shown(row: Any) -> ServiceDay:
    speeds = {Lane(lane): Speed(*at) for lane, at in json.loads(row["speeds"]).items()}
    return ServiceDay(
        row["day"],
        row["received"],
        row["refused"],
        row["delivered"],
        row["hard_bounced"],
        row["waiting"],
        speeds,
    )
