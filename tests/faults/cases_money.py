"""F69 to F71: events of Stripe's come many times, in any order, not at all, or as a storm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billing.till import Till
from clearpost.standins.stripe_catalog import PRICES
from clearpost.standins.stripe_state import Object
from clearpost.standins.stripe_subscriptions import change_price
from mailcore.clock import Clock
from mailcore.plans import Lane, Plan
from mailcore.settings import Settings
from tests.faults.case import Run, case
from tests.faults.event_storm import blow
from tests.faults.load import Letter
from tests.faults.rig import until
from tests.support.stack import environment
from tests.support.stripe import WEBHOOK_SECRET, RunningStripe

_EFFECT = 5.0  # seconds from an event to the plan that it means


@dataclass(slots=True)
class Shop:
    """A service that sells plans, and the stand-in for Stripe beside it. The buyer owns shop.test."""

    run: Run
    stripe: RunningStripe
    till: Till
    account_id: UUID

    async def buy(self, plan: Plan = Plan.PREMIUM) -> None:
        """At Stripe all is done when this returns; what we know of it is for events to tell."""
        url = await self.till.checkout(self.account_id, plan, "month", str(Clock().new_id()))
        assert (await self.stripe.pay(url)).status_code < 400

    @property
    def subscription(self) -> Object:
        return next(self.stripe.store.all("subscription"))

    def change(self, plan: Plan) -> None:
        store = self.stripe.store
        change_price(
            store, self.subscription, store.find(PRICES[f"{plan}/month"], "price"), 1, proration="none"
        )

    async def plan(self) -> str:
        return str(await self._value("select plan from account where id = $1"))

    async def becomes(self, plan: Plan, seconds: float = _EFFECT) -> None:
        async def is_it() -> bool:
            return await self.plan() == plan

        await until(is_it, seconds, f"the plan is not {plan}")

    async def changes(self) -> int:
        query = "select count(*) from audit_event where account_id = $1 and action = 'plan.changed'"
        return int(await self._value(query))

    async def all_fetched(self) -> None:
        """Nobody is due any more."""

        async def none_is_due() -> bool:
            query = "select count(*) from subscription where dirty_at is not null or fetch_at <= now()"
            return bool(await self.run.rig.world.value(query) == 0)

        await until(none_is_due, 30, "customers stay due")

    async def stored(self) -> int:
        return int(await self.run.rig.world.value("select count(*) from stripe_event"))

    async def _value(self, query: str) -> Any:
        return await self.run.rig.world.value(query, self.account_id)


@asynccontextmanager
async def _selling(run: Run) -> AsyncIterator[Shop]:
    """API and upkeep are started anew, with a key of Stripe's; afterwards nothing is left of it."""
    rig = run.rig
    account_id = rig.accounts["shop.test"].id
    webhook = f"http://127.0.0.1:{rig.settings.api_port}/webhooks/stripe"
    async with RunningStripe.running(webhook) as stripe:
        settings = Settings(**stripe.settings)
        for role in ("api", "upkeep"):
            await rig.replace(role, **environment(settings))
        till = Till.open(settings, rig.world.database, rig.world.clock)
        assert till is not None
        try:
            yield Shop(run, stripe, till, account_id)
        finally:
            await till.close()
            await rig.stop("api", "upkeep")
    for statement in (
        "delete from subscription",
        "delete from stripe_event",
        "delete from audit_event",
        "update account set plan = 'free', surplus_pauses_at = null where plan = 'premium'",
    ):
        await rig.world.execute(statement)


@case("F69", "Stripe: the same event 50 times at once", reduced=True)
async def doubled(run: Run) -> None:
    async with _selling(run) as shop:
        shop.stripe.control.faults(copies=50)
        flow = asyncio.create_task(run.load.flow(40, rate=20))
        await shop.buy()
        await shop.stripe.delivered()
        run.fault()
        await shop.becomes(Plan.PREMIUM)
        run.recovered(_EFFECT)
        await shop.all_fetched()
        sent = [event["id"] for event in shop.stripe.store.all("event")]
        assert await shop.stored() <= len(sent)
        assert (await shop.plan(), await shop.changes()) == (Plan.PREMIUM, 1)
        run.note = f"{50 * len(sent)} requests, {await shop.stored()} events kept"
        await flow


@case("F70", "Stripe: events in any order, each twice", reduced=True)
async def shuffled(run: Run) -> None:
    """Whatever comes last, what holds is what Stripe says when it is asked."""
    rounds = 20 if run.full else 3
    async with _selling(run) as shop:
        flow = asyncio.create_task(run.load.flow(10 * rounds, rate=10))
        control = shop.stripe.control
        control.faults(copies=2, shuffle=True)
        run.fault()
        for number in range(rounds):
            control.faults(hold=True)
            wanted = await _history(shop, number)
            control.outbox.release()
            await shop.stripe.delivered()
            await shop.becomes(wanted)
            await shop.all_fetched()
            assert await shop.plan() == wanted
        run.recovered()
        run.note = f"{rounds} rounds, {await shop.stored()} events"
        await flow


