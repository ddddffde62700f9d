"""Checkout sessions of the stand-in for Stripe: from the wish to pay to the subscription that is paid.

Must never let one session be paid twice.
"""

import secrets
from typing import Final

from clearpost.standins.stripe_forms import is_true, required
from clearpost.standins.stripe_invoices import DAY
from clearpost.standins.stripe_state import Object, Refused, Store, card_declined
from clearpost.standins.stripe_subscriptions import Wish, begin

PARAMETERS: Final = frozenset(
    {"mode", "customer", "customer_email", "line_items", "success_url", "cancel_url", "metadata", "locale",
     "allow_promotion_codes", "discounts", "automatic_tax", "customer_update", "client_reference_id",
     "subscription_data", "payment_method_collection", "billing_address_collection", "tax_id_collection",
     "expires_at", "payment_method_types", "ui_mode", "consent_collection", "custom_text", "submit_type",
     "branding_settings"}
)  # fmt: skip


def create(store: Store, parameters: Object) -> Object:
    """Raises Refused, as Stripe would."""
    if required(parameters, "mode") != "subscription":
        raise Refused("The stand-in sells subscriptions only.", param="mode")
    required(parameters, "success_url")
    customer = store.find(required(parameters, "customer"), "customer", "customer")
    if customer.get("deleted"):
        raise Refused("No such customer", code="resource_missing", param="customer")
    lines = parameters.get("line_items") or []
    if not lines:
        raise Refused("Missing required param: line_items.", code="parameter_missing", param="line_items")
    price = store.find(lines[0].get("price"), "price", "line_items[0][price]")
    _check(parameters, customer)
    quantity = int(lines[0].get("quantity", 1))
    identifier = f"cs_test_{secrets.token_hex(24)}"
    amount = price["unit_amount"] * quantity
    nothing = dict.fromkeys(("invoice", "payment_intent", "setup_intent", "subscription", "payment_link"))
    return store.put(
        identifier, "checkout.session", **nothing, amount_subtotal=amount, amount_total=amount,
        allow_promotion_codes=is_true(parameters.get("allow_promotion_codes")) or None, currency="usd",
        automatic_tax={"enabled": _wants_tax(parameters), "liability": None, "status": None},
        cancel_url=parameters.get("cancel_url"), success_url=parameters["success_url"],
        client_reference_id=parameters.get("client_reference_id"), customer=customer["id"],
        customer_details={"email": customer["email"]}, expires_at=store.now() + DAY, mode="subscription",
        metadata=dict(parameters.get("metadata", {})), locale=parameters.get("locale"),
        payment_method_collection=parameters.get("payment_method_collection", "always"),
        payment_method_types=["card"], payment_status="unpaid", status="open", ui_mode="hosted_page",
        url=f"{store.base_url}/pay/{identifier}",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}, discounts=[],
        _line_items=[{"id": f"li_{identifier[-12:]}", "object": "item", "price": price,
                      "quantity": quantity, "amount_total": amount, "currency": "usd"}],
        _data=dict(parameters.get("subscription_data", {})),
        _coupon=(parameters.get("discounts") or [{}])[0].get("coupon", ""),
    )  # fmt: skip


def _wants_tax(parameters: Object) -> bool:
    return is_true(parameters.get("automatic_tax", {}).get("enabled"))


def _check(parameters: Object, customer: Object) -> None:
    if "allow_promotion_codes" in parameters and "discounts" in parameters:
        raise Refused("You may only specify one of these parameters: allow_promotion_codes, discounts.")
    learns = parameters.get("customer_update", {}).get("address") == "auto"
    if _wants_tax(parameters) and not (learns or customer.get("address")):
        message = "Automatic tax calculation in Checkout requires a valid address on the Customer."
        raise Refused(message, code="customer_tax_location_invalid", param="automatic_tax[enabled]")


def expire(store: Store, session: Object) -> Object:
    if session["status"] != "open":
        raise Refused("Only Checkout Sessions with a status in [open] can be expired.")
    store.change(session, "checkout.session.expired", status="expired", url=None)
    return session


def pay(store: Store, session: Object, card: str, code: str = "") -> None:
    """`card`: works, fails, or fails later (works now only). Raises Refused: declined, or no such code."""
    if session["status"] != "open":
        raise Refused("This page has expired, or was paid already.")
    promotion = _promotion(store, session, code)
    if card == "fails":
        raise card_declined()
    customer = store.objects[session["customer"]]
    give_card(store, customer, "works")
    line, data = session["_line_items"][0], session["_data"]
    coupon = promotion["promotion"]["coupon"] if promotion else session["_coupon"]
    subscription = begin(
        store,
        Wish(
            customer["id"], line["price"]["id"], line["quantity"], int(data.get("trial_period_days", 0)),
            data.get("metadata", {}), coupon, promotion["id"] if promotion else None,
            session["automatic_tax"]["enabled"], must_pay=True,
        ),
    )  # fmt: skip
    if card == "fails_later":
        customer["_card"] = "fails"
    invoice = store.objects[subscription["latest_invoice"]]
    off = sum(part["amount"] for part in invoice["total_discount_amounts"])
    store.change(
        session, "checkout.session.completed", status="complete", url=None, subscription=subscription["id"],
        invoice=invoice["id"], payment_status="paid" if invoice["total"] else "no_payment_required",
        amount_total=invoice["total"], total_details=session["total_details"] | {"amount_discount": off},
    )  # fmt: skip


def _promotion(store: Store, session: Object, code: str) -> Object | None:
    if not code or not session["allow_promotion_codes"]:
        return None
    found = next(store.all("promotion_code", code=code.strip().upper(), active=True), None)
    if found is None:
        raise Refused("This code is invalid.", code="resource_missing")
    return found


def give_card(store: Store, customer: Object, card: str) -> None:
    """The customer's card is now one that works, fails, or (`none`) is taken away."""
    last4 = "4242" if card == "works" else "0341"
    customer["_card"] = card
    if card == "none":
        store.change(customer, "customer.updated", invoice_settings=_settings(None))
        return
    method = store.add(
        "payment_method", "pm", type="card", customer=customer["id"], billing_details={"address": {}},
        card={"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2040, "funding": "credit"},
    )  # fmt: skip
    store.event("payment_method.attached", method)
    store.change(customer, "customer.updated", invoice_settings=_settings(method["id"]))


def _settings(method: str | None) -> Object:
    return {"default_payment_method": method, "custom_fields": None, "footer": None}
