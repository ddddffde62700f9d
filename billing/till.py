"""What a person asks for: to buy a plan, to see what a change costs, to change, to manage what they have.

Stripe is asked for the current state before each, so that nobody buys twice. Must never set a plan: Stripe's
answer makes the customer due, and state.py applies what is found.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self, TypeVar
from uuid import UUID

import structlog

from billing import state, subscriptions
from billing.catalogue import Catalogue, Offer
from billing.gateway import Away, CustomerGone, Declined, Due, Gateway, Refused
from billing.prices import Interval, Prices, Sold
from billing.subscriptions import AtStripe, Item
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import BusinessError, Conflict, Invalid
from mailcore.plans import Plan
from mailcore.settings import Settings

Effective = Literal["checkout", "now", "period_end", "unchanged"]
Answer = TypeVar("Answer")
_RETRY_AFTER: Final = 30
_NOT_DONE: Final = (
    "The payment provider (Stripe) can't be reached, or did not do as it was asked. Your plan and your mail "
    "go on as they were, and nothing was charged. Try again in a minute."
)
# An answer that was lost tells nothing of what was done.
_MAYBE_DONE: Final = (
    "The payment provider (Stripe) did not say whether it has changed the subscription. Your mail goes on. "
    "Look at GET /v1/billing before you ask again: a change that was made is shown there within seconds."
)


log = structlog.get_logger("billing")


class PaymentDeclined(BusinessError):
    code = "payment_declined"
    status = 402


class PaymentsAway(BusinessError):
    code = "payments_unavailable"
    status = 503


@dataclass(frozen=True, slots=True)
class Change:
    """When a change takes place. `due`: what is paid then at once, where Stripe says it."""

    effective: Effective
    at: datetime | None = None
    due: Due | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """Who asks: their customer at Stripe, if they have one, and the subscription that counts."""

    account_id: UUID
    customer_id: str | None
    subscription: AtStripe | None
    item: Item | None
    sold: Sold | None


@dataclass(frozen=True, slots=True)
class Till:
    """Where plans are sold. `key` is new for each order: Stripe does nothing twice for one, however often the
    library sends it.
    """

    gateway: Gateway
    prices: Prices
    catalogue: Catalogue
    database: Database
    web_url: str

    @classmethod
    def open(cls, settings: Settings, database: Database, clock: Clock) -> Self | None:
        """None where nothing is sold, or settings do not fit: mail goes on, `clearpost doctor` tells."""
        try:
            prices, gateway = Prices.of(settings), Gateway.of(settings)
        except ValueError:
            log.error("billing_misconfigured")
            return None
        if gateway is None:
            return None
        catalogue = Catalogue(gateway, prices, clock)
        return cls(gateway, prices, catalogue, database, settings.web_url.rstrip("/"))

    async def close(self) -> None:
        await self.gateway.close()

    async def checkout(self, account_id: UUID, plan: Plan, interval: Interval, key: str) -> str:
        """The address where this is bought. Raises Invalid, Conflict."""
        price_id = self._price(Sold(plan, interval))
        who = await self._customer(account_id)
        if who.subscription is not None and who.subscription.is_live:
            detail = "There is a subscription: change it with POST /v1/billing/change."
            raise Conflict(detail, code="subscription_exists")
        customer_id = who.customer_id or await self._new_customer(account_id)

        def opened(customer_id: str) -> Awaitable[str]:
            return self.gateway.open_checkout(
                customer_id,
                account_id,
                price_id,
                success_url=f"{self.web_url}/billing?checkout=done",
                cancel_url=f"{self.web_url}/billing?checkout=cancelled",
                key=f"checkout-{account_id}-{customer_id}-{key}",
            )

        return await _said(self._page(account_id, customer_id, opened))

    async def portal(self, account_id: UUID, key: str) -> str:
        """The address where cards, invoices and the subscription are managed. Raises Conflict."""
        customer_id = await self._customer_id(account_id)
        if customer_id is None:
            raise _nothing_bought()

        def opened(customer_id: str) -> Awaitable[str]:
            order = f"portal-{account_id}-{customer_id}-{key}"
            return self.gateway.open_portal(customer_id, return_url=f"{self.web_url}/billing", key=order)

        return await _said(self._page(account_id, customer_id, opened))

    async def preview(self, account_id: UUID, plan: Plan, interval: Interval) -> Change:
        """What `change`, or buying, would do. Raises Invalid, Conflict."""
        who = await self._customer(account_id)
        wanted = self._wanted(plan, interval)
        if who.subscription is None or not who.subscription.is_live:
            if wanted is None:
                return Change("unchanged")
            return Change("checkout", due=await self._list_price(wanted))
        effective = _effective(who, wanted)
        if effective != "now":
            return Change(effective, who.item.period_end if who.item else None)
        if wanted is None or who.item is None:
            return Change("now")
        asked = self.gateway.preview(who.subscription, who.item, self._price(wanted))
        return Change("now", due=await _said(asked))

    async def change(self, account_id: UUID, plan: Plan, interval: Interval, key: str) -> Change:
        """Up at once, with proration; down at the end of what is paid. Raises Invalid, Conflict,
        PaymentDeclined.
        """
        who = await self._customer(account_id)
        wanted = self._wanted(plan, interval)
        if who.subscription is None or not who.subscription.is_live:
            raise _nothing_bought()
        effective = _effective(who, wanted)
        ordered = self._order(who.subscription, who.item, wanted, effective, f"{account_id}-{key}")
        try:
            await _said(ordered, otherwise=_MAYBE_DONE)
        finally:  # also where nobody knows what became of it: Stripe is asked
            async with self.database.transaction() as tx:
                await state.mark(tx, account_id)
        ends = who.item.period_end if who.item else None
        return Change(effective, ends if effective == "period_end" else None)

    async def _order(
        self, now: AtStripe, item: Item | None, wanted: Sold | None, effective: Effective, key: str
    ) -> None:
        if wanted is None:
            await self.gateway.cancel_at_end(now, key=key)
        elif effective == "unchanged":
            await self.gateway.go_on(now, key=key)
        elif effective == "now" and item is not None:
            await self.gateway.change_now(now, item, self._price(wanted), key=key)
        else:
            await self.gateway.change_at_end(now, self._price(wanted), key=key)

    # --- who asks, and for what ---

    async def _customer_id(self, account_id: UUID) -> str | None:
        async with self.database.session() as session:
            row = await state.get(session, account_id)
        return row.customer_id if row else None

    async def _customer(self, account_id: UUID) -> Customer:
        """As Stripe has them now."""
        customer_id = await self._customer_id(account_id)
        if customer_id is None:
            return Customer(account_id, None, None, None, None)
        chosen = subscriptions.choose(await _said(self._subscriptions(customer_id)))
        if chosen is None:
            return Customer(account_id, customer_id, None, None, None)
        return Customer(account_id, customer_id, chosen, *subscriptions.what_is_paid(chosen, self.prices))

    async def _new_customer(self, account_id: UUID) -> str:
        customer_id = await _said(self.gateway.create_customer(account_id))
        async with self.database.transaction() as tx:
            return await state.add(tx, account_id, customer_id)

    async def _subscriptions(self, customer_id: str) -> list[AtStripe]:
        """None of a customer that is gone."""
        try:
            return await self.gateway.subscriptions(customer_id)
        except CustomerGone:
            return []

    async def _page(self, account_id: UUID, customer_id: str, opened: Callable[[str], Awaitable[str]]) -> str:
        """The page that is opened for this customer, or for a new one where this one is gone."""
        try:
            return await opened(customer_id)
        except CustomerGone:
            log.error("billing_customer_gone", account=str(account_id))
        created = await self.gateway.create_customer(account_id, instead_of=customer_id)
        async with self.database.transaction() as tx:
            await state.replace(tx, account_id, customer_id, created)
        return await opened(created)

    def _wanted(self, plan: Plan, interval: Interval) -> Sold | None:
        """None for the free plan, which nobody pays. Raises Invalid."""
        if plan is Plan.FREE:
            return None
        self._price(wanted := Sold(plan, interval))
        return wanted

    def _price(self, sold: Sold) -> str:
        if (price_id := self.prices.id_of(sold)) is None:
            raise Invalid(f"The plan {sold.plan} is not sold by the {sold.interval}.", code="price_unknown")
        return price_id

    async def _list_price(self, sold: Sold) -> Due | None:
        offers = [each for each in await self.catalogue.offers() if each.sold == sold]
        return _as_due(offers[0]) if offers else None


def _effective(who: Customer, wanted: Sold | None) -> Effective:
    """Raises Conflict while a payment is due: then Stripe's portal comes first."""
    if who.subscription is not None and who.subscription.status not in ("active", "trialing"):
        detail = "A payment is due: POST /v1/billing/portal leads to where it is paid."
        if wanted is not None:
            raise Conflict(detail, code="payment_due")
    if wanted is None:
        return "period_end"
    if wanted == who.sold:
        return "unchanged"
    return "now" if who.sold is None or wanted.is_more_than(who.sold) else "period_end"


def _nothing_bought() -> Conflict:
    detail = "There is no subscription yet: POST /v1/billing/checkout leads to where one is bought."
    return Conflict(detail, code="subscription_missing")


def _as_due(offer: Offer) -> Due:
    return Due(offer.amount, offer.currency)


async def _said(answer: Awaitable[Answer], *, otherwise: str = _NOT_DONE) -> Answer:
    """Stripe's refusals in our own words; `otherwise`: what holds when it gives no answer. Raises
    PaymentDeclined, PaymentsAway.
    """
    try:
        return await answer
    except Declined:
        detail = "The payment was declined; nothing has changed. Give another card: POST /v1/billing/portal."
        failure: BusinessError = PaymentDeclined(detail)
    except (Refused, Away):
        failure = PaymentsAway(otherwise, retry_after=_RETRY_AFTER)
    raise failure from None
