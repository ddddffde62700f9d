"""How a subscription of the stand-in for Stripe begins, changes, ends: flexible billing mode, one item.

Must never decide what a plan is worth: it knows prices only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from clearpost.standins.stripe_invoices import (
    DAY,
    Line,
    bill,
    change_lines,
    full_line,
    pay,
    period_end,
    trial_line,
)
from clearpost.standins.stripe_state import Object, Refused, Store, card_declined, listed

UPDATED: Final = "customer.subscription.updated"
OVER: Final = ("canceled", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription to begin. `coupon`: its id; `promotion_code` as well, where it came by one."""

    customer: str
    price: str
    quantity: int = 1
    trial_days: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    coupon: str = ""
    promotion_code: str | None = None
    automatic_tax: bool = False
    must_pay: bool = False


def begin(store: Store, wish: Wish) -> Object:
    """Incomplete until its first invoice is paid. Raises Refused: no such price, or the card must pay now."""
    price = store.find(wish.price, "price", "items[0][price]")
    customer = store.find(wish.customer, "customer", "customer")
    if customer["_card"] == "none" and not wish.trial_days:
        message = "This customer has no attached payment source or default payment method."
        raise Refused(message, code="resource_missing")
    if wish.must_pay and customer["_card"] == "fails" and not wish.trial_days:
        raise card_declined()
    now = store.now()
    end = now + wish.trial_days * DAY if wish.trial_days else period_end(now, price)
    status = "trialing" if wish.trial_days else "incomplete"
    subscription = store.add("subscription", "sub", **_fields(wish, price, now, end, status))
    subscription["items"] = _items(store, subscription["id"], price, wish.quantity, now, end)
    _discounted(store, subscription, wish)
    store.event("customer.subscription.created", subscription)
    line = (
        trial_line(price, wish.quantity, now, end)
        if wish.trial_days
        else full_line(price, wish.quantity, now)
    )
    settle(store, subscription, bill(store, subscription, [line], "subscription_create"))
    return subscription


def _fields(wish: Wish, price: Object, now: int, end: int, status: str) -> Object:
    trial = status == "trialing"
    nothing = dict.fromkeys(
        ("application", "cancel_at", "canceled_at", "days_until_due", "default_payment_method",
         "default_source", "description", "ended_at", "latest_invoice", "next_pending_invoice_item_invoice",
         "on_behalf_of", "pause_collection", "pending_setup_intent", "pending_update", "schedule",
         "test_clock", "transfer_data", "customer_account")
    )  # fmt: skip
    return nothing | {
        "automatic_tax": {"enabled": wish.automatic_tax, "disabled_reason": None, "liability": None},
        "billing_cycle_anchor": end if trial else now, "cancel_at_period_end": False,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically", "currency": price["currency"], "discounts": [],
        "customer": wish.customer, "default_tax_rates": [], "metadata": dict(wish.metadata),
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}}, "start_date": now,
        "payment_settings": {"save_default_payment_method": "off", "payment_method_types": None},
        "status": status, "trial_start": now if trial else None, "trial_end": end if trial else None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        "_percent_off": 0, "_discount_once": False, "_pending": [], "_warned": False,
    }  # fmt: skip


def _items(store: Store, subscription: str, price: Object, quantity: int, start: int, end: int) -> Object:
    item = store.add("subscription_item", "si", subscription=subscription, quantity=quantity)
    item.update(current_period_start=start, current_period_end=end, discounts=[], tax_rates=[])
    item.update(price=price, plan=_plan(price), billing_thresholds=None)
    del store.objects[item["id"]]  # it lives in its subscription
    return listed([item], f"/v1/subscription_items?subscription={subscription}")


def _plan(price: Object) -> Object:
    """The older name of a price, which answers still carry."""
    rule = price["recurring"]
    return {
        "id": price["id"], "object": "plan", "active": True, "amount": price["unit_amount"],
        "currency": price["currency"], "interval": rule["interval"], "product": price["product"],
        "interval_count": rule["interval_count"], "livemode": False, "usage_type": "licensed",
    }  # fmt: skip


def _discounted(store: Store, subscription: Object, wish: Wish) -> None:
    if not wish.coupon:
        return
    coupon = store.find(wish.coupon, "coupon", "discounts[0][coupon]")
    discount = store.add(
        "discount", "di", source={"type": "coupon", "coupon": coupon["id"]}, start=store.now(), end=None,
        customer=wish.customer, promotion_code=wish.promotion_code, subscription=subscription["id"],
    )  # fmt: skip
    coupon["times_redeemed"] += 1
    subscription.update(
        discounts=[discount["id"]],
        _percent_off=coupon["percent_off"],
        _discount_once=coupon["duration"] == "once",
    )


def item_of(subscription: Object) -> Object:
    first: Object = subscription["items"]["data"][0]
    return first


