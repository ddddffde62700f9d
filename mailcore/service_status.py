"""How the service is doing, for everybody: which parts live, what is late, how long mail takes. Counts only.

Must never tell anything of an account, nor cost more for being asked often: whoever asks keeps the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from mailcore import ledger
from mailcore.database import Database
from mailcore.plans import Lane, Plan, limits_for

# As in pyproject.toml: the service runs from its folder, not as an installed package.
VERSION: Final = "0.1.0"
State = Literal["up", "degraded", "down"]
# A process that has not said for so long that it lives is not counted; due mail older than this is late.
SILENT_AFTER: Final = timedelta(seconds=30)
LATE_AFTER: Final = timedelta(minutes=2)
# What each lane needs to take mail and to deliver it, and upkeep for all.
_NEEDED: Final = [*((role, lane) for lane in Lane for role in ("mx", "worker")), ("upkeep", None)]
_FAST_PLANS: Final = [plan.value for plan in Plan if limits_for(plan).lane is Lane.FAST]


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of process, of a lane (None: of all), and how many of it live."""

    role: str
    lane: Lane | None
    state: State
    alive: int


@dataclass(frozen=True, slots=True)
class LaneQueue:
    """What waits in a lane: how many, seconds that the oldest waits, and seconds that due mail is late."""

    lane: Lane
    waiting: int
    oldest_seconds: float
    late_seconds: float

    @property
    def state(self) -> State:
        return "degraded" if self.late_seconds > LATE_AFTER.total_seconds() else "up"


@dataclass(frozen=True, slots=True)
class LaneSpeed:
    """Seconds from acceptance to delivered, of what was received and delivered within the hour."""

    lane: Lane
    delivered: int
    p50: float | None
    p95: float | None


_ALIVE = """
select role, lane, count(*) as alive from process where beat_at > now() - $1::interval group by role, lane
"""


async def parts(database: Database) -> list[Part]:
    rows = await database.fetch(_ALIVE, SILENT_AFTER)
    found = [(row["role"], row["lane"], row["alive"]) for row in rows]
    return [_part(role, lane, found) for role, lane in _NEEDED]


def _part(role: str, lane: Lane | None, found: Sequence[tuple[str, str, int]]) -> Part:
    alive = sum(count for of, in_lane, count in found if of == role and lane in (None, in_lane))
    return Part(role, lane, "up" if alive else "down", alive)


# What is attempted now, is held, or lies where no process is, is not late by a worker's fault.
_QUEUES = """
select d.lane, count(*) as waiting, extract(epoch from now() - min(d.accepted_at))::float8 as oldest,
       greatest(0, extract(epoch from now() - min(d.next_attempt_at)
           filter (where d.lease_owner is null and d.state = 'waiting'
                   and d.node_id in (select node_id from process))))::float8 as late
from delivery d group by d.lane
"""


async def queues(database: Database) -> list[LaneQueue]:
    found = {row["lane"]: row for row in await database.fetch(_QUEUES)}
    return [
        LaneQueue(lane, row["waiting"], row["oldest"], row["late"] or 0.0)
        if (row := found.get(lane))
        else LaneQueue(lane, 0, 0.0, 0.0)
        for lane in Lane
    ]


# The lane is its account's now: the log does not know it.
_SPEEDS = """
with done as (
    select a.plan = any($2::text[]) as fast, extract(epoch from e.at - e.received_at)::float8 as seconds
    from log_event e join account a on a.id = e.account_id
    where e.received_at > $1 and e.type = 'delivered'
)
select fast, count(*) as delivered,
       percentile_cont(array[0.5, 0.95]) within group (order by seconds) as seconds
from done group by fast
"""


async def speeds(database: Database, now: datetime) -> list[LaneSpeed]:
    rows = await database.fetch(_SPEEDS, now - timedelta(hours=1), _FAST_PLANS)
    found = {Lane.FAST if row["fast"] else Lane.STANDARD: row for row in rows}
    return [
        LaneSpeed(lane, row["delivered"], *row["seconds"])
        if (row := found.get(lane))
        else LaneSpeed(lane, 0, None, None)
        for lane in Lane
    ]


async def ledger_difference(database: Database) -> int:
    """What the ledger cannot account for: 0, or something is wrong."""
    return sum(abs(line.difference) for line in await ledger.balance(database))
