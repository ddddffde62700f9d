"""Sessions and settings of the billing portal that the stand-in for Stripe hosts.

Must never open a portal for a customer who does not exist.
"""

from typing import Final

from clearpost.standins.stripe_catalog import CONFIGURATION as DEFAULT
from clearpost.standins.stripe_forms import required
from clearpost.standins.stripe_state import Object, Refused, Store

PARAMETERS: Final = frozenset({"customer", "return_url", "flow_data", "configuration", "locale"})
CONFIGURATION: Final = frozenset(
    {"features", "business_profile", "default_return_url", "metadata", "name", "active", "login_page"}
)
_FLOWS: Final = (
    "payment_method_update", "subscription_cancel", "subscription_update", "subscription_update_confirm",
)  # fmt: skip


def create(store: Store, _: str, parameters: Object) -> Object:
    customer = store.find(required(parameters, "customer"), "customer", "customer")
    if customer.get("deleted"):
        raise Refused("No such customer", code="resource_missing", param="customer")
    configuration = parameters.get("configuration", DEFAULT)
    store.find(configuration, "billing_portal.configuration", "configuration")
    session = store.add(
        "billing_portal.session", "bps", configuration=configuration, customer=customer["id"],
        flow=_flow(store, parameters.get("flow_data")), locale=parameters.get("locale"), on_behalf_of=None,
        return_url=parameters.get("return_url"),
    )  # fmt: skip
    session["url"] = f"{store.base_url}/portal/{session['id']}"
    return session


def _flow(store: Store, given: Object | None) -> Object | None:
    """Where the visitor is taken first: what to change is named, and must be there."""
    if not given:
        return None
    kind = given.get("type")
    if kind not in _FLOWS:
        raise Refused(f"Invalid flow_data[type]: must be one of {', '.join(_FLOWS)}", param="flow_data[type]")
    named = given.get(kind, {})
    if kind != "payment_method_update":
        found = store.find(named.get("subscription"), "subscription", f"flow_data[{kind}][subscription]")
        if found["status"] == "canceled":
            raise Refused("This subscription is canceled.", param=f"flow_data[{kind}][subscription]")
    flow: Object = {**dict.fromkeys(_FLOWS), "type": kind, kind: named or None}
    flow["after_completion"] = given.get("after_completion", {"type": "portal_homepage"})
    return flow


def configure(store: Store, _: str, parameters: Object) -> Object:
    made = store.add(
        "billing_portal.configuration", "bpc", active=True, is_default=False, default_return_url=None,
        login_page={"enabled": False, "url": None}, application=None, name=None,
    )  # fmt: skip
    made.update({name: value for name, value in parameters.items() if name != "expand"})
    return made


def reconfigure(store: Store, identifier: str, parameters: Object) -> Object:
    found = store.find(identifier, "billing_portal.configuration")
    found.update({name: value for name, value in parameters.items() if name != "expand"})
    return found
