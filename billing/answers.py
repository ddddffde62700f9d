"""Stripe's answers, as the plain JSON that they are, read into our values.

Must never fail on a field that we do not need, nor guess one that we do.
"""

from datetime import UTC, datetime
from typing import Any

from billing.subscriptions import AtStripe, Item


def at_stripe(plain: dict[str, Any]) -> AtStripe:
    """A subscription, with its schedule expanded."""
    items = [_item(each) for each in plain["items"]["data"]]
    ends = max((item.period_end for item in items), default=None)
    schedule = plain.get("schedule")
    if not isinstance(schedule, dict) or schedule.get("status") not in ("active", "not_started"):
        schedule = None
    return AtStripe(
        id=plain["id"],
        status=plain["status"],
        created=_moment(plain["created"]),
        items=items,
        cancel_at=maybe_moment(plain.get("cancel_at"))
        or (ends if plain.get("cancel_at_period_end") else None),
        cancel_at_period_end=bool(plain.get("cancel_at_period_end")),
        trial_end=maybe_moment(plain.get("trial_end")),
        schedule_id=schedule["id"] if schedule else None,
        next_price_id=_next_price(schedule) if schedule else None,
    )


def _item(plain: dict[str, Any]) -> Item:
    price = plain["price"]
    recurring = price.get("recurring") or {}
    return Item(
        id=plain["id"],
        price_id=price["id"],
        amount=(price.get("unit_amount") or 0) * (plain.get("quantity") or 1),
        currency=price["currency"],
        interval=recurring.get("interval", ""),
        interval_count=recurring.get("interval_count", 1),
        period_end=_moment(plain["current_period_end"]),
    )


def _next_price(schedule: dict[str, Any]) -> str | None:
    """Of the phase after the one that runs."""
    current = schedule.get("current_phase") or {}
    later = [each for each in schedule["phases"] if each["start_date"] >= current.get("end_date", 0)]
    return id_of(later[0]["items"][0]["price"]) if later and later[0]["items"] else None


def as_it_runs(phase: dict[str, Any]) -> Any:
    """The phase that runs, as an order: what is left out of it, Stripe would take away."""
    kept: dict[str, Any] = {
        "items": [{"price": id_of(each["price"]), "quantity": each["quantity"]} for each in phase["items"]],
        "start_date": phase["start_date"],
        "end_date": phase["end_date"],
    }
    if phase.get("trial_end"):
        kept["trial_end"] = phase["trial_end"]
    if given := phase.get("discounts"):
        names = ("discount", "promotion_code", "coupon")
        first = [next((name, id_of(each[name])) for name in names if each.get(name)) for each in given]
        kept["discounts"] = [{name: identifier} for name, identifier in first]
    return kept


def id_of(thing: Any) -> str | None:
    """Of something that Stripe names by its id, or has expanded."""
    if isinstance(thing, dict):
        thing = thing["id"]
    return None if thing is None else str(thing)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def maybe_moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
