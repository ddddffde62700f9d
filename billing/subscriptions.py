"""What an account's plan should be, by what Stripe says of its subscriptions. Pure.

Must never take a plan away for want of knowledge: a price that we do not know keeps the plan as it is, and
we are told. What Stripe has ended, it has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.prices import MONTHS, Interval, Prices, Sold
from mailcore.plans import Plan

GRACE: Final = timedelta(days=14)
# Days after a payment has failed on which we write; the first says how long the plan stays.
LETTER_DAYS: Final = (0, 7, 12)
_PLAN_STAYS: Final = frozenset({"trialing", "active"})
# Subscriptions that a person has, and may change; beside all others, they may buy one: also beside one that
# Stripe has given up to be paid.
LIVE: Final = frozenset({"trialing", "active", "past_due", "paused"})
_GOING_ON: Final = LIVE | {"unpaid", "incomplete"}
# Of several subscriptions, the one that counts stands in the first of these.
_RANKS: Final = (_PLAN_STAYS, frozenset({"past_due"}), LIVE | {"unpaid"}, frozenset({"incomplete"}))


@dataclass(frozen=True, slots=True)
class Item:
    """What is paid for. `amount`: for all of its quantity and one interval, in the smallest unit."""

    id: str
    price_id: str
    amount: int
    currency: str
    interval: str
    interval_count: int
    period_end: datetime

    @property
    def monthly(self) -> int:
        months = MONTHS.get(self.interval, 0) * self.interval_count
        return round(self.amount / months) if months else 0


@dataclass(frozen=True, slots=True)
class AtStripe:
    """A subscription as Stripe has it now. `next_price_id`: what its schedule goes over to at the end."""

    id: str
    status: str
    created: datetime
    items: Sequence[Item]
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    trial_end: datetime | None = None
    schedule_id: str | None = None
    next_price_id: str | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_going_on(self) -> bool:
        """Stripe has not ended it: it may be paid one day."""
        return self.status in _GOING_ON


@dataclass(frozen=True, slots=True)
class Before:
    """What we knew."""

    subscription_id: str | None = None
    past_due_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be kept of Stripe's state. `plan` None: as it is. The other names are those of the row."""

    status: str
    plan: Plan | None
    subscription_id: str | None = None
    price_id: str | None = None
    interval: Interval | None = None
    amount_monthly: int = 0
    currency: str = "usd"
    odd_price: bool = False
    cancel_at: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    past_due_since: datetime | None = None
    next_plan: Plan | None = None
    next_interval: Interval | None = None


class Vanished(Exception):
    """Stripe does not know a subscription that it has told us of: a wrong key, say. Nothing is decided."""


def choose(found: Sequence[AtStripe]) -> AtStripe | None:
    """The one that counts: of those in the best state, the newest."""
    return min(found, key=lambda each: (_rank(each.status), -each.created.timestamp()), default=None)


def _rank(status: str) -> int:
    return next((rank for rank, those in enumerate(_RANKS) if status in those), len(_RANKS))


def decide(found: Sequence[AtStripe], before: Before, prices: Prices, now: datetime) -> Decision:
    """What `found`, all subscriptions of a customer, mean for the account. Raises Vanished."""
    chosen = choose(found)
    if chosen is None:
        if before.subscription_id is not None:
            raise Vanished
        return Decision("none", Plan.FREE)
    item, sold = what_is_paid(chosen, prices)
    since = (before.past_due_since or now) if chosen.status == "past_due" else None
    following = prices.sold_at(chosen.next_price_id) if chosen.next_price_id else None
    return Decision(
        status=chosen.status,
        plan=_plan(chosen.status, sold, since, now),
        subscription_id=chosen.id,
        price_id=item.price_id if item else None,
        interval=sold.interval if sold else None,
        amount_monthly=sum(each.monthly for each in chosen.items),
        currency=item.currency if item else "usd",
        odd_price=sold is None and chosen.status in _PLAN_STAYS | {"past_due"},
        cancel_at=chosen.cancel_at,
        period_end=item.period_end if item else None,
        trial_end=chosen.trial_end,
        past_due_since=since,
        next_plan=following.plan if following else None,
        next_interval=following.interval if following else None,
    )


def what_is_paid(chosen: AtStripe, prices: Prices) -> tuple[Item | None, Sold | None]:
    """The item that a plan is sold by, or else the first one."""
    for item in chosen.items:
        if (sold := prices.sold_at(item.price_id)) is not None:
            return item, sold
    return (chosen.items[0] if chosen.items else None), None


def _plan(status: str, sold: Sold | None, past_due_since: datetime | None, now: datetime) -> Plan | None:
    in_grace = past_due_since is not None and now < past_due_since + GRACE
    if status in _PLAN_STAYS or in_grace:
        return sold.plan if sold else None
    return Plan.FREE


def letters_due(past_due_since: datetime, now: datetime) -> int:
    """How many letters should have been written by now."""
    return sum(now >= past_due_since + timedelta(days=day) for day in LETTER_DAYS)


def again_after(account_id: UUID) -> timedelta:
    """How long after one fetch the next is due without any event: an hour, by account a little more or less,
    so that they do not come all at once. This repairs what a lost event has left undone.
    """
    return timedelta(minutes=50, seconds=account_id.int % 1200)


def has_double(found: Sequence[AtStripe]) -> bool:
    """Whether somebody pays twice: two subscriptions at once."""
    return sum(each.is_live for each in found) > 1
