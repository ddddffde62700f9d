"""Buying, changing and ending a plan over the API, with the stand-in for Stripe behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from customers.callers import Scope
from tests.support.api import Tenant, World
from tests.support.billing import Shop, asked, running_shop
from tests.support.event_client import page, served


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with running_shop(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def buyer(shop: Shop) -> Tenant:
    return await shop.world.tenant()


async def test_plans_are_shown_to_everybody_with_their_prices(shop: Shop) -> None:
    shown = (await shop.world.anonymous.get("/v1/plans")).json()
    assert shown["sold"] is True
    prices = {plan["plan"]: [price["amount"] for price in plan["prices"]] for plan in shown["data"]}
    assert prices == {"free": [], "premium": [900, 9000], "business": [4900, 49000]}
    assert shown["data"][1]["limits"]["domains"] == 30


async def test_what_is_bought_is_in_force_once_stripe_says_so(shop: Shop, buyer: Tenant) -> None:
    url = (await asked(buyer, "checkout", plan="premium"))["url"]
    await shop.settle()
    assert await shop.plan(buyer.id) == "free"  # nothing is paid yet
    await shop.stripe.pay(url)
    await shop.settle()
    assert await shop.plan(buyer.id) == "premium"
    shown = (await buyer.http.get("/v1/billing")).json()
    assert (shown["plan"], shown["status"], shown["interval"]) == ("premium", "active", "month")
    assert shown["period_end"] is not None
    assert shown["limits"]["domains"] == 30
    assert shown["usage"]["domains"] == 0
    assert [each["plan"] for each in shown["prices"]] == ["premium", "business"]


async def test_an_open_page_hears_of_a_purchase_within_5_seconds(shop: Shop, buyer: Tenant) -> None:
    async with served(shop.world.app) as url, page(url, buyer.secret) as opened:
        assert (await opened.next()).kind == "ready"
        async with asyncio.timeout(5):
            await shop.buy(buyer)
            while (heard := await opened.next()).data.get("data", {}).get("plan") != "premium":
                assert heard.kind in {"plan", "account"}


async def test_a_customer_is_made_once_for_an_account(shop: Shop, buyer: Tenant) -> None:
    for plan in ("premium", "business", "premium"):
        await asked(buyer, "checkout", plan=plan)
    assert len(list(shop.stripe.store.all("customer"))) == 1


@pytest.mark.parametrize("how", ["deleted", "of another key"])
@pytest.mark.parametrize("page", ["checkout", "portal"])
async def test_whose_customer_is_gone_gets_a_new_one_and_can_buy(
    shop: Shop, buyer: Tenant, page: str, how: str
) -> None:
    await shop.buy(buyer)
    gone = (await shop.row(buyer.id)).customer_id
    till = shop.world.runtime.till
    assert till is not None
    await till.gateway.delete_customer(gone)
    if how == "of another key":
        del shop.stripe.store.objects[gone]
    assert (await asked(buyer, "preview", plan="business"))["effective"] == "checkout"
    answer = await buyer.http.post(
        f"/v1/billing/{page}", json={"plan": "business"} if page == "checkout" else None
    )
    assert answer.status_code == 200, answer.text
    row = await shop.row(buyer.id)
    assert row.customer_id != gone
    assert shop.stripe.store.objects[row.customer_id]["metadata"]["instead_of"] == gone
    await shop.settle()
    row = await shop.row(buyer.id)
    assert (row.status, row.tries, await shop.plan(buyer.id)) == ("none", 0, "free")
    await shop.buy(buyer, "business")
    assert await shop.plan(buyer.id) == "business"
    assert (await shop.row(buyer.id)).customer_id == row.customer_id


@pytest.mark.parametrize("tax", [True, False])
async def test_codes_may_be_given_at_checkout_and_taxes_are_stripes_where_that_is_set(
    database_url: str, tmp_path: Path, tax: bool
) -> None:
    async with running_shop(database_url, tmp_path, stripe_tax=tax) as shop:
        await asked(await shop.world.tenant(), "checkout", plan="premium", interval="year")
        (session,) = shop.stripe.store.all("checkout.session")
        assert session["allow_promotion_codes"] is True
        assert session["automatic_tax"]["enabled"] is tax


async def test_pages_that_were_open_before_close(shop: Shop, buyer: Tenant) -> None:
    first = (await asked(buyer, "checkout", plan="premium"))["url"]
    second = (await asked(buyer, "checkout", plan="business"))["url"]
    with pytest.raises(AssertionError):
        await shop.stripe.pay(first)
    await shop.stripe.pay(second)
    await shop.settle()
    assert await shop.plan(buyer.id) == "business"


async def test_of_pages_that_are_asked_for_at_once_one_stays_open(shop: Shop, buyer: Tenant) -> None:
    await asked(buyer, "checkout", plan="premium")
    body = {"plan": "premium"}
    answers = await asyncio.gather(*(buyer.http.post("/v1/billing/checkout", json=body) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(list(shop.stripe.store.all("checkout.session", status="open"))) == 1


async def test_nobody_buys_twice(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    assert (await asked(buyer, "checkout", 409, plan="business"))["code"] == "subscription_exists"


async def test_who_did_not_pay_until_stripe_gave_up_may_buy_anew(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    unpaid = (await shop.row(buyer.id)).subscription_id
    shop.stripe.control.status(unpaid or "", "unpaid")
    await shop.settle()
    assert await shop.plan(buyer.id) == "free"
    assert (await asked(buyer, "preview", plan="premium"))["effective"] == "checkout"
    await shop.buy(buyer, "business")
    row = await shop.row(buyer.id)
    assert (await shop.plan(buyer.id), row.status) == ("business", "active")
    assert row.subscription_id != unpaid


async def test_an_upgrade_shows_its_proration_and_is_in_force_at_once(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    preview = await asked(buyer, "preview", plan="business")
    assert (preview["effective"], preview["pauses"]["domains"]) == ("now", [])
    assert 3900 <= preview["due"]["amount"] <= 4000
    assert (await shop.row(buyer.id)).plan == "premium"  # a preview changes nothing
    change = await asked(buyer, "change", plan="business")
    assert change == {"effective": "now", "at": None}
    await shop.settle()
    assert await shop.plan(buyer.id) == "business"
    assert (await shop.row(buyer.id)).amount_monthly == 4900


async def test_a_downgrade_begins_at_the_end_of_the_period_and_can_be_taken_back(
    shop: Shop, buyer: Tenant
) -> None:
    await shop.buy(buyer, "business")
    change = await asked(buyer, "change", plan="premium")
    assert change["effective"] == "period_end"
    assert change["at"] is not None
    await shop.settle()
    row = await shop.row(buyer.id)
    assert (row.plan, row.next_plan, row.next_interval) == ("business", "premium", "month")
    assert (await asked(buyer, "change", plan="business"))["effective"] == "unchanged"
    await shop.settle()
    assert (await shop.row(buyer.id)).next_plan is None
    assert await shop.plan(buyer.id) == "business"


async def test_the_free_plan_begins_when_what_is_paid_ends(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    assert (await asked(buyer, "change", plan="free"))["effective"] == "period_end"
    await shop.settle()
    shown = (await buyer.http.get("/v1/billing")).json()
    assert shown["cancel_at"] == shown["period_end"]
    assert await shop.plan(buyer.id) == "premium"
    assert (await asked(buyer, "change", plan="premium"))["effective"] == "unchanged"
    await shop.settle()
    assert (await buyer.http.get("/v1/billing")).json()["cancel_at"] is None


@pytest.mark.parametrize("plan", ["premium", "business"])
async def test_what_was_cancelled_in_the_portal_goes_on_once_a_plan_is_chosen(
    shop: Shop, buyer: Tenant, plan: str
) -> None:
    await shop.buy(buyer)
    portal = (await asked(buyer, "portal"))["url"]
    identifier = (await shop.row(buyer.id)).subscription_id
    assert (await shop.stripe.press(portal, "cancel", subscription=identifier or "")).status_code < 400
    await shop.settle()
    assert (await shop.row(buyer.id)).cancel_at is not None
    await asked(buyer, "change", plan=plan)
    await shop.settle()
    row = await shop.row(buyer.id)
    assert (row.cancel_at, row.plan) == (None, plan)


async def test_a_preview_of_a_downgrade_names_what_will_pause(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    domains = [await buyer.claim(name) for name in ("one.test", "two.test")]
    await buyer.alias(domains[1])
    preview = await asked(buyer, "preview", plan="free")
    assert preview["effective"] == "period_end"
    assert preview["due"] is None
    assert [(each["name"], each["aliases"]) for each in preview["pauses"]["domains"]] == [("two.test", 1)]


async def test_a_preview_shows_inboxes_only_to_whoever_may_see_aliases(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    domain = await buyer.claim("one.test")
    inboxes = [f"you{number}@inbox.test" for number in range(6)]  # the free plan has room for 5
    await buyer.alias(domain, destinations=inboxes)
    await shop.execute("update destination set confirmed_at = now()")
    payer = await shop.world.key(buyer, Scope.BILLING_WRITE)
    both = await shop.world.key(buyer, Scope.BILLING_WRITE, Scope.ALIASES_READ)
    for client, sees in ((payer, False), (both, True), (buyer.http, True)):
        answer = await client.post("/v1/billing/preview", json={"plan": "free"})
        (inbox,) = answer.json()["pauses"]["inboxes"]
        assert inbox["alias"] == "hello@one.test"
        assert (inbox["address"] in inboxes, "@inbox.test" in answer.text) == (sees, sees)


async def test_a_preview_for_who_has_nothing_is_the_price(shop: Shop, buyer: Tenant) -> None:
    preview = await asked(buyer, "preview", plan="premium", interval="year")
    assert (preview["effective"], preview["due"]) == ("checkout", {"amount": 9000, "currency": "usd"})


async def test_the_portal_is_for_who_has_bought(shop: Shop, buyer: Tenant) -> None:
    assert (await asked(buyer, "portal", 409))["code"] == "subscription_missing"
    assert (await asked(buyer, "change", 409, plan="premium"))["code"] == "subscription_missing"
    await shop.buy(buyer)
    assert (await asked(buyer, "portal"))["url"].startswith(shop.stripe.url)


async def test_a_card_that_is_declined_changes_nothing(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    shop.stripe.control.card((await shop.row(buyer.id)).customer_id, "fails")
    assert (await asked(buyer, "change", 402, plan="business"))["code"] == "payment_declined"
    await shop.settle()
    assert await shop.plan(buyer.id) == "premium"


async def test_a_declined_upgrade_leaves_what_was_ordered_for_the_end(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer, "premium", "year")
    shop.stripe.control.card((await shop.row(buyer.id)).customer_id, "fails")
    for plan in ("premium", "free"):
        await asked(buyer, "change", plan=plan)
        await asked(buyer, "change", 402, plan="business", interval="year")
        await shop.settle()
        row = await shop.row(buyer.id)
        assert (row.next_plan or "free", row.cancel_at is not None) == (plan, plan == "free")


async def test_without_stripe_the_caller_hears_so_and_prices_stay(shop: Shop, buyer: Tenant) -> None:
    await shop.world.anonymous.get("/v1/plans")
    await shop.stripe.stop_listening()
    answer = await buyer.http.post("/v1/billing/checkout", json={"plan": "premium"})
    assert (answer.status_code, answer.json()["code"]) == (503, "payments_unavailable")
    assert answer.headers["retry-after"] == "30"
    assert "nothing was charged" in answer.json()["detail"]
    assert (await buyer.http.get("/v1/billing")).json()["prices"][0]["prices"][0]["amount"] == 900
    await shop.stripe.listen()
    assert "url" in await asked(buyer, "checkout", plan="premium")


async def test_whoever_got_no_answer_to_an_order_is_told_so_and_stripe_is_asked(
    shop: Shop, buyer: Tenant
) -> None:
    """Stripe did it, and its answer was lost, as was its event."""
    await shop.buy(buyer)
    shop.stripe.control.faults(drop=1000)
    shop.stripe.control.outage("lost")
    answer = await buyer.http.post("/v1/billing/change", json={"plan": "business"})
    shop.stripe.control.outage("")
    assert (answer.status_code, answer.json()["code"]) == (503, "payments_unavailable")
    assert "GET /v1/billing" in answer.json()["detail"]
    await shop.books.fetch_due()
    assert await shop.plan(buyer.id) == "business"


async def test_reading_and_writing_take_their_scopes_and_the_owner(shop: Shop, buyer: Tenant) -> None:
    reader = await shop.world.key(buyer, Scope.BILLING_READ)
    assert (await reader.get("/v1/billing")).status_code == 200
    assert (await reader.post("/v1/billing/portal")).json()["code"] == "scope_missing"
    admin = await shop.world.person(buyer, "admin", "admin@people.test")
    assert (await admin.http.get("/v1/billing")).status_code == 200
    assert (await admin.http.post("/v1/billing/portal")).status_code == 403
    owner = await shop.world.person(buyer, "owner", "owner@people.test")
    assert "url" in await asked(owner, "checkout", plan="premium")


async def test_nobody_keeps_stripe_busy_for_all_others(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_shop(database_url, tmp_path, redis_url=redis_url) as shop:
        buyer = await shop.world.tenant()
        asking = (buyer.http.post("/v1/billing/preview", json={"plan": "free"}) for _ in range(60))
        answers = [answer.status_code for answer in await asyncio.gather(*asking)]
        assert set(answers) == {200, 429}
        assert answers.count(200) >= 30
        assert (await buyer.http.get("/v1/billing")).status_code == 200


async def test_every_order_is_in_the_audit_log(shop: Shop, buyer: Tenant) -> None:
    await shop.buy(buyer)
    await asked(buyer, "portal")
    await asked(buyer, "change", plan="business")
    lines = (await buyer.http.get("/v1/audit")).json()["data"]
    told = {line["action"] for line in lines}
    assert told >= {
        "checkout.opened", "portal.opened", "subscription.ordered", "subscription.changed", "plan.changed",
    }  # fmt: skip


async def test_where_nothing_is_sold_there_is_no_billing(world: World, tenant: Tenant) -> None:
    assert (await tenant.http.get("/v1/billing")).json()["code"] == "billing_off"
    for what in ("checkout", "preview", "change"):
        assert (await asked(tenant, what, 404, plan="premium"))["code"] == "billing_off"
    plans = (await world.anonymous.get("/v1/plans")).json()
    assert (plans["sold"], [plan["prices"] for plan in plans["data"]]) == (False, [[], [], []])
    assert (await world.anonymous.post("/webhooks/stripe")).json()["code"] == "billing_off"
