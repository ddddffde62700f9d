"""The writes of Stripe's API, one function each: (store, id, parameters) -> the object as it is then.

Must never know of HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clearpost.standins import stripe_checkout as checkout
from clearpost.standins import stripe_portal_calls as portal
from clearpost.standins import stripe_schedules as schedules
from clearpost.standins import stripe_subscription_calls as subscriptions
from clearpost.standins.stripe_catalog import add_endpoint
from clearpost.standins.stripe_forms import required
from clearpost.standins.stripe_state import Object, Refused, Store
from clearpost.standins.stripe_subscriptions import end

Function = Callable[[Store, str, Object], Object]


@dataclass(frozen=True, slots=True)
class Call:
    """What it does, and which parameters it takes."""

    function: Function
    parameters: frozenset[str]


def _create_customer(store: Store, _: str, parameters: Object) -> Object:
    customer = store.add(
        "customer", "cus", address=None, balance=0, currency=None, default_source=None, delinquent=False,
        description=None, email=None, name=None, phone=None, preferred_locales=[], shipping=None,
        invoice_settings={"default_payment_method": None, "custom_fields": None, "footer": None},
        invoice_prefix="STANDIN", tax_exempt="none", test_clock=None, _card="none",
    )  # fmt: skip
    customer.update(_filled(parameters))
    store.event("customer.created", customer)
    return customer


def _update_customer(store: Store, identifier: str, parameters: Object) -> Object:
    customer = _living(store, identifier)
    fields = _filled(parameters)
    if "metadata" in fields:
        fields["metadata"] = merged(customer["metadata"], fields["metadata"])
    if "invoice_settings" in fields:
        fields["invoice_settings"] = customer["invoice_settings"] | fields["invoice_settings"]
    store.change(customer, "customer.updated", **fields)
    return customer


def _delete_customer(store: Store, identifier: str, _: Object) -> Object:
    """Its subscriptions end at once."""
    customer = _living(store, identifier)
    for subscription in list(store.all("subscription", customer=identifier)):
        if subscription["status"] != "canceled":
            end(store, subscription)
    store.event("customer.deleted", customer)
    customer.clear()
    customer.update(id=identifier, object="customer", deleted=True, created=store.now())
    return customer


def _living(store: Store, identifier: str) -> Object:
    customer = store.find(identifier, "customer")
    if customer.get("deleted"):
        raise Refused(f"No such customer: '{identifier}'", status=404, code="resource_missing", param="id")
    return customer


def _filled(parameters: Object) -> Object:
    """An empty value takes the old one away."""
    return {name: value if value != "" else None for name, value in parameters.items() if name != "expand"}


def merged(old: Object, new: Object) -> Object:
    """Metadata: what is named changes, an empty value removes."""
    return {name: value for name, value in (old | (new or {})).items() if value != ""}


def _create_endpoint(store: Store, _: str, parameters: Object) -> Object:
    secret = f"whsec_{store.add('secret', 'sec')['id']}"
    endpoint = add_endpoint(
        store, required(parameters, "url"), (secret,), parameters.get("enabled_events", [])
    )
    endpoint["description"] = parameters.get("description")
    return endpoint | {"secret": secret}  # shown this once


def _update_endpoint(store: Store, identifier: str, parameters: Object) -> Object:
    endpoint = store.find(identifier, "webhook_endpoint")
    if "disabled" in parameters:
        parameters["status"] = "disabled" if parameters.pop("disabled") == "true" else "enabled"
    endpoint.update(_filled(parameters))
    return endpoint


def _delete_endpoint(store: Store, identifier: str, _: Object) -> Object:
    store.find(identifier, "webhook_endpoint")
    del store.objects[identifier]
    return {"id": identifier, "object": "webhook_endpoint", "deleted": True}


def refund(store: Store, _: str, parameters: Object) -> Object:
    """Of a charge, or of a payment intent's charge; all that is left where no amount is given."""
    charge = _charge(store, parameters)
    amount = int(parameters.get("amount") or charge["amount"] - charge["amount_refunded"])
    if not 0 < amount <= charge["amount"] - charge["amount_refunded"]:
        raise Refused("Charge has already been refunded.", code="charge_already_refunded")
    made = store.add(
        "refund", "re", amount=amount, charge=charge["id"], payment_intent=charge["payment_intent"],
        currency="usd", reason=parameters.get("reason"), status="succeeded",
    )  # fmt: skip
    total = charge["amount_refunded"] + amount
    store.change(
        charge, "charge.refunded", amount_refunded=total, refunded=total == charge["amount"]
    )  # fmt: skip
    store.event("refund.created", made)
    return made