def settle(store: Store, subscription: Object, invoice: Object) -> None:
    """Try to pay; the subscription's status follows."""
    was = subscription["status"]
    if pay(store, invoice):
        status = "active" if was in ("incomplete", "past_due", "unpaid", "paused") else was
    elif was == "active":
        status = "past_due"
    else:
        status = "unpaid" if was == "past_due" and invoice["next_payment_attempt"] is None else was
    if status != was:
        store.change(subscription, UPDATED, status=status)


def change_price(
    store: Store, subscription: Object, price: Object, quantity: int, *, proration: str,
    at: int | None = None, must_pay: bool = False,
) -> None:  # fmt: skip
    """Raises Refused where the card must pay now, and does not: then nothing changed."""
    now = store.now()
    item = item_of(subscription)
    anew = starts_anew(item, price)
    lines = lines_of_change(subscription, price, quantity, proration=proration, at=at or now)
    bills_now = bool(lines) and (anew or proration == "always_invoice")
    owes = bills_now and sum(line.amount for line in lines) > 0
    if owes and must_pay and store.objects[subscription["customer"]]["_card"] != "works":
        raise card_declined()
    if anew:
        item.update(current_period_start=now, current_period_end=period_end(now, price))
        subscription["billing_cycle_anchor"] = now
    item.update(price=price, plan=_plan(price), quantity=quantity)
    if bills_now:
        invoice = bill(store, subscription, lines, "subscription_update")
    else:
        subscription["_pending"] += [_kept(line) for line in lines]
    store.event(UPDATED, subscription, {"items": None, "latest_invoice": None})
    if bills_now:
        settle(store, subscription, invoice)


def starts_anew(item: Object, price: Object) -> bool:
    """Another interval begins a new billing period at once."""
    old, new = item["price"]["recurring"], price["recurring"]
    return (old["interval"], old["interval_count"]) != (new["interval"], new["interval_count"])


def lines_of_change(
    subscription: Object, price: Object, quantity: int, *, proration: str, at: int
) -> list[Line]:
    """None while on trial, and none where nothing is to be prorated."""
    item = item_of(subscription)
    anew = starts_anew(item, price)
    if subscription["status"] == "trialing" or (item["price"]["id"], item["quantity"]) == (
        price["id"],
        quantity,
    ):
        return []
    if proration == "none":
        return [full_line(price, quantity, at)] if anew else []
    return change_lines(item, price, quantity, at, starts_anew=anew)


def _kept(line: Line) -> list[Any]:
    """As the file can hold it."""
    return [line.price["id"], line.quantity, line.amount, list(line.period), line.text]


def pending_lines(store: Store, subscription: Object) -> list[Line]:
    return [
        Line(store.objects[price], quantity, amount, (period[0], period[1]), text, is_proration=True)
        for price, quantity, amount, period, text in subscription["_pending"]
    ]


def renew(store: Store, subscription: Object) -> None:
    """The next period begins: bill it, with what was prorated meanwhile."""
    item = item_of(subscription)
    start = item["current_period_end"]
    _next_phase(store, subscription, start)
    lines: Sequence[Line] = [
        *pending_lines(store, subscription), full_line(item["price"], item["quantity"], start)
    ]  # fmt: skip
    item.update(current_period_start=start, current_period_end=period_end(start, item["price"]))
    subscription["_pending"] = []
    invoice = bill(store, subscription, lines, "subscription_cycle")
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    store.change(subscription, UPDATED, status=status)
    settle(store, subscription, invoice)


def _next_phase(store: Store, subscription: Object, start: int) -> None:
    """A schedule's phase that begins brings its price."""
    schedule = store.objects.get(subscription["schedule"] or "")
    if schedule is None:
        return
    phase = [phase for phase in schedule["phases"] if phase["start_date"] <= start][-1]
    wanted = phase["items"][0]
    price = store.objects[wanted["price"]]
    item_of(subscription).update(price=price, plan=_plan(price), quantity=wanted["quantity"])
    current = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
    if current != schedule["current_phase"]:
        store.change(schedule, "subscription_schedule.updated", current_phase=current)


def release(store: Store, schedule: Object) -> None:
    subscription = store.objects[schedule["subscription"]]
    subscription["schedule"] = None
    store.change(
        schedule, "subscription_schedule.released", status="released", subscription=None,
        released_at=store.now(), released_subscription=subscription["id"], current_phase=None,
    )  # fmt: skip


def end(store: Store, subscription: Object, reason: str = "cancellation_requested") -> None:
    """Over, now and for good; open invoices are void."""
    for invoice in store.all("invoice", status="open"):
        if invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]:
            store.change(invoice, "invoice.voided", status="void", next_payment_attempt=None)
    now = store.now()
    canceled = subscription["canceled_at"] or now
    details = subscription["cancellation_details"] | {"reason": reason}
    store.change(
        subscription, "customer.subscription.deleted", status="canceled", ended_at=now, canceled_at=canceled,
        cancellation_details=details, cancel_at_period_end=False, schedule=None,
    )  # fmt: skip
