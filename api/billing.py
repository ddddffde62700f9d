"""What an account pays: its plan and subscription, and the ways to the pages where they are managed.

Must never set a plan, nor hold a transaction open while Stripe is asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.accounts import LimitsOut, UsageOut, usage_now
from api.errors import responses
from api.fields import Body
from api.plans import PriceOut, offers_of, prices_of
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, ReadsBilling, Runtime, WritesBilling
from billing import state, subscriptions
from billing.prices import Interval
from billing.till import Change, Effective, Till
from customers import accounts, audit, surplus
from customers.audit import Actor, Subject
from customers.callers import Caller, Scope
from customers.surplus import Surplus
from mailcore.errors import NotFound
from mailcore.models import Subscription
from mailcore.plans import Plan, limits_for
from mailcore.rates import Rate

router = APIRouter(
    prefix="/v1/billing", route_class=Route, tags=["Billing"], responses=responses(403, 404, 409, 503)
)

_RATE: Final = Rate(30, timedelta(minutes=1))

PayingPlan = Literal[Plan.PREMIUM, Plan.BUSINESS]
Status = Literal[
    "none",
    "incomplete",
    "incomplete_expired",
    "trialing",
    "active",
    "past_due",
    "unpaid",
    "canceled",
    "paused",
]


class PricesOfPlan(BaseModel):
    plan: Plan
    prices: list[PriceOut]


class BillingOut(BaseModel):
    """The plan as it is in force, and what Stripe said last of the subscription behind it."""

    plan: Plan
    status: Status = Field(description="Of the subscription, in Stripe's words; none where there was none")
    interval: Interval | None
    period_end: datetime | None = Field(description="When the next payment is due")
    trial_end: datetime | None
    cancel_at: datetime | None = Field(description="When the subscription ends, and the free plan begins")
    next_plan: Plan | None = Field(description="What follows at `period_end`, where that was ordered")
    next_interval: Interval | None
    past_due_since: datetime | None = Field(description="Since when a payment fails")
    plan_ends_at: datetime | None = Field(description="When the plan ends, unless that is paid")
    surplus_pauses_at: datetime | None = Field(description="When what the plan has no room for pauses")
    prices: list[PricesOfPlan]
    limits: LimitsOut
    usage: UsageOut


class Choice(Body):
    """Something that is sold: see GET /v1/plans."""

    plan: PayingPlan = Field(examples=["premium"])
    interval: Interval = Field("month", examples=["month"])


class AnyChoice(Body):
    """The free plan ends the subscription; its interval says nothing."""

    plan: Plan = Field(examples=["business"])
    interval: Interval = Field("month", examples=["month"])


class PageOut(BaseModel):
    """A page of Stripe's, for the person's browser. It does not stay open for ever."""

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1"])


class DueOut(BaseModel):
    """Below 0 it is credited. `amount` in the smallest unit of the currency (cents)."""

    amount: int = Field(examples=[4000])
    currency: str = Field(examples=["usd"])


class PausedDomainOut(BaseModel):
    id: UUID
    name: str = Field(examples=["example.org"])
    aliases: int = Field(description="That pause with it", examples=[3])


class PausedAliasOut(BaseModel):
    id: UUID
    address: str = Field(examples=["hello@example.org"])


class PausedInboxOut(BaseModel):
    """An inbox that this alias forwards to no more."""

    alias_id: UUID
    alias: str = Field(examples=["hello@example.org"])
    address: str | None = Field(
        examples=["you@inbox.test"], description="Null for whoever may not see aliases (aliases:read)"
    )


class PausesOut(BaseModel):
    """What the plan has no room for. It pauses a week after the change and wakes with a larger plan; nothing
    is deleted.
    """

    domains: list[PausedDomainOut]
    aliases: list[PausedAliasOut]
    inboxes: list[PausedInboxOut]


class ChangeOut(BaseModel):
    """`checkout`: it is bought there first. `now`: at once, and paid at once. `period_end`: at `at`."""

    effective: Effective
    at: datetime | None


class PreviewOut(ChangeOut):
    due: DueOut | None = Field(description="What is paid at once, where anything is")
    pauses: PausesOut


@dataclass(frozen=True, slots=True)
class Asking:
    """The caller of a write, and where plans are sold."""

    who: Caller
    doer: Actor
    runtime: ApiRuntime
    till: Till

    @property
    def account_id(self) -> UUID:
        return self.who.account_id

    @property
    def key(self) -> str:
        """A new one: what has failed may be ordered again, and Stripe repeats a failure to the same key."""
        return str(self.runtime.clock.new_id())

    async def note(self, action: str, **detail: str) -> None:
        async with self.runtime.database.session(self.who.tenant) as session:
            subject = Subject(self.account_id)
            audit.record(session, self.runtime.clock, self.account_id, self.doer, action, subject, **detail)


async def asking(who: WritesBilling, doer: Doer, runtime: Runtime) -> Asking:
    """Stripe answers 100 questions a second to all of us together, and each of these is several."""
    till = _till(runtime)
    await runtime.rates.need("billing", str(who.account_id), _RATE, "Stripe is not asked that often.")
    return Asking(who, doer, runtime, till)


Asked = Annotated[Asking, Depends(asking)]


@router.get("", summary="Show the plan, its subscription and what is used of it")
async def get_billing(who: ReadsBilling, runtime: Runtime) -> BillingOut:
    _till(runtime)
    offers = await offers_of(runtime)
    async with runtime.database.session(who.tenant) as session:
        account = await accounts.get(session, who.account_id)
        row = await state.get(session, who.account_id) or Subscription(
            account_id=who.account_id, customer_id=""
        )
        usage = await usage_now(session, runtime, who.account_id)
    sold = [PricesOfPlan(plan=plan, prices=prices_of(plan, offers)) for plan in Plan if plan is not Plan.FREE]
    late = row.past_due_since
    return BillingOut(
        plan=Plan(account.plan),
        **{name: getattr(row, name) for name in _OF_ROW},
        plan_ends_at=late + subscriptions.GRACE if late else None,
        surplus_pauses_at=account.surplus_pauses_at,
        prices=sold,
        limits=LimitsOut.of(accounts.limits_of(account)),
        usage=usage,
    )


_OF_ROW = (
    "status", "interval", "period_end", "trial_end", "cancel_at", "next_plan", "next_interval",
    "past_due_since",
)  # fmt: skip


@router.post("/checkout", summary="Get the page where a plan is bought")
async def open_checkout(asked: Asked, body: Choice) -> PageOut:
    """The plan changes within seconds of the payment, not with this."""
    url = await asked.till.checkout(asked.account_id, body.plan, body.interval, asked.key)
    await asked.note("checkout.opened", plan=body.plan, interval=body.interval)
    return PageOut(url=url)


@router.post("/portal", summary="Get the page where cards and invoices are managed")
async def open_portal(asked: Asked) -> PageOut:
    url = await asked.till.portal(asked.account_id, asked.key)
    await asked.note("portal.opened")
    return PageOut(url=url)


@router.post("/preview", summary="Show what another plan would cost, and what would pause")
async def preview_change(asked: Asked, body: AnyChoice) -> PreviewOut:
    """Changes nothing. Show it before /v1/billing/change."""
    change = await asked.till.preview(asked.account_id, body.plan, body.interval)
    async with asked.runtime.database.session(asked.who.tenant) as session:
        beyond = await surplus.beyond(session, asked.account_id, limits_for(body.plan))
    due = DueOut(amount=change.due.amount, currency=change.due.currency) if change.due else None
    return PreviewOut(effective=change.effective, at=change.at, due=due, pauses=_pauses(beyond, asked.who))


@router.post(
    "/change", summary="Change the plan or its interval", responses=responses(402, 403, 404, 409, 503)
)
async def change_subscription(asked: Asked, body: AnyChoice) -> ChangeOut:
    """More is paid and in force at once; less begins when the period that is paid ends. The plan that the
    account has anyway takes back what was ordered for then.
    """
    change: Change = await asked.till.change(asked.account_id, body.plan, body.interval, asked.key)
    await asked.note(
        "subscription.ordered", plan=body.plan, interval=body.interval, effective=change.effective
    )
    return ChangeOut(effective=change.effective, at=change.at)


def _till(runtime: ApiRuntime) -> Till:
    """Raises NotFound."""
    if runtime.till is None:
        raise NotFound("Nothing is sold here.", code="billing_off")
    return runtime.till


def _pauses(beyond: Surplus, who: Caller) -> PausesOut:
    """Where aliases forward to is not for whoever pays."""
    sees_inboxes = Scope.ALIASES_READ in who.scopes
    return PausesOut(
        domains=[
            PausedDomainOut(id=each.id, name=each.name, aliases=each.aliases) for each in beyond.domains
        ],
        aliases=[PausedAliasOut(id=each.id, address=each.address) for each in beyond.aliases],
        inboxes=[
            PausedInboxOut(
                alias_id=each.alias_id, alias=each.alias, address=each.address if sees_inboxes else None
            )
            for each in beyond.inboxes
        ],
    )
