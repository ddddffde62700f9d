"""GET /v1/plans: what each plan allows and costs, for everybody: as the server enforces it.

Must never show anything of an account, nor wait long for Stripe.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.accounts import LimitsOut
from api.errors import responses
from api.rate_limits import asker
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Runtime
from billing.catalogue import Offer
from billing.prices import Interval
from mailcore.plans import Plan, limits_for
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/plans", route_class=Route, tags=["Billing"], responses=responses())

_RATE: Final = Rate(60, timedelta(minutes=1))


class PriceOut(BaseModel):
    """`amount` in the smallest unit of the currency (cents), before taxes."""

    interval: Interval
    amount: int = Field(examples=[900])
    currency: str = Field(examples=["usd"])


class PlanOfferOut(BaseModel):
    plan: Plan
    limits: LimitsOut
    prices: list[PriceOut] = Field(description="Empty where it costs nothing, or nothing is sold here")


class PlansOut(BaseModel):
    """`sold`: whether plans can be bought here."""

    data: list[PlanOfferOut]
    sold: bool


@router.get("", summary="Show what each plan allows and costs")
async def list_plans(request: Request, runtime: Runtime) -> PlansOut:
    """For everybody, without a key."""
    await runtime.rates.need("plans", asker(request), _RATE, "Plans do not change that often.")
    offers = await offers_of(runtime)
    return PlansOut(data=[_shown(plan, offers) for plan in Plan], sold=runtime.till is not None)


async def offers_of(runtime: ApiRuntime) -> Sequence[Offer]:
    return await runtime.till.catalogue.offers() if runtime.till else ()


def _shown(plan: Plan, offers: Sequence[Offer]) -> PlanOfferOut:
    return PlanOfferOut(plan=plan, limits=LimitsOut.of(limits_for(plan)), prices=prices_of(plan, offers))


def prices_of(plan: Plan, offers: Sequence[Offer]) -> list[PriceOut]:
    return [
        PriceOut(interval=each.sold.interval, amount=each.amount, currency=each.currency)
        for each in offers
        if each.sold.plan is plan
    ]
