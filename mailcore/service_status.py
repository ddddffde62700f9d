"""How the service is doing, for everybody: which parts live, what is late, how long mail takes. Counts only.

Upkeep counts and writes down what it found, whoever asks reads that. Must never tell anything of an account,
nor cost more for being asked often.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from mailcore.database import Database
from mailcore.plans import Lane, Plan, limits_for

# As in pyproject.toml: the service runs from its folder, not as an installed package.
VERSION: Final = "0.1.0"
State = Literal["up", "degraded", "down"]
# A process that has not said for so long that it lives is not counted; due mail older than this is late.
SILENT_AFTER: Final = timedelta(seconds=30)
LATE_AFTER: Final = timedelta(minutes=2)
# So many deliveries make times of an hour that are nobody's own, and a count that tells of none of them.
ENOUGH: Final = 20
_STEP: Final = 10
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
    waiting: int = 0
    oldest_seconds: float = 0.0
    late_seconds: float = 0.0

    @property
    def state(self) -> State:
        return "degraded" if self.late_seconds > LATE_AFTER.total_seconds() else "up"


@dataclass(frozen=True, slots=True)
class LaneSpeed:
    """Seconds from acceptance to delivered, of what was received and delivered within the hour."""

    lane: Lane
    delivered: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    def told(self) -> "LaneSpeed":
        """As everybody may know it: nothing of fewer than ENOUGH, and whole tens of more."""
        if self.delivered < ENOUGH:
            return LaneSpeed(self.lane)
        return replace(self, delivered=self.delivered - self.delivered % _STEP)


@dataclass(frozen=True, slots=True)
class Figures:
    """What upkeep found at `at`. `ledger_difference`: what the ledger cannot account for; it should be 0."""

    at: datetime
    queues: list[LaneQueue]
    speeds: list[LaneSpeed]
    ledger_difference: int


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
        else LaneQueue(lane)
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
       percentile_cont(array[0.5, 0.95, 0.99]) within group (order by seconds) as seconds
from done group by fast
"""


async def speeds(database: Database, now: datetime) -> list[LaneSpeed]:
    rows = await database.fetch(_SPEEDS, now - timedelta(hours=1), _FAST_PLANS)
    found = {Lane.FAST if row["fast"] else Lane.STANDARD: row for row in rows}
    return [
        LaneSpeed(lane, row["delivered"], *row["seconds"]) if (row := found.get(lane)) else LaneSpeed(lane)
        for lane in Lane
    ]


# --- written by upkeep, read by whoever asks ---

_NOTE_QUEUES = """
insert into service_figures (id, queues, ledger_difference) values (1, $1::text::jsonb, $2)
on conflict (id) do update
set at = now(), queues = excluded.queues, ledger_difference = excluded.ledger_difference
"""
_NOTE_SPEEDS = """
insert into service_figures (id, speeds) values (1, $1::text::jsonb)
on conflict (id) do update set speeds = excluded.speeds
"""


async def note_queues(database: Database, ledger_difference: int) -> None:
    """Every few seconds."""
    found = _by_lane(await queues(database))
    async with database.transaction() as tx:
        await tx.execute(_NOTE_QUEUES, found, ledger_difference)


async def note_speeds(database: Database, now: datetime) -> None:
    """An hour of the log is looked through, so once a minute is enough."""
    found = _by_lane(await speeds(database, now))
    async with database.transaction() as tx:
        await tx.execute(_NOTE_SPEEDS, found)


def _by_lane(found: Sequence[LaneQueue] | Sequence[LaneSpeed]) -> str:
    return json.dumps({each.lane: asdict(each) for each in found})


async def latest(database: Database) -> Figures | None:
    """None before upkeep has counted for the first time."""
    row = await database.row("select at, queues, speeds, ledger_difference from service_figures")
    if row is None:
        return None
    waiting, taken = json.loads(row["queues"]), json.loads(row["speeds"])
    return Figures(
        row["at"],
        [LaneQueue(**_of(lane, waiting)) for lane in Lane],
        [LaneSpeed(**_of(lane, taken)) for lane in Lane],
        row["ledger_difference"],
    )


def _of(lane: Lane, found: Mapping[str, Any]) -> dict[str, Any]:
    return {**found.get(lane, {}), "lane": lane}
