"""What the stand-in for Stripe sells, as an operator would have set it up in Stripe's dashboard.

Must never be asked for a plan's limits: those are code of the service.
"""

from collections.abc import Mapping
from typing import Any, Final

from clearpost.standins.stripe_state import API_VERSION, Object, Store

# US cents; the prices of the plans page.
AMOUNTS: Final[Mapping[str, int]] = {
    "premium/month": 900, "premium/year": 9000, "business/month": 4900, "business/year": 49_000,
}  # fmt: skip
PRICES: Final[Mapping[str, str]] = {name: f"price_{name.replace('/', '_')}" for name in AMOUNTS}
PROMOTION_CODE: Final = "WELCOME"
CONFIGURATION: Final = "bpc_default"


def seed(store: Store, prices: Mapping[str, str] = PRICES) -> None:
    """Products, prices, a promotion code and the portal's settings, where they are not there yet."""
    for name, identifiers in prices.items():
        plan, _, interval = name.partition("/")
        for identifier in identifiers.split("|"):
            if identifier not in store.objects and name in AMOUNTS:
                add_price(store, identifier, plan, interval, AMOUNTS[name])
    if "promo_welcome" not in store.objects:
        _add_promotion_code(store)
    store.objects.setdefault(CONFIGURATION, _configuration(store))


def add_price(store: Store, identifier: str, plan: str, interval: str, amount: int) -> Object:
    product = f"prod_{plan}"
    if product not in store.objects:
        store.put(product, "product", name=f"Clearpost {plan}", active=True, description=None, type="service")
    recurring = {"interval": interval, "interval_count": 1, "meter": None, "trial_period_days": None}
    return store.put(
        identifier, "price", active=True, billing_scheme="per_unit", currency="usd", product=product,
        lookup_key=None, nickname=None, recurring=recurring | {"usage_type": "licensed"}, type="recurring",
        tax_behavior="exclusive", unit_amount=amount, unit_amount_decimal=str(amount),
    )  # fmt: skip


def _add_promotion_code(store: Store) -> None:
    store.put(
        "coupon_welcome", "coupon", name="Welcome: half of the first invoice", percent_off=50.0,
        amount_off=None, currency=None, duration="once", duration_in_months=None, max_redemptions=None,
        redeem_by=None, times_redeemed=0, valid=True,
    )  # fmt: skip
    store.put(
        "promo_welcome", "promotion_code", code=PROMOTION_CODE, active=True, customer=None, expires_at=None,
        promotion={"type": "coupon", "coupon": "coupon_welcome"}, max_redemptions=None, times_redeemed=0,
    )  # fmt: skip


def _configuration(store: Store) -> Object:
    on: Object = {"enabled": True}
    features = {
        "invoice_history": on, "payment_method_update": on, "customer_update": {"enabled": False},
        "subscription_cancel": on | {"mode": "at_period_end", "proration_behavior": "none"},
        "subscription_update": on | {"default_allowed_updates": ["price"],
                                     "proration_behavior": "always_invoice"},
    }  # fmt: skip
    return store.put(
        CONFIGURATION, "billing_portal.configuration", active=True, is_default=True, features=features,
        default_return_url=None, login_page={"enabled": False, "url": None}, application=None, name=None,
    )  # fmt: skip


def add_endpoint(store: Store, url: str, secrets: tuple[str, ...], events: list[str]) -> Object:
    """More than one secret: as while one is being replaced, when Stripe signs with both."""
    return store.add(
        "webhook_endpoint", "we", url=url, enabled_events=events, status="enabled", description=None,
        api_version=API_VERSION, application=None, _secrets=list(secrets),
    )  # fmt: skip


def account() -> dict[str, Any]:
    return {
        "id": "acct_standin", "object": "account", "country": "US", "default_currency": "usd",
        "charges_enabled": True, "details_submitted": True, "payouts_enabled": True, "type": "standard",
        "email": "owner@inbox.test", "settings": {"dashboard": {"display_name": "The stand-in"}},
    }  # fmt: skip


def balance() -> dict[str, Any]:
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return {"object": "balance", "livemode": False, "available": nothing, "pending": nothing}


def tax_settings() -> dict[str, Any]:
    return {
        "object": "tax.settings", "livemode": False, "status": "active", "status_details": {"active": {}},
        "defaults": {"tax_behavior": "exclusive", "tax_code": None},
        "head_office": {"address": {"country": "US"}},
    }  # fmt: skip