def _charge(store: Store, parameters: Object) -> Object:
    if identifier := parameters.get("charge"):
        return store.find(identifier, "charge", "charge")
    intent = store.find(parameters.get("payment_intent"), "payment_intent", "payment_intent")
    return store.find(intent["latest_charge"], "charge")


def dispute(store: Store, charge: Object, reason: str = "fraudulent") -> Object:
    """The customer's bank takes the money back: nobody calls this but who holds the control."""
    made = store.add(
        "dispute", "dp", amount=charge["amount"], charge=charge["id"], currency="usd", reason=reason,
        payment_intent=charge["payment_intent"], status="needs_response", is_charge_refundable=False,
        balance_transactions=[], evidence={}, evidence_details={"due_by": store.now() + 7 * 86_400},
    )  # fmt: skip
    charge["disputed"] = True
    store.event("charge.dispute.created", made)
    store.event("charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(store: Store, made: Object, *, won: bool) -> None:
    store.change(made, "charge.dispute.closed", status="won" if won else "lost")
    if won:
        store.event("charge.dispute.funds_reinstated", made)


def _create_session(store: Store, _: str, parameters: Object) -> Object:
    return checkout.create(store, parameters)


def _expire_session(store: Store, identifier: str, _: Object) -> Object:
    return checkout.expire(store, store.find(identifier, "checkout.session"))


_CUSTOMER: Final = frozenset(
    {"email", "name", "description", "metadata", "address", "phone", "preferred_locales", "balance",
     "invoice_settings", "tax", "tax_exempt", "shipping"}
)  # fmt: skip
_ENDPOINT: Final = frozenset({"url", "enabled_events", "description", "metadata", "api_version", "disabled"})
_NONE: Final = frozenset[str]()

CALLS: Final[dict[tuple[str, str], Call]] = {
    ("POST", "customers"): Call(_create_customer, _CUSTOMER),
    ("POST", "customers/{id}"): Call(_update_customer, _CUSTOMER),
    ("DELETE", "customers/{id}"): Call(_delete_customer, _NONE),
    ("POST", "checkout/sessions"): Call(_create_session, checkout.PARAMETERS),
    ("POST", "checkout/sessions/{id}/expire"): Call(_expire_session, _NONE),
    ("POST", "subscriptions"): Call(subscriptions.create, subscriptions.CREATE),
    ("POST", "subscriptions/{id}"): Call(subscriptions.update, subscriptions.UPDATE),
    ("DELETE", "subscriptions/{id}"): Call(subscriptions.cancel, subscriptions.CANCEL),
    ("POST", "subscriptions/{id}/resume"): Call(subscriptions.resume, subscriptions.RESUME),
    ("POST", "subscription_schedules"): Call(schedules.create, schedules.CREATE),
    ("POST", "subscription_schedules/{id}"): Call(schedules.update, schedules.UPDATE),
    ("POST", "subscription_schedules/{id}/release"): Call(schedules.let_go, schedules.RELEASE),
    ("POST", "invoices/create_preview"): Call(subscriptions.preview, subscriptions.PREVIEW),
    ("POST", "invoices/{id}/pay"): Call(subscriptions.pay_invoice, subscriptions.PAY),
    ("POST", "billing_portal/sessions"): Call(portal.create, portal.PARAMETERS),
    ("POST", "billing_portal/configurations"): Call(portal.configure, portal.CONFIGURATION),
    ("POST", "billing_portal/configurations/{id}"): Call(portal.reconfigure, portal.CONFIGURATION),
    ("POST", "refunds"): Call(refund, frozenset({"charge", "payment_intent", "amount", "reason",
                                                 "metadata"})),
    ("POST", "webhook_endpoints"): Call(_create_endpoint, _ENDPOINT),
    ("POST", "webhook_endpoints/{id}"): Call(_update_endpoint, _ENDPOINT),
    ("DELETE", "webhook_endpoints/{id}"): Call(_delete_endpoint, _NONE),
}  # fmt: skip
