"""Invoices of the stand-in for Stripe: their lines, what is prorated, and whether the card pays.

Amounts are cents. Must never ask a real bank for anything.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from clearpost.standins.stripe_state import Object, Store, listed

# Days between the attempts at a renewal; after the last one the subscription is `unpaid`.
RETRY_DAYS: Final = (3, 5, 7, 6)
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Line:
    """One line before it is on an invoice. `period`: begin and end, epoch seconds."""

    price: Object
    quantity: int
    amount: int
    period: tuple[int, int]
    text: str
    is_proration: bool = False


def month_later(moment: int, months: int) -> int:
    """The same day of a later month, or that month's last day."""
    at = datetime.fromtimestamp(moment, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())


def period_end(start: int, price: Object) -> int:
    rule = price["recurring"]
    return month_later(start, rule["interval_count"] * (12 if rule["interval"] == "year" else 1))


def full_line(price: Object, quantity: int, start: int) -> Line:
    text = f"{quantity} x {price['product']} (per {price['recurring']['interval']})"
    return Line(price, quantity, price["unit_amount"] * quantity, (start, period_end(start, price)), text)


def trial_line(price: Object, quantity: int, start: int, end: int) -> Line:
    return Line(price, quantity, 0, (start, end), f"Trial period for {price['product']}")


def change_lines(
    item: Object, price: Object, quantity: int, at: int, *, starts_anew: bool
) -> list[Line]:  # fmt: skip
    """Credit for what is left of the old price, charge for the same time of the new one (all of its first
    period where the billing period starts anew).
    """
    start, end = item["current_period_start"], item["current_period_end"]
    share = (end - at) / max(1, end - start)
    old = item["price"]
    lines = [
        Line(old, item["quantity"], -round(old["unit_amount"] * item["quantity"] * share), (at, end),
             f"Unused time on {old['product']}", is_proration=True)
    ]  # fmt: skip
    if starts_anew:
        return [*lines, full_line(price, quantity, at)]
    rest = round(price["unit_amount"] * quantity * share)
    text = f"Remaining time on {price['product']}"
    return [*lines, Line(price, quantity, rest, (at, end), text, is_proration=True)]


def line_object(line: Line, number: int, subscription: Object, invoice: str) -> Object:
    details = {
        "subscription": subscription["id"], "subscription_item": subscription["items"]["data"][0]["id"],
        "invoice_item": None, "proration": line.is_proration, "proration_details": {"credited_items": None},
    }  # fmt: skip
    price = {"price": line.price["id"], "product": line.price["product"]}
    return {
        "id": f"il_{invoice.rpartition('_')[2]}{number}", "object": "line_item", "amount": line.amount,
        "currency": line.price["currency"], "description": line.text, "discount_amounts": [],
        "discountable": not line.is_proration, "discounts": [], "invoice": invoice, "livemode": False,
        "metadata": dict(subscription["metadata"]), "quantity": line.quantity, "subtotal": line.amount,
        "parent": {"type": "subscription_item_details", "invoice_item_details": None,
                   "subscription_item_details": details},
        "period": {"start": line.period[0], "end": line.period[1]},
        "pricing": {"type": "price_details", "price_details": price,
                    "unit_amount_decimal": line.price["unit_amount_decimal"]},
        "taxes": [], "pretax_credit_amounts": [], "subscription": subscription["id"],
    }  # fmt: skip


def invoice_fields(
    store: Store, subscription: Object, lines: Sequence[Line], reason: str, identifier: str
) -> Object:
    """The fields of a draft; it is not stored. A negative total goes to the customer's balance."""
    customer = store.objects[subscription["customer"]]
    subtotal = sum(line.amount for line in lines)
    off = _discount(subscription, subtotal)
    total = subtotal - off
    due = max(0, total + customer["balance"])
    objects = [line_object(line, number, subscription, identifier) for number, line in enumerate(lines)]
    parent = {"subscription": subscription["id"], "metadata": dict(subscription["metadata"])}
    return {
        "amount_due": due, "amount_paid": 0, "amount_remaining": due, "amount_overpaid": 0,
        "attempt_count": 0, "attempted": False, "auto_advance": True, "billing_reason": reason,
        "automatic_tax": {"enabled": subscription["automatic_tax"]["enabled"], "status": None},
        "collection_method": "charge_automatically", "currency": "usd", "customer": customer["id"],
        "customer_email": customer["email"], "customer_name": customer["name"],
        "default_payment_method": None, "description": None, "discounts": list(subscription["discounts"]),
        "due_date": None, "ending_balance": None,
        "hosted_invoice_url": f"{store.base_url}/invoices/{identifier}",
        "invoice_pdf": None, "lines": listed(objects, f"/v1/invoices/{identifier}/lines"),
        "next_payment_attempt": None, "number": None,
        "parent": {"type": "subscription_details", "quote_details": None, "subscription_details": parent},
        "period_start": min(line.period[0] for line in lines),
        "period_end": max(line.period[1] for line in lines),
        "starting_balance": customer["balance"], "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "subtotal": subtotal, "subtotal_excluding_tax": subtotal, "total": total,
        "total_discount_amounts": [{"amount": off, "discount": subscription["discounts"][0]}] if off else [],
        "total_excluding_tax": total, "total_taxes": [],
    }  # fmt: skip


