"""What time brings in the stand-in for Stripe: ends of trials, renewals, new attempts to pay, cancellations.

Must never run ahead of its own clock: whoever advances that decides how far.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from clearpost.standins.stripe_invoices import DAY
from clearpost.standins.stripe_state import Object, Store
from clearpost.standins.stripe_subscriptions import UPDATED, end, item_of, release, renew, settle

_FIRST_PAYMENT: Final = 23 * 3600  # then an incomplete subscription is over
_WARNING: Final = 3 * DAY  # before the end of a trial


def advance(store: Store, by: timedelta) -> None:
    """Everything that falls due meanwhile happens in its order, at its time."""
    target = store.clock.now() + by
    while (due := min(_moments(store), default=None)) is not None and due <= target.timestamp():
        store.clock.shift += timedelta(seconds=max(0.0, due - store.clock.now().timestamp()))
        catch_up(store)
    store.clock.shift += max(timedelta(0), target - store.clock.now())


def catch_up(store: Store) -> None:
    """Do what is due by now; called before each request."""
    while any(moment <= store.clock.now().timestamp() for moment in _moments(store)):
        for subscription in list(store.all("subscription")):
            _turn(store, subscription)
    for session in store.all("checkout.session", status="open"):
        if session["expires_at"] <= store.now():
            store.change(session, "checkout.session.expired", status="expired", url=None)


def _moments(store: Store) -> Iterator[int]:
    for subscription in store.all("subscription"):
        yield from _moments_of(store, subscription)


def _moments_of(store: Store, subscription: Object) -> Iterator[int]:
    if subscription["status"] == "incomplete":
        yield subscription["created"] + _FIRST_PAYMENT
    if subscription["status"] not in ("trialing", "active", "past_due"):
        return
    item = item_of(subscription)
    yield item["current_period_end"]
    if subscription["cancel_at"] is not None:
        yield subscription["cancel_at"]
    if subscription["schedule"] is not None:
        yield store.objects[subscription["schedule"]]["phases"][-1]["end_date"]
    if subscription["status"] == "trialing" and not subscription["_warned"]:
        yield item["current_period_end"] - _WARNING
    if (invoice := _unpaid(store, subscription)) is not None:
        yield invoice["next_payment_attempt"]


def _unpaid(store: Store, subscription: Object) -> Object | None:
    """Its latest invoice, where that will be tried again."""
    invoice = store.objects.get(subscription["latest_invoice"] or "")
    waits = invoice is not None and invoice["status"] == "open" and invoice["next_payment_attempt"]
    return invoice if waits else None


def _turn(store: Store, subscription: Object) -> None:
    """At most one thing for one subscription; the caller comes again."""
    now = store.now()
    if min(_moments_of(store, subscription), default=now + 1) > now:
        return
    item = item_of(subscription)
    invoice = _unpaid(store, subscription)
    if subscription["status"] == "incomplete":
        store.change(subscription, UPDATED, status="incomplete_expired", ended_at=now)
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= now:
        end(store, subscription)
    elif invoice is not None and invoice["next_payment_attempt"] <= now:
        settle(store, subscription, invoice)
    elif item["current_period_end"] <= now:
        _next_period(store, subscription)
    elif (schedule := store.objects.get(subscription["schedule"] or "")) and _is_through(schedule, now):
        release(store, schedule)
        store.event(UPDATED, subscription, {"schedule": schedule["id"]})
    else:
        subscription["_warned"] = True
        store.event("customer.subscription.trial_will_end", subscription)


def _is_through(schedule: Object, now: int) -> bool:
    return bool(schedule["phases"][-1]["end_date"] <= now)


def _next_period(store: Store, subscription: Object) -> None:
    """A trial without a card pauses at its end."""
    customer = store.objects[subscription["customer"]]
    if subscription["status"] == "trialing" and customer["_card"] == "none":
        store.change(subscription, UPDATED, status="paused")
        store.event("customer.subscription.paused", subscription)
        return
    renew(store, subscription)
