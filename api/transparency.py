"""/transparency: how many are here, what they pay, what became of their mail and how fast; for everybody.

Counted by upkeep, or looked up once a minute, however many ask. Must never tell of one account by name, nor
count messages of a day that is not over.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.errors import responses
from api.kept import Kept
from api.pages import opens_pages
from api.plots import bars, lines
from api.public import show
from api.rate_limits import asker
from api.runtime import ApiRuntime
from api.security import Runtime
from billing import figures
from billing.figures import Paying
from customers import authority_requests
from customers.authority_requests import Kind, Outcome
from mailcore import event_log, service_counts, service_days, service_status
from mailcore.plans import Lane, Plan
from mailcore.rates import Rate
from mailcore.service_days import ServiceDay, Speed
from mailcore.service_status import VERSION, LaneSpeed

router = APIRouter(tags=["Openness"], responses=responses())

_RATE: Final = Rate(60, timedelta(minutes=1))
_KEPT: Final = 60.0
_TOLD: Final = 90
_ON_PAGE: Final = 30


class RevenueOut(BaseModel):
    """By list prices, before discounts and taxes; a year's price counts a twelfth."""

    currency: str = Field(examples=["usd"])
    accounts: int = Field(description="Accounts that pay", examples=[12])
    monthly: int = Field(
        description="In the smallest unit of the currency (cents), a month", examples=[10800]
    )


class PlanFiguresOut(BaseModel):
    plan: Plan
    accounts: int = Field(examples=[340])
    paying: list[RevenueOut]


class DeliveryTimesOut(BaseModel):
    """Seconds from accepted to delivered."""

    lane: Lane
    p50: float | None = Field(examples=[0.21])
    p95: float | None = Field(examples=[1.4])
    p99: float | None = Field(examples=[12.9])


class DayOut(BaseModel):
    """`received` and `refused` are messages; the others deliveries, an hour after the day had ended."""

    day: date
    received: int = Field(examples=[18211])
    refused: int = Field(examples=[2017])
    delivered: int = Field(examples=[19377])
    hard_bounced: int = Field(examples=[31])
    waiting: int = Field(examples=[12])
    speeds: list[DeliveryTimesOut]


class SharesOut(BaseModel):
    """Of the days told. Null where there was no mail."""

    delivered: float | None = Field(description="Of all deliveries", examples=[0.998])
    hard_bounced: float | None = Field(description="Of all deliveries", examples=[0.002])
    refused: float | None = Field(description="Of all messages that came", examples=[0.1])


class AuthorityRequestsOut(BaseModel):
    year: int = Field(examples=[2026])
    kind: Kind
    outcome: Outcome
    count: int = Field(examples=[1])


class TransparencyOut(BaseModel):
    at: datetime
    version: str
    plans: list[PlanFiguresOut]
    days: list[DayOut] = Field(description="At most 90, the oldest first; in UTC")
    shares: SharesOut
    last_hour: list[DeliveryTimesOut] = Field(description="Null below 20 deliveries of a lane")
    log_oldest_hours: int | None = Field(
        description="From the hour of the oldest row of the log to this hour; null where none is of an hour "
        "before this one",
        examples=[167],
    )
    staff_views: int = Field(description="Looks of staff at a customer's log, ever", examples=[0])
    authority_requests: list[AuthorityRequestsOut]


@router.get("/transparency", summary="Show the open figures", response_model=TransparencyOut)
async def get_transparency(request: Request, response: Response, runtime: Runtime) -> Any:
    """For everybody, without a key. A browser gets a page with plots, and the numbers as tables."""
    found = await _look(request, runtime)
    if opens_pages(request):
        return _page(request, runtime, found)
    response.headers.update(_public())
    return found


@router.get("/transparency.json", include_in_schema=False)
async def get_transparency_file(request: Request, response: Response, runtime: Runtime) -> TransparencyOut:
    found = await _look(request, runtime)
    response.headers.update(_public())
    return found


def _public() -> dict[str, str]:
    return {
        "Cache-Control": f"public, max-age={_KEPT:g}",
        "Access-Control-Allow-Origin": "*",
        "Vary": "Accept",
    }