def _discount(subscription: Object, subtotal: int) -> int:
    return round(max(0, subtotal) * float(subscription["_percent_off"]) / 100)


def bill(store: Store, subscription: Object, lines: Sequence[Line], reason: str) -> Object:
    """A finalized invoice, not paid yet; the subscription's latest."""
    invoice = store.add("invoice", "in")
    created = invoice_fields(store, subscription, lines, reason, invoice["id"])
    invoice.update(created)
    store.event("invoice.created", invoice)
    number = f"STANDIN-{sum(1 for _ in store.all('invoice')):04}"
    invoice["status_transitions"]["finalized_at"] = store.now()
    store.change(invoice, "invoice.finalized", status="open", number=number)
    customer = store.objects[subscription["customer"]]
    rest = min(0, customer["balance"] + invoice["total"])
    if rest != customer["balance"]:
        store.change(customer, "customer.updated", balance=rest)
    if subscription["_discount_once"]:
        subscription.update(discounts=[], _percent_off=0, _discount_once=False)
    invoice["ending_balance"] = rest
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def pay(store: Store, invoice: Object) -> bool:
    """One attempt with the customer's card. Tells of charge and invoice; the subscription is not ours."""
    customer = store.objects[invoice["customer"]]
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
    due = invoice["amount_due"]
    is_paid = due == 0 or customer["_card"] == "works"
    if due:
        _charge(store, invoice, is_paid)
    if not is_paid:
        count = invoice["attempt_count"]
        again = store.now() + RETRY_DAYS[count - 1] * DAY if count <= len(RETRY_DAYS) else None
        store.change(invoice, "invoice.payment_failed", next_payment_attempt=again)
        return False
    invoice["status_transitions"]["paid_at"] = store.now()
    paid: dict[str, Any] = {"status": "paid", "amount_paid": due, "amount_remaining": 0}
    store.change(invoice, "invoice.paid", next_payment_attempt=None, **paid)
    store.event("invoice.payment_succeeded", invoice)
    return True


def _charge(store: Store, invoice: Object, is_paid: bool) -> None:
    amount, customer = invoice["amount_due"], invoice["customer"]
    common = {"amount": amount, "currency": "usd", "customer": customer, "description": None}
    method = store.objects[customer]["invoice_settings"]["default_payment_method"]
    intent = store.add(
        "payment_intent", "pi", **common, payment_method=method, latest_charge=None,
        status="succeeded" if is_paid else "requires_payment_method",
        amount_received=amount if is_paid else 0,
    )  # fmt: skip
    charge = store.add(
        "charge", "ch", **common, payment_intent=intent["id"], payment_method=method, paid=is_paid,
        captured=is_paid, amount_captured=amount if is_paid else 0, amount_refunded=0, refunded=False,
        disputed=False, status="succeeded" if is_paid else "failed",
        failure_code=None if is_paid else "card_declined",
        failure_message=None if is_paid else "Your card was declined.",
    )  # fmt: skip
    intent["latest_charge"] = charge["id"]
    store.add(
        "invoice_payment", "inpay", invoice=invoice["id"], amount_requested=amount, currency="usd",
        amount_paid=amount if is_paid else None, is_default=True, status="paid" if is_paid else "open",
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
    )  # fmt: skip
    store.event("charge.succeeded" if is_paid else "charge.failed", charge)
    outcome = "succeeded" if is_paid else "payment_failed"
    store.event(f"payment_intent.{outcome}", intent)
