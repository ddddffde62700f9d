"""Customers of Stripe: who is due is fetched, and what is found becomes their plan.

News within a second or two, everybody once an hour, so that a lost event is repaired. Must never take a plan
away because Stripe does not answer: then it is asked again a little later; nor ask Stripe as fast as it can.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from billing import endings, state, subscriptions
from billing.gateway import Away, Refused
from billing.state import Due, DueDispute
from billing.subscriptions import AtStripe
from billing.till import Till
from customers import account_deletion
from mailcore import metrics
from mailcore.clock import Clock
from mailcore.database import Database
from workers.each import each_quietly

log = structlog.get_logger("billing")

# Stripe answers 100 questions a second to all of us together, people who buy among them. A run comes each
# second: after a standstill everybody is due, and is asked after at this pace, 100,000 in an hour.
_AT_ONCE: Final = 30
_ROUNDS: Final = 2
_ROUTINE: Final = 30
# Connections to the database are for the other duties too.
_APPLIED_AT_ONCE: Final = 3


class Bookkeeper:
    """The duties of billing in one upkeep process."""

    def __init__(self, database: Database, clock: Clock, till: Till) -> None:
        self._database = database
        self._clock = clock
        self._till = till
        self._few = asyncio.Semaphore(_APPLIED_AT_ONCE)

    async def fetch_due(self) -> None:
        """Who is due, those with news first; no more than a run may."""
        left = _ROUTINE
        for _ in range(_ROUNDS):
            due = await state.claim(self._database, _AT_ONCE, routine=left)
            await asyncio.gather(*(self._fetch(each) for each in due))
            left -= sum(not each.has_news for each in due)
            if len(due) < _AT_ONCE:
                return

    async def _fetch(self, due: Due) -> None:
        """What fails is put off, whatever it was: the customer stays due."""
        try:
            found = await self._till.gateway.subscriptions(due.customer_id)
            async with self._few, self._database.session() as session:
                await state.apply(session, self._clock, self._till.prices, due, found)
        except Away as error:
            log.warning("billing_fetch_failed", error=str(error))
            await state.put_off(self._database, due)
        except Exception as error:  # noqa: BLE001  one customer must not stop the others
            log.error("billing_fetch_failed", error=type(error).__name__, account=str(due.account_id))
            await state.put_off(self._database, due)
        else:
            self._look_for_doubles(due, found)

    def _look_for_doubles(self, due: Due, found: Sequence[AtStripe]) -> None:
        if subscriptions.has_double(found):
            log.error("billing_pays_twice", account=str(due.account_id))

    async def fetch_disputes(self) -> None:
        """An event names a dispute; whose it is and how it stands, Stripe says. If it is lost, what it paid
        for ends.
        """
        for due in await state.claim_disputes(self._database, _AT_ONCE):
            await self._fetch_dispute(due)

    async def _fetch_dispute(self, due: DueDispute) -> None:
        try:
            dispute = await self._till.gateway.dispute(due.dispute_id)
            ended = await endings.end_disputed(self._till.gateway, dispute)
        except (Away, Refused) as error:  # its claim ends in a minute
            log.warning("billing_fetch_failed", error=type(error).__name__)
            return
        is_news = await state.flag(
            self._database, due, dispute.customer_id, is_open=dispute.is_open, has_ended=ended > 0
        )
        if dispute.is_open and is_news:
            log.error("billing_payment_disputed")
        if dispute.is_lost and (ended or is_news or due.is_closing):
            log.error("billing_dispute_lost")

    async def part(self) -> None:
        """Nobody goes on paying for an account that was deleted."""
        left = await account_deletion.customers_left(self._database)
        await each_quietly("farewells", left, self._part)

    async def _part(self, left: tuple[UUID, str]) -> None:
        account_id, customer_id = left
        try:
            await self._till.gateway.delete_customer(customer_id)
        except (Away, Refused) as error:
            log.warning("billing_farewell_failed", error=type(error).__name__)
        else:
            await account_deletion.customer_gone(self._database, account_id)

    async def count(self) -> None:
        """Gauges of what needs an operator's eyes."""
        alerts = await state.alerts(self._database)
        metrics.BILLING_ODD_PRICES.set(alerts.odd_prices)
        metrics.BILLING_DISPUTED.set(alerts.disputed)
        metrics.BILLING_FAILING.set(alerts.failing)
        metrics.BILLING_AGE.set(alerts.oldest_seconds)