async def _look(request: Request, runtime: ApiRuntime) -> TransparencyOut:
    """One for the application, a minute old at most."""
    await runtime.rates.need("transparency", asker(request), _RATE, "The figures change once a minute only.")
    state = request.app.state
    if not hasattr(state, "transparency"):
        state.transparency = Kept(runtime.clock, _KEPT, lambda: _collect(runtime))
    found = await state.transparency.get()
    assert isinstance(found, TransparencyOut)
    return found


async def _collect(runtime: ApiRuntime) -> TransparencyOut:
    database, now = runtime.database, runtime.clock.now()
    days = await service_days.latest(database, _TOLD)
    latest = await service_status.latest(database)
    oldest = await event_log.oldest(database)
    async with database.transaction() as tx:
        counts = await service_counts.read(tx)
    return TransparencyOut(
        at=now,
        version=VERSION,
        plans=await _plans(runtime),
        days=[_day(day) for day in days],
        shares=_shares(days),
        last_hour=[
            _speed(each.lane, each.told()) for each in (latest.speeds if latest else map(LaneSpeed, Lane))
        ],
        log_oldest_hours=_hours(oldest, now),
        staff_views=counts["staff views"],
        authority_requests=[
            AuthorityRequestsOut(year=each.year, kind=each.kind, outcome=each.outcome, count=each.count)
            for each in await authority_requests.by_year(database)
        ],
    )


def _hours(oldest: datetime | None, now: datetime) -> int | None:
    """Of the clock, not of the row: an age that grew by itself would tell when the first message came."""
    if oldest is None:
        return None
    return int(now.timestamp()) // 3600 - int(oldest.timestamp()) // 3600 or None


async def _plans(runtime: ApiRuntime) -> list[PlanFiguresOut]:
    there = await figures.accounts(runtime.database)
    paying = await figures.paying(runtime.database)
    return [
        PlanFiguresOut(
            plan=plan, accounts=there[plan], paying=[_revenue(each) for each in paying if each.plan is plan]
        )
        for plan in Plan
    ]


def _revenue(paying: Paying) -> RevenueOut:
    return RevenueOut(currency=paying.currency, accounts=paying.accounts, monthly=paying.monthly)


def _day(day: ServiceDay) -> DayOut:
    return DayOut(
        day=day.day,
        received=day.received,
        refused=day.refused,
        delivered=day.delivered,
        hard_bounced=day.hard_bounced,
        waiting=day.waiting,
        speeds=[_speed(lane, day.speeds.get(lane)) for lane in Lane],
    )


def _speed(lane: Lane, speed: Speed | LaneSpeed | None) -> DeliveryTimesOut:
    found = [getattr(speed, name, None) for name in ("p50", "p95", "p99")]
    p50, p95, p99 = (None if seconds is None else round(seconds, 3) for seconds in found)
    return DeliveryTimesOut(lane=lane, p50=p50, p95=p95, p99=p99)


def _shares(days: Sequence[ServiceDay]) -> SharesOut:
    ended = sum(day.delivered + day.hard_bounced + day.waiting for day in days)
    came = sum(day.received + day.refused for day in days)
    return SharesOut(
        delivered=_share((day.delivered for day in days), ended),
        hard_bounced=_share((day.hard_bounced for day in days), ended),
        refused=_share((day.refused for day in days), came),
    )


def _share(some: Iterable[int], of: int) -> float | None:
    return round(sum(some) / of, 5) if of else None


# --- for people ---


def _page(request: Request, runtime: ApiRuntime, found: TransparencyOut) -> Response:
    days = found.days[-_ON_PAGE:]
    values = {
        "found": found,
        "days": list(reversed(days)),
        "told": _TOLD,
        "messages": bars([day.day for day in days], [(day.received, day.refused) for day in days]),
        "speeds": [(lane, _plot(lane, days)) for lane in Lane],
    }
    answer = show(request, runtime, "transparency.html", values)
    answer.headers["Vary"] = "Accept"
    return answer


def _plot(lane: Lane, days: Sequence[DayOut]) -> str:
    speeds = [next(each for each in day.speeds if each.lane is lane) for day in days]
    return lines([day.day for day in days], [(each.p50, each.p95, each.p99) for each in speeds])
