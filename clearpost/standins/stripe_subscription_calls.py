"""Stripe's calls on subscriptions, as the stand-in answers them: create, update, cancel, resume, preview.

Must never change anything before it refused what is wrong.
"""

from typing import Final

from clearpost.standins.stripe_forms import is_true, required
from clearpost.standins.stripe_invoices import Line, bill, full_line, invoice_fields
from clearpost.standins.stripe_state import Object, Refused, Store
from clearpost.standins.stripe_subscriptions import (
    UPDATED,
    Wish,
    begin,
    change_price,
    end,
    item_of,
    lines_of_change,
    pending_lines,
    settle,
    starts_anew,
)

_COMMON: Final = frozenset(
    {"metadata", "description", "items", "automatic_tax", "payment_behavior", "proration_behavior",
     "payment_settings", "default_payment_method", "off_session", "cancel_at_period_end", "cancel_at",
     "trial_end", "trial_settings", "discounts", "collection_method"}
)  # fmt: skip
CREATE: Final = _COMMON | {"customer", "trial_period_days", "billing_mode", "currency"}
UPDATE: Final = _COMMON | {
    "proration_date", "billing_cycle_anchor", "cancellation_details", "pause_collection",
}  # fmt: skip
CANCEL: Final = frozenset({"invoice_now", "prorate", "cancellation_details"})
RESUME: Final = frozenset({"billing_cycle_anchor", "proration_behavior", "proration_date"})
PREVIEW: Final = frozenset(
    {"customer", "subscription", "subscription_details", "discounts", "automatic_tax", "currency",
     "preview_mode", "schedule"}
)  # fmt: skip
PAY: Final = frozenset({"off_session", "payment_method", "forgive"})
_PRORATIONS: Final = ("create_prorations", "always_invoice", "none")


def create(store: Store, _: str, parameters: Object) -> Object:
    items = parameters.get("items") or [{}]
    wish = Wish(
        required(parameters, "customer"), items[0].get("price", ""), int(items[0].get("quantity", 1)),
        int(parameters.get("trial_period_days", 0)), parameters.get("metadata", {}),
        (parameters.get("discounts") or [{}])[0].get("coupon", ""),
        automatic_tax=is_true(parameters.get("automatic_tax", {}).get("enabled")),
        must_pay=parameters.get("payment_behavior") == "error_if_incomplete",
    )  # fmt: skip
    return begin(store, wish)


def update(store: Store, identifier: str, parameters: Object) -> Object:
    subscription = store.find(identifier, "subscription")
    if subscription["status"] == "canceled" and set(parameters) - {"metadata", "expand"}:
        raise Refused("A canceled subscription can only update its cancellation_details and metadata.")
    _check_schedule(subscription, parameters)
    if "items" in parameters:
        _change_items(store, subscription, parameters)
    fields = _cancellation(subscription, parameters, store.now())
    if "metadata" in parameters:
        kept = subscription["metadata"] | (parameters["metadata"] or {})
        fields["metadata"] = {name: value for name, value in kept.items() if value != ""}
    if parameters.get("trial_end") == "now":
        item_of(subscription)["current_period_end"] = store.now()
    if fields:
        store.change(subscription, UPDATED, **fields)
    return subscription


def _check_schedule(subscription: Object, parameters: Object) -> None:
    if subscription["schedule"] and {"cancel_at", "cancel_at_period_end"} & set(parameters):
        raise Refused(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and "
            "updating any cancelation behavior directly is not allowed. Please update the schedule instead."
        )


def _cancellation(subscription: Object, parameters: Object, now: int) -> Object:
    """`cancel_at_period_end` and `cancel_at` as they are from now on."""
    if "cancel_at_period_end" in parameters:
        ends = is_true(parameters["cancel_at_period_end"])
        at = item_of(subscription)["current_period_end"] if ends else None
    elif "cancel_at" in parameters:
        ends, given = False, str(parameters["cancel_at"])
        at = item_of(subscription)["current_period_end"] if given == "min_period_end" else int(given or "0")
    else:
        return {}
    reason = "cancellation_requested" if at else None
    return {
        "cancel_at_period_end": ends, "cancel_at": at or None, "canceled_at": now if at else None,
        "cancellation_details": subscription["cancellation_details"] | {"reason": reason},
    }  # fmt: skip


