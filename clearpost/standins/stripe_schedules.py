"""Subscription schedules of the stand-in for Stripe: how a price changes at the end of a period.

Must never hold more than phases with one price each.
"""

from typing import Final

from clearpost.standins.stripe_forms import required
from clearpost.standins.stripe_invoices import month_later
from clearpost.standins.stripe_state import Object, Refused, Store
from clearpost.standins.stripe_subscriptions import UPDATED, item_of, release

CREATE: Final = frozenset({"from_subscription", "metadata"})
UPDATE: Final = frozenset({"phases", "end_behavior", "metadata", "proration_behavior"})
RELEASE: Final = frozenset({"preserve_cancel_date"})


def create(store: Store, _: str, parameters: Object) -> Object:
    """From a subscription, with its present period as the first phase."""
    name = required(parameters, "from_subscription")
    subscription = store.find(name, "subscription", "from_subscription")
    if subscription["schedule"]:
        raise Refused("You cannot migrate a subscription that is already attached to a schedule.")
    if subscription["cancel_at"] is not None:
        raise Refused("You cannot migrate a subscription that is set to cancel.")
    item = item_of(subscription)
    phase = {
        "start_date": item["current_period_start"], "end_date": item["current_period_end"], "metadata": {},
        "items": [{"price": item["price"]["id"], "quantity": item["quantity"], "metadata": {}}],
        "proration_behavior": "create_prorations", "currency": "usd", "discounts": [],
    }  # fmt: skip
    schedule = store.add(
        "subscription_schedule", "sub_sched", customer=subscription["customer"], subscription=name,
        status="active", phases=[phase], end_behavior="release", canceled_at=None, completed_at=None,
        current_phase={"start_date": phase["start_date"], "end_date": phase["end_date"]}, released_at=None,
        released_subscription=None, metadata=dict(parameters.get("metadata", {})),
    )  # fmt: skip
    store.event("subscription_schedule.created", schedule)
    store.change(subscription, UPDATED, schedule=schedule["id"])
    return schedule


def update(store: Store, identifier: str, parameters: Object) -> Object:
    """Phases are given anew, all of them, the present one too."""
    schedule = store.find(identifier, "subscription_schedule")
    if schedule["status"] != "active":
        raise Refused("You cannot update a subscription schedule that is not active.")
    fields: Object = {}
    if "phases" in parameters:
        fields["phases"] = _phases(store, schedule, parameters["phases"])
    if "end_behavior" in parameters:
        fields["end_behavior"] = parameters["end_behavior"]
    store.change(schedule, "subscription_schedule.updated", **fields)
    return schedule


def _phases(store: Store, schedule: Object, given: list[Object]) -> list[Object]:
    """Each begins where the one before ends; the first one can't begin anywhere else than it did."""
    start = schedule["phases"][0]["start_date"]
    if str(given[0].get("start_date", "")) != str(start):
        raise Refused("The first phase must keep its start_date.", param="phases[0][start_date]")
    phases = []
    for number, phase in enumerate(given):
        for item in phase["items"]:
            store.find(item["price"], "price", f"phases[{number}][items][0][price]")
        end = _end_of(phase, start)
        items = [{"metadata": {}} | item | {"quantity": int(item.get("quantity", 1))}
                 for item in phase["items"]]  # fmt: skip
        phases.append({"items": items, "start_date": start, "end_date": end, "metadata": {}})
        start = end
    return phases


def _end_of(phase: Object, start: int) -> int:
    """As it is given, or so long after its start."""
    if "end_date" in phase:
        return int(phase["end_date"])
    duration = phase.get("duration", {"interval": "month"})
    months = 12 if duration["interval"] == "year" else 1
    return month_later(start, months * int(duration.get("interval_count", 1)))


def let_go(store: Store, identifier: str, _: Object) -> Object:
    """The subscription stays as it is, and follows no schedule any more."""
    schedule = store.find(identifier, "subscription_schedule")
    if schedule["status"] != "active":
        raise Refused("You cannot release a subscription schedule that is not active.")
    subscription = store.objects[schedule["subscription"]]
    release(store, schedule)
    store.event(UPDATED, subscription, {"schedule": identifier})
    return schedule
