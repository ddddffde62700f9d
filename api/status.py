"""/status.json: how the service is doing, for everybody. The same answer for all, for some seconds.

Must never show anything of an account, let those who look cost more than one who does, call a database down
that is only slow, nor let a canary be taken for current a second after it has expired.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from customers import canaries
from customers.canaries import Standing
from customers.canary_rules import State as CanaryState
from mailcore import service_alerts, service_status
from mailcore.database import CONNECTION_LOST
from mailcore.plans import Lane
from mailcore.rates import Rate
from mailcore.service_alerts import Alert, Kind
from mailcore.service_status import VERSION, Figures, LaneQueue, LaneSpeed, Part, State

router = APIRouter(tags=["Status"])

_RATE: Final = Rate(60, timedelta(minutes=1))
_KEPT: Final = 5.0
_PATIENCE: Final = 5.0
# It is there, and has no time for this question.
_BUSY: Final = (TimeoutError, asyncpg.TooManyConnectionsError)


class PartOut(BaseModel):
    name: str = Field(examples=["mx standard"])
    state: State
    alive: int | None = Field(None, description="Processes that live", examples=[2])


class LaneStateOut(BaseModel):
    lane: Lane
    state: State
    waiting: int = Field(examples=[3])
    oldest_seconds: float = Field(description="Since the oldest that waits was accepted", examples=[40.0])
    late_seconds: float = Field(description="Since the oldest attempt was due", examples=[0.0])
    delivered_last_hour: int | None = Field(
        description="In whole tens; null, with the times, below 20", examples=[1040]
    )
    p50_seconds: float | None = Field(description="From accepted to delivered, half of them", examples=[0.2])
    p95_seconds: float | None = Field(description="The same, 95 of 100", examples=[1.4])


class AlertOut(BaseModel):
    kind: Kind
    since: datetime
    text: str = Field(
        examples=["example.com takes no mail from us at present. It waits here and is tried again."]
    )


class CanaryStateOut(BaseModel):
    """As /canary.json tells it, with all else."""

    state: CanaryState
    number: int | None = Field(examples=[3])
    expires: datetime | None

    @classmethod
    def of(cls, standing: Standing, now: datetime) -> "CanaryStateOut":
        newest = standing.newest
        document = newest.document if newest else None
        return cls(
            state=standing.state(now),
            number=newest.number if newest else None,
            expires=document.expires if document else None,
        )


class StatusOut(BaseModel):
    status: State
    at: datetime
    version: str
    parts: list[PartOut]
    figures_at: datetime | None = Field(description="When `lanes` and `ledger_difference` were counted")
    lanes: list[LaneStateOut]
    ledger_difference: int | None = Field(description="Accepted mail not accounted for", examples=[0])
    alerts: list[AlertOut] = Field(description="What is wrong beyond that, oldest first")
    canary: CanaryStateOut | None = Field(
        None, description="The warrant canary to the second; null while it can't be read"
    )


@dataclass(slots=True)
class StatusBoard:
    """What was last found out, by its age. One look at a time, whoever asks."""

    runtime: ApiRuntime
    patience: float = _PATIENCE
    _shown: StatusOut | None = None
    _shown_at: float = 0.0
    _last: StatusOut | None = None  # that the database had time for
    _canary: Standing | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def shown(self) -> StatusOut:
        async with self._turn:
            now = self.runtime.clock.monotonic()
            if self._shown is None or now - self._shown_at >= _KEPT:
                self._shown = await self._look()
                self._shown_at = now
            elif self._canary is not None:
                self._canary = await self._read_canary()
            return self._with_canary(self._shown)

    def _with_canary(self, shown: StatusOut) -> StatusOut:
        """Read anew for each answer, so that it is what /canary says."""
        now, standing = self.runtime.clock.now(), self._canary
        return shown.model_copy(update={"canary": standing and CanaryStateOut.of(standing, now)})

    async def _read_canary(self) -> Standing | None:
        """None where the database has no time for it; then it is asked again with all else."""
        try:
            async with asyncio.timeout(self.patience):
                return await canaries.standing(self.runtime.database, self.runtime.settings)
        except (*_BUSY, *CONNECTION_LOST, asyncpg.PostgresError):
            return None

    async def _look(self) -> StatusOut:
        database, now = self.runtime.database, self.runtime.clock.now()
        self._canary = None
        try:
            async with asyncio.timeout(self.patience):
                found = await service_status.parts(database)
                figures = await service_status.latest(database)
                alerts = await service_alerts.standing(database)
                self._canary = await canaries.standing(database, self.runtime.settings)
        except _BUSY:
            return self._without_database(now, "degraded")
        except CONNECTION_LOST:
            return self._without_database(now, "down")
        except asyncpg.PostgresError:
            return self._without_database(now, "degraded")
        self._last = _shown(now, found, figures, alerts)
        return self._last

    def _without_database(self, now: datetime, state: State) -> StatusOut:
        """Slow: what was shown last, as far as there is any."""
        nothing = _shown(now, [], None, [])
        last = self._last or nothing if state == "degraded" else nothing
        parts = [PartOut(name="database", state=state), *last.parts[1:]]
        return last.model_copy(update={"status": state, "at": now, "parts": parts})


@router.get("/status.json", summary="How the service is doing")
async def get_status(request: Request, response: Response, runtime: Runtime) -> StatusOut:
    """For everybody, without a key; 503 while nothing works. The figures are a few seconds old."""
    shown = await look(request, runtime)
    # Kept anywhere, it would say another thing of the canary than /canary does.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.status_code = 503 if shown.status == "down" else 200
    return shown


async def look(request: Request, runtime: ApiRuntime) -> StatusOut:
    """What the board shows. Raises RateLimited for who asks without end."""
    await runtime.rates.need("status", asker(request), _RATE, "The figures change every few seconds only.")
    return await _board(request, runtime).shown()


def _board(request: Request, runtime: ApiRuntime) -> StatusBoard:
    """One for the application."""
    state = request.app.state
    if not hasattr(state, "status_board"):
        state.status_board = StatusBoard(runtime)
    board = state.status_board
    assert isinstance(board, StatusBoard)
    return board


def _shown(
    now: datetime, found: Sequence[Part], figures: Figures | None, alerts: Sequence[Alert]
) -> StatusOut:
    parts = [PartOut(name="database", state="up"), *(_part(each) for each in found)]
    counted = zip(figures.queues, figures.speeds, strict=True) if figures else ()
    lanes = [_lane(queue, speed) for queue, speed in counted]
    difference = figures.ledger_difference if figures else None
    return StatusOut(
        status=_worst([part.state for part in parts], [lane.state for lane in lanes], difference, alerts),
        at=now,
        version=VERSION,
        parts=parts,
        figures_at=figures.at if figures else None,
        lanes=lanes,
        ledger_difference=difference,
        alerts=[AlertOut(kind=each.kind, since=each.since, text=each.in_words()) for each in alerts],
    )


def _part(part: Part) -> PartOut:
    name = f"{part.role} {part.lane}" if part.lane else part.role
    return PartOut(name=name, state=part.state, alive=part.alive)


def _lane(queue: LaneQueue, speed: LaneSpeed) -> LaneStateOut:
    told = speed.told()
    return LaneStateOut(
        lane=queue.lane,
        state=queue.state,
        waiting=queue.waiting,
        oldest_seconds=round(queue.oldest_seconds, 1),
        late_seconds=round(queue.late_seconds, 1),
        delivered_last_hour=told.delivered or None,
        p50_seconds=_rounded(told.p50),
        p95_seconds=_rounded(told.p95),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _worst(parts: list[State], lanes: list[State], difference: int | None, alerts: Sequence[Alert]) -> State:
    """A part that is away makes the whole degraded; nothing is down but a service without its database."""
    return "up" if {*parts, *lanes} == {"up"} and not difference and not alerts else "degraded"
