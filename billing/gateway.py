"""The one file that talks to Stripe: our questions and orders in, plain values out.

Must never be used from a transaction that holds locks: an answer takes seconds, or never comes. Must never
let one of Stripe's texts out in an error: they name cards, addresses and customers.
"""

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, TypeVar
from uuid import UUID

import stripe
from stripe import HTTPXClient, StripeClient

from billing.answers import as_it_runs, at_stripe, id_of, maybe_moment
from billing.subscriptions import AtStripe, Item
from mailcore.settings import Settings

_SECONDS: Final = 10.0
_RETRIES: Final = 1
# A dispute in one of these is over: won, lost, or only a warning.
_OVER: Final = frozenset({"won", "lost", "warning_closed", "prevented"})
_GONE: Final = "resource_missing"

Answer = TypeVar("Answer")


class Away(Exception):
    """Stripe does not answer, or has a fault: try again later. The text is the kind of the failure."""


class Refused(Exception):
    """Stripe says no to a request of ours. `code` is Stripe's, such as resource_missing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class CustomerGone(Refused):
    """The customer was deleted at Stripe, or is another key's."""


class Declined(Refused):
    """The customer's bank or card says no, or wants to be asked."""


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` in the smallest unit of `currency`, each `interval_count` `interval`s."""

    id: str
    amount: int
    currency: str
    interval: str
    interval_count: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What a change would cost at once; below 0 it is credited to the next invoice."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """`paid_at`: when the payment was made that the customer's bank asks back."""

    customer_id: str | None
    is_open: bool
    is_lost: bool
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """`left`: what of it was not given back yet, in the smallest unit."""

    id: str
    left: int
    currency: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint that Stripe knows. `events` may be {"*"}."""

    url: str
    events: frozenset[str]
    is_enabled: bool


class Gateway:
    """Stripe under one key. `is_live`: whether this key moves real money."""

    def __init__(self, key: str, *, api_url: str = "", tax: bool = False) -> None:
        self.is_live = "_live_" in key
        if api_url and self.is_live:
            raise ValueError("a live Stripe key is for Stripe alone: unset CLEARPOST_STRIPE_API_URL")
        logging.getLogger("stripe").setLevel(logging.CRITICAL)  # its lines name customers
        stripe.enable_telemetry = False
        self._tax = tax
        self._http = HTTPXClient(timeout=_SECONDS)
        self._stripe = StripeClient(
            key,
            base_addresses={"api": api_url.rstrip("/")} if api_url else None,
            max_network_retries=_RETRIES,
            http_client=self._http,
        )

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """None where nothing is sold. Raises ValueError."""
        key = settings.stripe_secret_key.get_secret_value()
        return cls(key, api_url=settings.stripe_api_url, tax=settings.stripe_tax) if key else None

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    # --- customers and what they have ---

    async def create_customer(self, account_id: UUID, instead_of: str | None = None) -> str:
        """The same one for the same account, however often and at once it is asked; another one for each
        customer that is gone. Checkout asks the person for an address: we tell Stripe none.
        """
        about, key = {"account_id": str(account_id)}, f"customer-{account_id}"
        if instead_of is not None:
            about["instead_of"], key = instead_of, f"{key}-{instead_of}"
        customer = await _asked(
            self._stripe.v1.customers.create_async({"metadata": about}, {"idempotency_key": key})
        )
        return customer.id

    async def delete_customer(self, customer_id: str) -> None:
        """With all subscriptions, at once. One who is gone already is gone."""
        try:
            await _asked(self._stripe.v1.customers.delete_async(customer_id))
        except Refused as refused:
            if refused.code != _GONE:
                raise

    async def subscriptions(self, customer_id: str) -> list[AtStripe]:
        """All that the customer ever had, as they are now."""
        found = await _asked(
            self._stripe.v1.subscriptions.list_async(
                {"customer": customer_id, "status": "all", "limit": 100, "expand": ["data.schedule"]}
            )
        )
        return [at_stripe(each.to_dict()) for each in found.data]

    async def dispute(self, dispute_id: str) -> Dispute:
        found = await _asked(self._stripe.v1.disputes.retrieve_async(dispute_id, {"expand": ["charge"]}))
        plain = found.to_dict()
        charge = plain["charge"]
        customer, paid_at = None, None
        if isinstance(charge, dict):
            customer, paid_at = charge.get("customer"), charge["created"]
        status = plain["status"]
        return Dispute(id_of(customer), status not in _OVER, status == "lost", maybe_moment(paid_at))

    async def last_payment(self, customer_id: str) -> Payment | None:
        """The newest that succeeded, given back or not."""
        found = await _asked(self._stripe.v1.charges.list_async({"customer": customer_id, "limit": 100}))
        paid = next((each for each in found.data if each.status == "succeeded"), None)
        return Payment(paid.id, paid.amount - paid.amount_refunded, paid.currency) if paid else None

    async def give_back(self, payment: Payment) -> None:
        """All that is left of it, once, however often this is asked."""
        await _asked(
            self._stripe.v1.refunds.create_async(
                {"charge": payment.id}, {"idempotency_key": f"refund-{payment.id}-{payment.left}"}
            )
        )

    # --- buying and managing, on pages of Stripe's ---

    async def open_checkout(
        self,
        customer_id: str,
        account_id: UUID,
        price_id: str,
        *,
        success_url: str,
        cancel_url: str,
        key: str,
    ) -> str:
        """The address of a page on which a subscription is bought. All others close, so that nobody buys
        twice; of several that are asked for at once, the newest stays open.
        """
        sessions = self._stripe.v1.checkout.sessions
        about: dict[str, str] = {"account_id": str(account_id)}
        wanted: stripe.params.checkout.SessionCreateParams = {
            "mode": "subscription",
            "customer": customer_id,
            "client_reference_id": str(account_id),
            "line_items": [{"price": price_id, "quantity": 1}],
            "allow_promotion_codes": True,
            "metadata": about,
            "subscription_data": {"metadata": about},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        if self._tax:
            wanted["automatic_tax"] = {"enabled": True}
            wanted["customer_update"] = {"address": "auto", "name": "auto"}
            wanted["tax_id_collection"] = {"enabled": True}
        session = await _asked(sessions.create_async(wanted, {"idempotency_key": key}))
        found = await _asked(sessions.list_async({"customer": customer_id, "status": "open", "limit": 100}))
        newest, *others = found.data or [session]
        for each in others:
            await _asked(sessions.expire_async(each.id, None, {"idempotency_key": f"expire-{each.id}"}))
        if newest.id != session.id or not session.url:
            raise Away("overtaken")
        return session.url

    async def open_portal(self, customer_id: str, *, return_url: str, key: str) -> str:
        """The address of the page on which cards, invoices and the subscription are managed."""
        portal = await _asked(
            self._stripe.v1.billing_portal.sessions.create_async(
                {"customer": customer_id, "return_url": return_url}, {"idempotency_key": key}
            )
        )
        return portal.url

    # --- changing a subscription that there is ---

    async def preview(self, subscription: AtStripe, item: Item, price_id: str) -> Due:
        """What going over to this price now would cost now."""
        invoice = await _asked(
            self._stripe.v1.invoices.create_preview_async(
                {
                    "subscription": subscription.id,
                    "subscription_details": {
                        "items": [{"id": item.id, "price": price_id}],
                        "proration_behavior": "always_invoice",
                    },
                }
            )
        )
        return Due(invoice.amount_due or min(invoice.total, 0), invoice.currency)

    async def change_now(self, subscription: AtStripe, item: Item, price_id: str, *, key: str) -> None:
        """With proration, paid at once, and a cancellation is taken back by it; where that fails nothing
        changes, what was ordered for the period's end neither. Raises Declined.
        """
        await self._release(subscription, key)
        change: stripe.params.SubscriptionUpdateParams = {
            "items": [{"id": item.id, "price": price_id}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "error_if_incomplete",
            **_not_cancelled(subscription),
        }
        try:
            await _asked(
                self._stripe.v1.subscriptions.update_async(
                    subscription.id, change, {"idempotency_key": f"{key}-change"}
                )
            )
        except Refused:
            if subscription.next_price_id is not None:
                await self._follow(subscription, subscription.next_price_id, f"{key}-back")
            raise

    async def change_at_end(self, subscription: AtStripe, price_id: str, *, key: str) -> None:
        """Goes over to this price when the period that is paid ends."""
        await self._release(subscription, key)
        await self._keep(subscription, key)
        await self._follow(subscription, price_id, key)

    async def _follow(self, subscription: AtStripe, price_id: str, key: str) -> None:
        schedules = self._stripe.v1.subscription_schedules
        schedule = await _asked(
            schedules.create_async(
                {"from_subscription": subscription.id}, {"idempotency_key": f"{key}-schedule"}
            )
        )
        now = as_it_runs(schedule.to_dict()["phases"][0])
        await _asked(
            schedules.update_async(
                schedule.id,
                {
                    "end_behavior": "release",
                    "phases": [
                        now,
                        {
                            "items": [{"price": price_id, "quantity": 1}],
                            "duration": {"interval": "month", "interval_count": 1},
                        },
                    ],
                },
                {"idempotency_key": f"{key}-phases"},
            )
        )

    async def cancel_at_end(self, subscription: AtStripe, *, key: str) -> None:
        await self._release(subscription, key)
        await _asked(
            self._stripe.v1.subscriptions.update_async(
                subscription.id, {"cancel_at_period_end": True}, {"idempotency_key": f"{key}-cancel"}
            )
        )

    async def end_now(self, subscription: AtStripe) -> None:
        """At once and for ever; nothing is invoiced nor credited any more."""
        await self._release(subscription, f"end-{subscription.id}")
        await _asked(
            self._stripe.v1.subscriptions.cancel_async(
                subscription.id,
                {"invoice_now": False, "prorate": False},
                {"idempotency_key": f"end-{subscription.id}"},
            )
        )

    async def go_on(self, subscription: AtStripe, *, key: str) -> None:
        """Whatever was to happen at the period's end does not."""
        await self._release(subscription, key)
        await self._keep(subscription, key)

    async def _release(self, subscription: AtStripe, key: str) -> None:
        if subscription.schedule_id is not None:
            await _asked(
                self._stripe.v1.subscription_schedules.release_async(
                    subscription.schedule_id, None, {"idempotency_key": f"{key}-release"}
                )
            )

    async def _keep(self, subscription: AtStripe, key: str) -> None:
        if subscription.cancel_at is None:
            return
        await _asked(
            self._stripe.v1.subscriptions.update_async(
                subscription.id, _not_cancelled(subscription), {"idempotency_key": f"{key}-keep"}
            )
        )

    # --- what is set up there ---

    async def price(self, price_id: str) -> Price:
        found = await _asked(self._stripe.v1.prices.retrieve_async(price_id))
        recurring = found.recurring
        return Price(
            id=found.id,
            amount=found.unit_amount or 0,
            currency=found.currency,
            interval=recurring.interval if recurring else "",
            interval_count=recurring.interval_count if recurring else 0,
            is_active=found.active,
        )

    async def endpoints(self) -> Sequence[Endpoint]:
        found = await _asked(self._stripe.v1.webhook_endpoints.list_async({"limit": 100}))
        return [
            Endpoint(each.url, frozenset(each.enabled_events), each.status == "enabled")
            for each in found.data
        ]


def _not_cancelled(subscription: AtStripe) -> stripe.params.SubscriptionUpdateParams:
    """The portal ends a subscription by its date, we by the flag: each is taken back in its own way."""
    if subscription.cancel_at is None:
        return {}
    return {"cancel_at_period_end": False} if subscription.cancel_at_period_end else {"cancel_at": ""}


async def _asked(answer: Awaitable[Answer]) -> Answer:
    """Raises CustomerGone, Declined, Refused, Away. Their causes are cut off: they hold Stripe's texts."""
    try:
        return await answer
    except stripe.CardError as error:
        failure: Exception = Declined(error.code or "card_error")
    except stripe.InvalidRequestError as error:
        is_gone = error.code == _GONE and error.param == "customer"
        failure = (CustomerGone if is_gone else Refused)(error.code or "invalid_request")
    except stripe.StripeError as error:
        failure = Away(type(error).__name__)
    raise failure from None