async def _history(shop: Shop, number: int) -> Plan:
    """Bought, failed, paid, upgraded; in two rounds of three ended, or changed back. The plan at its end."""
    if number % 3 == 0:  # else it goes on with the one it has
        await shop.buy()
    subscription = shop.subscription
    for status in ("past_due", "active"):
        shop.stripe.control.status(subscription["id"], status)
    shop.change(Plan.BUSINESS)
    match number % 3:
        case 0:
            return Plan.BUSINESS
        case 1:
            shop.change(Plan.PREMIUM)
            return Plan.PREMIUM
        case _:
            shop.stripe.control.status(subscription["id"], "canceled")
            return Plan.FREE


@case("F71", "Stripe: an event is lost", reduced=True)
async def lost(run: Run) -> None:
    """The next one repairs it; and where none comes, the fetch of every hour does."""
    async with _selling(run) as shop:
        control = shop.stripe.control
        control.faults(drop=1000)
        await shop.buy()
        await shop.stripe.delivered()
        assert await shop.plan() == Plan.FREE
        control.faults(drop=0)
        run.fault()
        control.status(shop.subscription["id"], "active")
        await shop.becomes(Plan.PREMIUM)
        run.recovered(_EFFECT)
        control.faults(drop=1000)
        control.status(shop.subscription["id"], "canceled")
        await shop.all_fetched()
        assert await shop.plan() == Plan.PREMIUM
        await run.rig.world.execute("update subscription set fetch_at = now()")  # an hour later
        await shop.becomes(Plan.FREE)
        await run.load.flow(20, rate=20)


# --- a storm ---

_RATE, _SECONDS = 500, 30
_QUIET_SECONDS = 15
_FAST_RATE = 8


@case("F71 storm", "Stripe: 500 events a second, the fast lane is unmoved", alone=True, seconds=300)
async def storm(run: Run) -> None:
    """All are taken; how long mail of the fast lane takes is the same as before."""
    async with _selling(run) as shop:
        customers = await _customers(run, shop)
        quiet = await _p95(run, await _fast_mail(run, _QUIET_SECONDS))
        run.fault()
        port = run.rig.settings.api_port
        blowing = asyncio.create_task(blow(port, WEBHOOK_SECRET, _RATE, _SECONDS, customers))
        meanwhile = await _p95(run, await _fast_mail(run, _SECONDS))
        blown = await blowing
        await shop.all_fetched()
        run.recovered()
        run.note = (
            f"p95 {1000 * quiet:.0f} ms before, {1000 * meanwhile:.0f} ms meanwhile; "
            f"{_RATE * _SECONDS / blown.seconds:.0f} events/s taken"
        )
        assert blown.statuses == {200: _RATE * _SECONDS}, blown.statuses
        assert await shop.stored() == _RATE * _SECONDS
        assert meanwhile <= 1.5 * quiet + 0.1, run.note


async def _customers(run: Run, shop: Shop) -> list[str]:
    """Every tenant has a customer at Stripe, with nothing bought."""
    rows = await run.rig.world.database.fetch("select id from account where plan = 'free'")
    for row in rows:
        await shop.till.checkout(row["id"], Plan.PREMIUM, "month", str(Clock().new_id()))
    known = await run.rig.world.database.fetch("select customer_id from subscription")
    return [row["customer_id"] for row in known]


async def _fast_mail(run: Run, seconds: float) -> list[Letter]:
    """Small letters through the fast mx to a destination that takes them at once."""
    letters = [run.load.letter("d3", domain="fast.test") for _ in range(round(_FAST_RATE * seconds))]
    tasks = []
    for letter in letters:
        tasks.append(asyncio.create_task(run.load.deliver(letter, Lane.FAST)))
        await asyncio.sleep(1 / _FAST_RATE)
    await asyncio.gather(*tasks)
    for letter in letters[-3:]:
        await run.rig.until_event(letter.id, "delivered")
    return letters


_DELIVERED_AFTER = """
select percentile_cont(0.95) within group (order by extract(epoch from e.at - e.received_at)::float8)
from log_event e where e.type = 'delivered' and e.message_id = any($1::uuid[])
"""


async def _p95(run: Run, letters: list[Letter]) -> float:
    """Seconds from receipt to delivery."""
    ids = await run.rig.message_ids(*(letter.id for letter in letters))
    value = await run.rig.world.value(_DELIVERED_AFTER, list(ids))
    return float(value)
