"""What is sold at which of Stripe's prices: (plan, interval) <-> price id, from the settings.

Must never guess: a price that no setting names is sold by nobody here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

from mailcore.plans import Plan
from mailcore.settings import Settings

Interval = Literal["month", "year"]
MONTHS: Final[Mapping[str, int]] = {"month": 1, "year": 12}
_INTERVALS: Final[tuple[Interval, ...]] = ("month", "year")
_ORDER: Final = tuple(Plan)


@dataclass(frozen=True, slots=True)
class Sold:
    """A plan, paid by the month or by the year."""

    plan: Plan
    interval: Interval

    def is_more_than(self, other: "Sold") -> bool:
        """Whether going there from `other` is an upgrade: a larger plan, or the same one paid for longer."""
        mine, theirs = _ORDER.index(self.plan), _ORDER.index(other.plan)
        return (mine, MONTHS[self.interval]) > (theirs, MONTHS[other.interval])


_SELLABLE: Final = {
    f"{plan}/{interval}": Sold(plan, interval)
    for plan in Plan
    if plan is not Plan.FREE
    for interval in _INTERVALS
}


@dataclass(frozen=True, slots=True)
class Prices:
    """The price id of each that is sold."""

    ids: Mapping[Sold, str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """None of them without a key. Raises ValueError with what to mend in CLEARPOST_STRIPE_PRICES."""
        named = settings.stripe_prices
        if not settings.stripe_secret_key.get_secret_value():
            return cls({})
        if odd := sorted(named.keys() - _SELLABLE.keys()):
            raise ValueError(f"CLEARPOST_STRIPE_PRICES: {odd[0]!r} is none of {', '.join(_SELLABLE)}")
        if not named or not all(named.values()):
            raise ValueError("CLEARPOST_STRIPE_PRICES: say which price is sold, as premium/month=price_...")
        if len(set(named.values())) < len(named):
            raise ValueError("CLEARPOST_STRIPE_PRICES names a price twice")
        return cls({_SELLABLE[name]: price_id for name, price_id in named.items()})

    def id_of(self, sold: Sold) -> str | None:
        return self.ids.get(sold)

    def sold_at(self, price_id: str) -> Sold | None:
        return next((sold for sold, each in self.ids.items() if each == price_id), None)
