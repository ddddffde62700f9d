"""Payments that were taken back: by the customer's bank, or given back by us. And plans that end for it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from billing import endings
from billing.gateway import Gateway
from tests.support.api import Tenant
from tests.support.billing import Shop, running_shop


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


def gateway_of(shop: Shop) -> Gateway:
    assert shop.world.runtime.till is not None
    return shop.world.runtime.till.gateway


async def letters(shop: Shop) -> list[str]:
    rows = await shop.world.runtime.database.fetch("select kind from letter order by kind")
    return [row["kind"] for row in rows if row["kind"].startswith("plan")]


async def disputed(shop: Shop, payer: Tenant) -> dict[str, Any]:
    dispute = shop.stripe.control.dispute(await subscription_of(shop, payer))
    await shop.settle()
    await shop.books.fetch_disputes()
    return dispute


async def test_a_dispute_is_flagged_until_it_is_closed_and_each_step_told_once(
    shop: Shop, payer: Tenant
) -> None:
    with capture_logs() as lines:
        dispute = await disputed(shop, payer)
        shop.stripe.store.change(dispute, "charge.dispute.updated", status="under_review")
        await shop.settle()
        await shop.books.fetch_disputes()
        assert (await shop.row(payer.id)).disputed
        assert await shop.plan(payer.id) == "premium"
        shop.stripe.control.close_dispute(dispute["id"], won=True)
        shop.stripe.store.change(dispute, "charge.dispute.updated", evidence={})
        await shop.settle()
        await shop.books.fetch_disputes()
    row = await shop.row(payer.id)
    assert (row.disputed, await shop.plan(payer.id), row.status) == (False, "premium", "active")
    assert [line["event"] for line in lines if "disput" in line["event"]] == ["billing_payment_disputed"]


async def test_a_lost_dispute_ends_what_it_paid_and_everybody_is_told_once(shop: Shop, payer: Tenant) -> None:
    await payer.claim("one.test")
    await payer.claim("two.test")
    dispute = await disputed(shop, payer)
    with capture_logs() as lines:
        shop.stripe.control.close_dispute(dispute["id"], won=False)
        shop.stripe.store.change(dispute, "charge.dispute.updated", evidence={})
        await shop.deliver()
        await shop.books.fetch_disputes()
        await shop.books.fetch_due()  # without any event of Stripe's of what has ended
        await shop.settle()
        await shop.books.fetch_disputes()
    row = await shop.row(payer.id)
    assert (row.disputed, row.status, await shop.plan(payer.id)) == (False, "canceled", "free")
    assert [line["event"] for line in lines if "disput" in line["event"]] == ["billing_dispute_lost"]
    assert await letters(shop) == ["plan-ended"]
    account = (await payer.http.get("/v1/billing")).json()
    assert account["surplus_pauses_at"] is not None  # nothing pauses before a week has passed


async def test_what_was_bought_after_the_disputed_payment_stays(shop: Shop, payer: Tenant) -> None:
    dispute = await disputed(shop, payer)
    shop.stripe.control.status(await subscription_of(shop, payer), "canceled")
    await shop.settle()
    shop.stripe.control.advance(timedelta(days=2))
    await shop.buy(payer, "business")
    shop.stripe.control.close_dispute(dispute["id"], won=False)
    await shop.settle()
    await shop.books.fetch_disputes()
    await shop.settle()
    assert (await shop.plan(payer.id), (await shop.row(payer.id)).status) == ("business", "active")


async def test_the_end_of_a_dispute_is_found_though_its_event_is_lost(shop: Shop, payer: Tenant) -> None:
    dispute = await disputed(shop, payer)
    assert await shop.world.runtime.database.value("select count(fetch_at) from stripe_event") == 1
    shop.stripe.control.faults(drop=1000)
    shop.stripe.control.close_dispute(dispute["id"], won=False)
    await shop.settle()
    assert await shop.plan(payer.id) == "premium"
    await shop.execute("update stripe_event set fetch_at = now() where fetch_at is not null")  # hours later
    await shop.books.fetch_disputes()
    await shop.books.fetch_due()
    assert (await shop.plan(payer.id), (await shop.row(payer.id)).disputed) == ("free", False)
    assert await shop.world.runtime.database.value("select count(fetch_at) from stripe_event") == 0


async def test_while_stripe_is_away_a_lost_dispute_waits(shop: Shop, payer: Tenant) -> None:
    dispute = await disputed(shop, payer)
    shop.stripe.control.close_dispute(dispute["id"], won=False)
    await shop.deliver()
    await shop.stripe.stop_listening()
    await shop.books.fetch_disputes()
    assert (await shop.row(payer.id)).disputed
    await shop.stripe.listen()
    await shop.execute(
        "update stripe_event set fetch_at = now() where fetch_at is not null"
    )  # a minute later
    await shop.books.fetch_disputes()
    await shop.settle()
    assert await shop.plan(payer.id) == "free"


async def test_a_refund_at_stripe_is_noted_and_the_plan_stays(shop: Shop, payer: Tenant) -> None:
    shop.stripe.control.refund(await subscription_of(shop, payer))
    await shop.settle()
    assert (await shop.row(payer.id)).refunded_at is not None
    assert await shop.plan(payer.id) == "premium"


async def test_a_refund_of_ours_gives_the_last_payment_back_once_and_ends_the_plan(
    shop: Shop, payer: Tenant
) -> None:
    customer = (await shop.row(payer.id)).customer_id
    gateway = gateway_of(shop)
    what = await endings.refundable(gateway, customer)
    assert what.payment is not None
    assert (what.payment.left, len(what.subscriptions)) == (900, 1)
    await gateway.give_back(what.payment)  # and then the command was interrupted
    again = await endings.refundable(gateway, customer)
    assert again.payment is not None
    assert again.payment.left == 0
    await endings.refund(gateway, again)
    await shop.settle()
    assert await shop.plan(payer.id) == "free"
    assert await letters(shop) == ["plan-ended"]
    assert [each["amount"] for each in shop.stripe.store.all("refund")] == [900]
    nothing = await endings.refundable(gateway, customer)
    assert (nothing.payment, nothing.subscriptions) == (None, [])


async def test_what_was_ordered_for_the_end_of_the_period_goes_with_it(shop: Shop) -> None:
    """A subscription with a schedule is released before it ends."""
    tenant = await shop.world.tenant("other")
    await shop.buy(tenant, "business")
    assert (await tenant.http.post("/v1/billing/change", json={"plan": "premium"})).status_code == 200
    gateway = gateway_of(shop)
    await endings.refund(gateway, await endings.refundable(gateway, (await shop.row(tenant.id)).customer_id))
    await shop.settle()
    row = await shop.row(tenant.id)
    assert (await shop.plan(tenant.id), row.status, row.next_plan) == ("free", "canceled", None)