def _change_items(store: Store, subscription: Object, parameters: Object) -> None:
    price, quantity = _wanted(store, subscription, parameters["items"])
    change_price(
        store, subscription, price, quantity, proration=_proration(parameters),
        at=int(parameters["proration_date"]) if "proration_date" in parameters else None,
        must_pay=parameters.get("payment_behavior") in ("error_if_incomplete", "pending_if_incomplete"),
    )  # fmt: skip


def _wanted(store: Store, subscription: Object, items: list[Object]) -> tuple[Object, int]:
    """Raises Refused: without the item's id Stripe would add a second item, which is never wanted here."""
    item = item_of(subscription)
    if len(items) != 1 or items[0].get("id") != item["id"]:
        raise Refused("The stand-in keeps one item: name it by its id.", param="items[0][id]")
    wanted: Object = {"price": item["price"]["id"], "quantity": item["quantity"]} | items[0]
    return store.find(wanted["price"], "price", "items[0][price]"), int(wanted["quantity"])


def _proration(parameters: Object) -> str:
    wanted = str(parameters.get("proration_behavior", "create_prorations"))
    if wanted not in _PRORATIONS:
        raise Refused("Invalid proration_behavior", param="proration_behavior")
    return wanted


def cancel(store: Store, identifier: str, parameters: Object) -> Object:
    subscription = store.find(identifier, "subscription")
    if subscription["status"] in ("canceled", "incomplete_expired"):
        message = f"No such subscription: '{identifier}'"
        raise Refused(message, status=404, code="resource_missing", param="id")
    subscription["cancellation_details"] |= parameters.get("cancellation_details", {})
    end(store, subscription)
    return subscription


def resume(store: Store, identifier: str, _: Object) -> Object:
    """Of a paused subscription; taking a cancellation back is an update."""
    subscription = store.find(identifier, "subscription")
    if subscription["status"] != "paused":
        raise Refused("Only subscriptions with a status of `paused` can be resumed.")
    item, now = item_of(subscription), store.now()
    line = full_line(item["price"], item["quantity"], now)
    item.update(current_period_start=now, current_period_end=line.period[1])
    invoice = bill(store, subscription, [line], "subscription_update")
    settle(store, subscription, invoice)
    if subscription["status"] == "active":
        store.event("customer.subscription.resumed", subscription)
    return subscription


def preview(store: Store, _: str, parameters: Object) -> Object:
    """The next invoice, were the subscription changed so: nothing is stored."""
    subscription = store.find(required(parameters, "subscription"), "subscription", "subscription")
    details = parameters.get("subscription_details", {})
    lines = _previewed(store, subscription, details)
    if not lines:
        raise Refused("No upcoming invoices for customer", status=404, code="invoice_upcoming_none")
    identifier = f"upcoming_in_{subscription['id'].removeprefix('sub_')}"
    base = {"id": identifier, "object": "invoice", "created": store.now(), "livemode": False, "metadata": {}}
    return base | invoice_fields(store, subscription, lines, "upcoming", identifier)


def _previewed(store: Store, subscription: Object, details: Object) -> list[Line]:
    item = item_of(subscription)
    price, quantity = item["price"], item["quantity"]
    lines, bills_now = pending_lines(store, subscription), False
    if "items" in details:
        price, quantity = _wanted(store, subscription, details["items"])
        at = int(details.get("proration_date") or store.now())
        proration = _proration(details)
        change = lines_of_change(subscription, price, quantity, proration=proration, at=at)
        bills_now = proration == "always_invoice" or starts_anew(item, price)
        lines = change if bills_now else [*lines, *change]
    ends = subscription["cancel_at"] is not None or is_true(details.get("cancel_at_period_end"))
    if not bills_now and not ends:
        lines.append(full_line(price, quantity, item["current_period_end"]))
    return lines


def pay_invoice(store: Store, identifier: str, _: Object) -> Object:
    invoice = store.find(identifier, "invoice")
    if invoice["status"] != "open":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    name = invoice["parent"]["subscription_details"]["subscription"]
    settle(store, store.objects[name], invoice)
    if invoice["status"] != "paid":
        raise Refused("Your card was declined.", status=402, code="card_declined", kind="card_error")
    return invoice
