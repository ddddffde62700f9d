"""What was fetched becomes what is: in any order, at once, late, or never."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from billing import state
from billing.subscriptions import Vanished
from customers import account_deletion, audit
from mailcore.plans import Plan
from tests.support.api import Tenant
from tests.support.billing import Shop, asked, running_shop

DAY = timedelta(days=1)


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with running_shop(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def payer(shop: Shop) -> Tenant:
    """An account that has bought the premium plan."""
    tenant = await shop.world.tenant()
    await shop.buy(tenant)
    return tenant


async def subscription_of(shop: Shop, payer: Tenant) -> str:
    found = (await shop.row(payer.id)).subscription_id
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("status", "plan"),
    [
        ("trialing", "premium"),
        ("past_due", "premium"),
        ("unpaid", "free"),
        ("canceled", "free"),
        ("paused", "free"),
    ],
)
async def test_the_plan_follows_the_status(shop: Shop, payer: Tenant, status: str, plan: str) -> None:
    identifier = await subscription_of(shop, payer)
    shop.stripe.control.status(identifier, status)
    await shop.settle()
    assert (await shop.plan(payer.id), (await shop.row(payer.id)).status) == (plan, status)
    if status != "canceled":  # which is for ever
        shop.stripe.control.status(identifier, "active")
        await shop.settle()
        assert await shop.plan(payer.id) == "premium"


async def test_any_order_of_events_with_duplicates_ends_in_what_stripe_says(shop: Shop) -> None:
    """created, updated, paid, failed, deleted: every order of five, each some times over."""
    tenant = await shop.world.tenant()
    await shop.buy(tenant)
    identifier = await subscription_of(shop, tenant)
    control = shop.stripe.control
    for status in ("past_due", "active", "canceled"):
        control.status(identifier, status)
    await shop.stripe.delivered()
    kinds: dict[str, tuple[bytes, str]] = {}
    for event, sent in zip(shop.taker.events, shop.taker.received, strict=True):
        kinds.setdefault(event["type"], sent)
    five = [
        sent
        for kind, sent in kinds.items()
        if kind.startswith(("customer.subscription.", "invoice.paid", "checkout."))
    ]
    assert len(five) >= 4
    orders = list(itertools.permutations(five))
    chooser = random.Random(5)
    for order in chooser.sample(orders, min(24, len(orders))):
        await shop.execute("delete from stripe_event")
        await shop.execute(
            "update subscription set plan = 'premium', status = 'active', fetched_at = null, dirty_at = null"
        )
        await shop.execute("update account set plan = 'premium'")
        for body, signature in order:
            answers = await asyncio.gather(
                *(shop.bring(body, signature) for _ in range(chooser.randint(1, 3)))
            )
            assert {answer.status_code for answer in answers} == {200}
            if chooser.random() < 0.5:
                await shop.books.fetch_due()
        await shop.books.fetch_due()
        row = await shop.row(tenant.id)
        assert (await shop.plan(tenant.id), row.status, row.dirty_at) == ("free", "canceled", None)


async def test_a_lost_event_is_repaired_within_the_hour(shop: Shop, payer: Tenant) -> None:
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.stripe.delivered()  # and never brought to us
    await shop.books.fetch_due()
    assert await shop.plan(payer.id) == "premium"
    due = (await shop.row(payer.id)).fetch_at - (await shop.row(payer.id)).fetched_at  # type: ignore[operator]
    assert timedelta(minutes=50) <= due <= timedelta(minutes=70)
    await shop.all_due()
    assert await shop.plan(payer.id) == "free"


async def test_the_first_payment_is_found_though_all_its_events_are_lost(shop: Shop) -> None:
    tenant = await shop.world.tenant()
    await shop.stripe.pay((await asked(tenant, "checkout", plan="premium"))["url"])
    await shop.all_due()
    assert await shop.plan(tenant.id) == "premium"


async def test_while_stripe_is_away_plans_stay_and_news_wait(shop: Shop, payer: Tenant) -> None:
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.deliver()
    await shop.stripe.stop_listening()
    await shop.books.fetch_due()
    row = await shop.row(payer.id)
    assert (await shop.plan(payer.id), row.tries, row.dirty_at is not None) == ("premium", 1, True)
    await shop.books.fetch_due()  # not due yet: nothing is asked
    assert (await shop.row(payer.id)).tries == 1
    await shop.execute("update subscription set fetch_at = now()")
    await shop.books.fetch_due()
    assert (await shop.row(payer.id)).tries == 2
    await shop.stripe.listen()
    await shop.execute("update subscription set fetch_at = now()")
    await shop.books.fetch_due()
    row = await shop.row(payer.id)
    assert (await shop.plan(payer.id), row.tries, row.dirty_at) == ("free", 0, None)


async def test_an_outage_of_stripe_is_no_news(shop: Shop, payer: Tenant) -> None:
    shop.stripe.control.outage("down")
    await shop.all_due()
    assert await shop.plan(payer.id) == "premium"
    shop.stripe.control.outage("")
    await shop.execute("update subscription set fetch_at = now()")
    await shop.books.fetch_due()
    assert (await shop.row(payer.id)).tries == 0


async def test_what_was_fetched_earlier_never_covers_what_was_fetched_later(
    shop: Shop, payer: Tenant
) -> None:
    """One worker asks, and is slow; meanwhile an event comes, and another one asks and is quick."""
    till, database = shop.world.runtime.till, shop.world.runtime.database
    assert till is not None
    await shop.execute("update subscription set fetch_at = now()")
    (slow,) = await state.claim(database, 10)
    old = await till.gateway.subscriptions(slow.customer_id)
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.settle()
    assert await shop.plan(payer.id) == "free"
    async with database.session() as session:
        await state.apply(session, shop.world.clock, till.prices, slow, old)
    assert await shop.plan(payer.id) == "free"


async def test_news_that_come_while_stripe_is_asked_are_asked_for_again(shop: Shop, payer: Tenant) -> None:
    till, database = shop.world.runtime.till, shop.world.runtime.database
    assert till is not None
    await shop.execute("update subscription set fetch_at = now()")
    (due,) = await state.claim(database, 10)
    old = await till.gateway.subscriptions(due.customer_id)
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.deliver()
    async with database.session() as session:
        await state.apply(session, shop.world.clock, till.prices, due, old)
    assert (await shop.row(payer.id)).dirty_at is not None
    await shop.books.fetch_due()
    assert await shop.plan(payer.id) == "free"


async def test_an_unknown_price_keeps_the_plan_and_is_counted(shop: Shop, payer: Tenant) -> None:
    shop.stripe.store.find(await subscription_of(shop, payer), "subscription")["items"]["data"][0]["price"][
        "id"
    ] = "price_nobody_knows"
    await shop.all_due()
    row = await shop.row(payer.id)
    assert (await shop.plan(payer.id), row.plan, row.odd_price) == ("premium", "premium", True)
    assert (await state.alerts(shop.world.runtime.database)).odd_prices == 1


async def test_a_customer_without_the_subscription_we_know_decides_nothing(shop: Shop, payer: Tenant) -> None:
    """As with the key of another account at Stripe."""
    till, database = shop.world.runtime.till, shop.world.runtime.database
    assert till is not None
    await shop.execute("update subscription set fetch_at = now()")
    (due,) = await state.claim(database, 10)
    with pytest.raises(Vanished):
        async with database.session() as session:
            await state.apply(session, shop.world.clock, till.prices, due, [])
    assert await shop.plan(payer.id) == "premium"


async def test_what_an_operator_sets_stays_until_stripe_asks_for_another(shop: Shop, payer: Tenant) -> None:
    await shop.execute("update account set plan = 'business' where id = $1", payer.id)
    await shop.all_due()
    assert await shop.plan(payer.id) == "business"
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.settle()
    assert await shop.plan(payer.id) == "free"


async def letters(shop: Shop) -> Sequence[Any]:
    return await shop.world.runtime.database.fetch("select * from letter where kind = 'payment-failed'")


async def test_a_failed_payment_is_told_on_days_0_7_and_12_and_ends_the_plan_on_day_14(
    shop: Shop, payer: Tenant
) -> None:
    shop.stripe.control.status(await subscription_of(shop, payer), "past_due")
    await shop.settle()
    told = {}
    for day in range(15):
        await shop.all_due()
        await shop.all_due()  # nothing twice
        told[day] = (len(await letters(shop)), await shop.plan(payer.id))
        shop.world.clock.step(DAY)
    assert {day: count for day, (count, _) in told.items() if day in (0, 6, 7, 11, 12, 13)} == {
        0: 1, 6: 1, 7: 2, 11: 2, 12: 3, 13: 3,
    }  # fmt: skip
    assert (told[13][1], told[14][1]) == ("premium", "free")
    shown = (await payer.http.get("/v1/billing")).json()
    assert shown["plan_ends_at"] is not None
    shop.stripe.control.status(await subscription_of(shop, payer), "active")
    await shop.all_due()
    assert await shop.plan(payer.id) == "premium"
    assert (await shop.row(payer.id)).told_past_due == 0


async def test_a_deleted_account_pays_no_more(shop: Shop, payer: Tenant) -> None:
    row = await shop.row(payer.id)
    database = shop.world.runtime.database
    shop.stripe.control.status(row.subscription_id or "", "past_due")
    await shop.stripe.delivered()
    async with database.session() as session:
        await account_deletion.delete(session, shop.world.clock, payer.id, audit.SERVICE)
    await shop.settle()  # events of a customer who is nobody's
    await shop.stripe.stop_listening()
    await shop.books.part()
    assert await database.value("select customer_id from deleted_account") == row.customer_id
    await shop.stripe.listen()
    await shop.books.part()
    assert await database.value("select customer_id from deleted_account") is None
    kept = shop.stripe.store.objects[row.subscription_id or ""]
    assert kept["status"] == "canceled"


async def test_a_deleted_account_that_cannot_be_parted_with_keeps_no_other(shop: Shop) -> None:
    """Whichever of the two comes first."""
    for name in ("one", "two"):
        await shop.execute(
            "insert into deleted_account (id, at, customer_id) values ($1, now(), $2)",
            *(shop.world.clock.new_id(), f"cus_{name}"),
        )
    await shop.execute(
        "create function fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$"
    )
    await shop.execute(
        "create trigger broken before update on deleted_account for each row "
        "when (old.customer_id = 'cus_one') execute function fail()"
    )
    for _ in range(4):
        await shop.books.part()
    rows = await shop.world.runtime.database.fetch("select customer_id from deleted_account")
    assert {row["customer_id"] for row in rows} == {"cus_one", None}
    assert shop.stripe.standin.api.asked.count("DELETE /v1/customers/cus_one") == 4


async def test_an_account_deleted_while_stripe_is_asked_leaves_nothing_to_do(
    shop: Shop, payer: Tenant
) -> None:
    till, database = shop.world.runtime.till, shop.world.runtime.database
    assert till is not None
    await shop.execute("update subscription set fetch_at = now()")
    (due,) = await state.claim(database, 10)
    found = await till.gateway.subscriptions(due.customer_id)
    async with database.session() as session:
        await account_deletion.delete(session, shop.world.clock, payer.id, audit.SERVICE)
    async with database.session() as session:
        await state.apply(session, shop.world.clock, till.prices, due, found)
    await state.put_off(database, due)
    assert await database.value("select count(*) from subscription") == 0


async def test_two_workers_never_take_the_same_customer_at_once(shop: Shop) -> None:
    for number in range(6):
        tenant = await shop.world.tenant(f"t{number}", Plan.FREE)
        await shop.execute(
            "insert into subscription (account_id, customer_id) values ($1, $2)", tenant.id, f"cus_{number}"
        )
    database = shop.world.runtime.database
    claimed = await asyncio.gather(*(state.claim(database, 2) for _ in range(5)))
    taken = [due.account_id for each in claimed for due in each]
    assert len(taken) == len(set(taken)) == 6


async def test_those_with_news_come_first(shop: Shop) -> None:
    for number in range(4):
        tenant = await shop.world.tenant(f"t{number}", Plan.FREE)
        await shop.execute(
            "insert into subscription (account_id, customer_id, fetch_at, dirty_at) values ($1, $2, "
            "now() - interval '1 hour' * (4 - $3), case when $3 = 3 then now() end)",
            tenant.id,
            f"cus_{number}",
            number,
        )
    (first,) = await state.claim(shop.world.runtime.database, 1)
    assert first.customer_id == "cus_3"


async def test_after_a_standstill_stripe_is_asked_at_a_pace_and_news_come_first(shop: Shop) -> None:
    """Everybody is due at once; a run of each second asks after some of them."""
    for number in range(70):
        tenant = await shop.world.tenant(f"t{number}", Plan.FREE)
        await shop.execute(
            "insert into subscription (account_id, customer_id, fetch_at, dirty_at) values ($1, $2, "
            "now() - interval '1 minute', case when $3 >= 65 then now() end)",
            tenant.id,
            f"cus_{number}",
            number,
        )
    await shop.books.fetch_due()
    asked = shop.stripe.standin.api.asked.count("GET /v1/subscriptions")
    assert asked == 35
    left = await shop.world.runtime.database.row(
        "select count(dirty_at) as news, count(*) as others from subscription where tries = 0"
    )
    assert (left["news"], left["others"]) == (0, 35)
