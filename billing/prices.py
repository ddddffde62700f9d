"""What is sold at which of Stripe's prices: (plan, interval) <-> price ids, from the settings.

Must never guess: a price that no setting names is sold by nobody here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """The price id of each that is sold. `old`: ids at which it was sold, and which some still pay."""

    ids: Mapping[Sold, str]
    old: Mapping[str, Sold] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """None of them without a key. Raises ValueError with what to mend in CLEARPOST_STRIPE_PRICES."""
        named = settings.stripe_prices
        if not settings.stripe_secret_key.get_secret_value():
            return cls({})
        if odd := sorted(named.keys() - _SELLABLE.keys()):
            raise ValueError(f"CLEARPOST_STRIPE_PRICES: {odd[0]!r} is none of {', '.join(_SELLABLE)}")
        ids = {_SELLABLE[name]: [each.strip() for each in some.split("|")] for name, some in named.items()}
        every = [price_id for some in ids.values() for price_id in some]
        if not every or not all(every):
            raise ValueError("CLEARPOST_STRIPE_PRICES: say which price is sold, as premium/month=price_...")
        if len(set(every)) < len(every):
            raise ValueError("CLEARPOST_STRIPE_PRICES names a price twice")
        return cls(
            {sold: some[0] for sold, some in ids.items()},
            {price_id: sold for sold, some in ids.items() for price_id in some[1:]},
        )

    def id_of(self, sold: Sold) -> str | None:
        return self.ids.get(sold)

    def sold_at(self, price_id: str) -> Sold | None:
        """Also at an old price. None: no setting names it."""
        now = next((sold for sold, each in self.ids.items() if each == price_id), None)
        return now or self.old.get(price_id)
