"""The stand-in for Stripe speaks to Stripe's own library as Stripe does: shapes, pages, signed events."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
import stripe
from stripe import HTTPXClient, StripeClient

from clearpost.standins.stripe_catalog import PRICES
from clearpost.standins.stripe_server import StripeStandin, refuse_live_key
from clearpost.standins.stripe_state import API_VERSION
from tests.support.stripe import SECRET_KEY, WEBHOOK_SECRET, RunningStripe
from tests.support.webhook_taker import WebhookTaker

MONTHLY, YEARLY = PRICES["premium/month"], PRICES["premium/year"]
BUSINESS = PRICES["business/month"]
DAY = timedelta(days=1)


class Shop:
    """The library, pointed at the stand-in, and somebody who listens to its events."""

    def __init__(self, running: RunningStripe, taker: WebhookTaker) -> None:
        self.stripe = running
        self.taker = taker
        self._http = HTTPXClient(timeout=5)
        self.client = StripeClient(
            SECRET_KEY, base_addresses={"api": running.url}, http_client=self._http, max_network_retries=0
        )
        self.v1 = self.client.v1

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def customer(self) -> str:
        made = await self.v1.customers.create_async({"email": "ada@inbox.test", "metadata": {"account": "1"}})
        return made.id

    async def session(self, customer: str, price: str = MONTHLY, **more: Any) -> Any:
        wanted: Any = {
            "mode": "subscription",
            "customer": customer,
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://localhost:8025/thanks?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost:8025/plans",
        }
        return await self.v1.checkout.sessions.create_async(wanted | more)

    async def subscribed(self, price: str = MONTHLY, card: str = "works", **more: Any) -> Any:
        """A customer who has paid: the subscription."""
        customer = await self.customer()
        session = await self.session(customer, price, **more)
        assert (await self.stripe.pay(session.url, card)).status_code == 303
        found = await self.v1.subscriptions.list_async({"customer": customer})
        return found.data[0]

    async def now(self, subscription: Any) -> Any:
        return await self.v1.subscriptions.retrieve_async(subscription.id)

    async def heard(self) -> list[str]:
        await self.stripe.delivered()
        return [event["type"] for event in self.taker.events]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with WebhookTaker.running() as taker, RunningStripe.running(taker.url) as running:
        made = Shop(running, taker)
        yield made
        await made.close()


# --- the API ---


async def test_prices_are_those_of_the_plans(shop: Shop) -> None:
    found = await shop.v1.prices.list_async({"active": True, "limit": 100, "expand": ["data.product"]})
    assert {price.id: price.unit_amount for price in found.data} == {
        PRICES["premium/month"]: 900,
        PRICES["premium/year"]: 9000,
        PRICES["business/month"]: 4900,
        PRICES["business/year"]: 49_000,
    }
    price = await shop.v1.prices.retrieve_async(MONTHLY)
    assert price.recurring is not None
    assert (price.recurring.interval, price.product) == ("month", "prod_premium")
    assert {price.product.name for price in found.data} == {"Clearpost premium", "Clearpost business"}  # type: ignore[union-attr]


async def test_the_same_idempotency_key_gives_the_same_answer(shop: Shop) -> None:
    one = await shop.v1.customers.create_async({"email": "a@inbox.test"}, {"idempotency_key": "k"})
    two = await shop.v1.customers.create_async({"email": "a@inbox.test"}, {"idempotency_key": "k"})
    assert one.id == two.id
    with pytest.raises(stripe.IdempotencyError) as refused:
        await shop.v1.customers.create_async({"email": "b@inbox.test"}, {"idempotency_key": "k"})
    assert refused.value.http_status == 400
    assert len((await shop.v1.customers.list_async()).data) == 1


async def test_an_answer_that_was_lost_is_had_again_by_its_key(shop: Shop) -> None:
    shop.stripe.control.outage("lost")
    with pytest.raises(stripe.APIError):
        await shop.v1.customers.create_async({}, {"idempotency_key": "k"})
    shop.stripe.control.outage("")
    made = await shop.v1.customers.create_async({}, {"idempotency_key": "k"})
    assert [customer.id for customer in (await shop.v1.customers.list_async()).data] == [made.id]


async def test_errors_have_stripes_shape(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await shop.v1.customers.retrieve_async("cus_nobody")
    assert (missing.value.http_status, missing.value.code, missing.value.param) == (
        404, "resource_missing", "id"
    )  # fmt: skip
    assert missing.value.request_id is not None
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await shop.v1.customers.create_async(cast("Any", {"emial": "a@inbox.test"}))
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "emial")
    stranger = StripeClient("sk_test_other", base_addresses={"api": shop.stripe.url}, http_client=shop._http)
    with pytest.raises(stripe.AuthenticationError):
        await stranger.v1.balance.retrieve_async()
    assert (await shop.v1.balance.retrieve_async()).object == "balance"


async def test_lists_come_in_pages_newest_first(shop: Shop) -> None:
    made = [await shop.customer() for _ in range(5)]
    page = await shop.v1.customers.list_async({"limit": 2})
    assert page.has_more
    assert [customer.id async for customer in page.auto_paging_iter()] == made[::-1]


async def test_a_deleted_customer_takes_subscriptions_along(shop: Shop) -> None:
    subscription = await shop.subscribed()
    gone = await shop.v1.customers.delete_async(subscription.customer)
    assert gone.deleted
    assert (await shop.now(subscription)).status == "canceled"
    assert (await shop.v1.customers.retrieve_async(subscription.customer)).deleted


# --- Checkout ---


async def test_paying_on_the_page_makes_an_active_subscription_and_signed_events(shop: Shop) -> None:
    customer = await shop.customer()
    session = await shop.session(
        customer, subscription_data={"metadata": {"account": "1"}}, client_reference_id="1"
    )
    assert (session.status, session.payment_status) == ("open", "unpaid")
    answer = await shop.stripe.pay(session.url)
    assert answer.headers["location"] == f"http://localhost:8025/thanks?session={session.id}"
    session = await shop.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    subscription: Any = session.subscription
    assert (subscription.status, subscription.metadata["account"]) == ("active", "1")
    assert subscription["items"].data[0].price.id == MONTHLY
    heard = await shop.heard()
    for expected in ("customer.subscription.created", "invoice.paid", "checkout.session.completed"):
        assert expected in heard
    for body, header in shop.taker.received:
        event = stripe.Webhook.construct_event(body, header, WEBHOOK_SECRET)
        assert (event.api_version, event.livemode) == (API_VERSION, False)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(*shop.taker.received[0], "whsec_other")


async def test_a_session_is_paid_once(shop: Shop) -> None:
    customer = await shop.customer()
    session = await shop.session(customer)
    async with httpx.AsyncClient() as browser:
        presses = [browser.post(session.url, data={"card": "works"}) for _ in range(5)]
        answers = await asyncio.gather(*presses)
    assert {answer.status_code for answer in answers} == {303}
    assert len((await shop.v1.subscriptions.list_async({"customer": customer})).data) == 1


async def test_a_declined_card_leaves_the_page_open_and_nothing_sold(shop: Shop) -> None:
    customer = await shop.customer()
    session = await shop.session(customer)
    answer = await shop.stripe.pay(session.url, "fails")
    assert (answer.status_code, "Your card was declined." in answer.text) == (402, True)
    assert (await shop.v1.subscriptions.list_async({"customer": customer, "status": "all"})).data == []
    assert (await shop.stripe.pay(session.url)).status_code == 303


async def test_pages_run_no_script(shop: Shop) -> None:
    session = await shop.session(await shop.customer())
    async with httpx.AsyncClient() as browser:
        page = await browser.get(session.url)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'href="http://localhost:8025/plans"' in page.text


async def test_a_promotion_code_takes_half_of_the_first_invoice(shop: Shop) -> None:
    customer = await shop.customer()
    session = await shop.session(customer, allow_promotion_codes=True)
    assert (await shop.stripe.pay(session.url, code="WRONG")).status_code == 402
    assert (await shop.stripe.pay(session.url, code="welcome")).status_code == 303
    shop.stripe.control.advance(timedelta(days=32))
    invoices = (await shop.v1.invoices.list_async({"customer": customer})).data
    assert [invoice.amount_paid for invoice in invoices] == [900, 450]


async def test_an_expired_session_sells_nothing(shop: Shop) -> None:
    session = await shop.session(await shop.customer())
    expired = await shop.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    async with httpx.AsyncClient() as browser:
        assert (await browser.post(session.url, data={"card": "works"})).status_code == 404


# --- subscriptions ---


async def test_an_upgrade_previews_what_it_then_costs(shop: Shop) -> None:
    subscription = await shop.subscribed()
    item = subscription["items"].data[0]
    shop.stripe.control.advance(
        (item.current_period_end - item.current_period_start) * timedelta(seconds=0.5)
    )
    change: Any = {"items": [{"id": item.id, "price": BUSINESS}], "proration_behavior": "always_invoice"}
    preview = await shop.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": change}
    )
    prorated = [line.parent.subscription_item_details.proration for line in preview.lines.data]  # type: ignore[union-attr]
    assert prorated == [True, True]
    assert preview.amount_due == pytest.approx((4900 - 900) / 2, abs=2)
    updated = await shop.v1.subscriptions.update_async(
        subscription.id, change | {"expand": ["latest_invoice"]}
    )
    assert updated["items"].data[0].price.id == BUSINESS
    assert updated.latest_invoice.amount_paid == pytest.approx(preview.amount_due, abs=2)  # type: ignore[union-attr]


async def test_an_upgrade_that_is_declined_changes_nothing(shop: Shop) -> None:
    subscription = await shop.subscribed(card="fails_later")
    item = subscription["items"].data[0]
    with pytest.raises(stripe.CardError):
        await shop.v1.subscriptions.update_async(
            subscription.id,
            {
                "items": [{"id": item.id, "price": BUSINESS}],
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
            },
        )
    assert (await shop.now(subscription))["items"].data[0].price.id == MONTHLY


async def test_canceled_at_period_end_it_ends_then_and_can_be_kept_before(shop: Shop) -> None:
    subscription = await shop.subscribed()
    ends = subscription["items"].data[0].current_period_end
    await shop.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert (await shop.now(subscription)).cancel_at == ends
    await shop.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert (await shop.now(subscription)).cancel_at is None
    await shop.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    shop.stripe.control.advance(32 * DAY)
    assert (await shop.now(subscription)).status == "canceled"
    assert "customer.subscription.deleted" in await shop.heard()
    assert (await shop.v1.subscriptions.list_async({"customer": subscription.customer})).data == []


async def test_a_schedule_changes_the_price_when_the_period_ends(shop: Shop) -> None:
    subscription = await shop.subscribed(BUSINESS)
    schedule = await shop.v1.subscription_schedules.create_async({"from_subscription": subscription.id})
    first = schedule.phases[0]
    await shop.v1.subscription_schedules.update_async(
        schedule.id,
        {
            "end_behavior": "release",
            "phases": [
                {
                    "items": [{"price": BUSINESS, "quantity": 1}],
                    "start_date": first.start_date,
                    "end_date": first.end_date,
                },
                {"items": [{"price": MONTHLY}], "duration": {"interval": "month", "interval_count": 1}},
            ],
        },
    )
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert (await shop.now(subscription))["items"].data[0].price.id == BUSINESS
    shop.stripe.control.advance(32 * DAY)
    changed = await shop.now(subscription)
    assert (changed["items"].data[0].price.id, changed.schedule) == (MONTHLY, schedule.id)
    shop.stripe.control.advance(32 * DAY)
    assert (await shop.now(subscription)).schedule is None


async def test_a_card_that_fails_at_renewal_goes_past_due_then_unpaid_and_a_new_one_pays(shop: Shop) -> None:
    subscription = await shop.subscribed(card="fails_later")
    shop.stripe.control.advance(32 * DAY)
    assert (await shop.now(subscription)).status == "past_due"
    shop.stripe.control.advance(23 * DAY)
    assert (await shop.now(subscription)).status == "unpaid"
    assert "invoice.payment_failed" in await shop.heard()
    portal = await shop.v1.billing_portal.sessions.create_async({"customer": subscription.customer})
    await shop.stripe.press(portal.url, "card", card="works")
    assert (await shop.now(subscription)).status == "active"


async def test_a_trial_is_told_to_end_then_paid(shop: Shop) -> None:
    subscription = await shop.subscribed(subscription_data={"trial_period_days": 14})
    assert subscription.status == "trialing"
    shop.stripe.control.advance(12 * DAY)
    assert "customer.subscription.trial_will_end" in await shop.heard()
    shop.stripe.control.advance(3 * DAY)
    assert (await shop.now(subscription)).status == "active"
    invoices = (await shop.v1.invoices.list_async({"customer": subscription.customer})).data
    assert [invoice.amount_paid for invoice in invoices] == [900, 0]


async def test_a_trial_without_card_pauses_and_is_resumed(shop: Shop) -> None:
    customer = await shop.customer()
    subscription = await shop.v1.subscriptions.create_async(
        {"customer": customer, "items": [{"price": MONTHLY}], "trial_period_days": 3}
    )
    shop.stripe.control.advance(4 * DAY)
    assert (await shop.now(subscription)).status == "paused"
    shop.stripe.control.card(customer, "works")
    assert (await shop.v1.subscriptions.resume_async(subscription.id)).status == "active"


async def test_refunds_and_disputes_name_their_charge(shop: Shop) -> None:
    subscription = await shop.subscribed()
    charge = (await shop.v1.charges.list_async({"customer": subscription.customer})).data[0]
    await shop.v1.refunds.create_async({"payment_intent": str(charge.payment_intent)})
    assert (await shop.v1.charges.retrieve_async(charge.id)).refunded
    dispute = shop.stripe.control.dispute(subscription.id)
    found = await shop.v1.disputes.retrieve_async(dispute["id"], {"expand": ["charge"]})
    assert found.charge.customer == subscription.customer  # type: ignore[union-attr]
    shop.stripe.control.close_dispute(dispute["id"], won=True)
    heard = await shop.heard()
    assert {"charge.refunded", "charge.dispute.created", "charge.dispute.closed"} <= set(heard)


# --- the billing portal ---


async def test_the_portal_upgrades_now_and_downgrades_at_the_period_end(shop: Shop) -> None:
    subscription = await shop.subscribed()
    portal = await shop.v1.billing_portal.sessions.create_async(
        {"customer": subscription.customer, "return_url": "http://localhost:8025/plan"}
    )
    async with httpx.AsyncClient() as browser:
        query = {"subscription": subscription.id, "price": BUSINESS}
        page = await browser.get(f"{portal.url}/change", params=query)
    assert "Due today" in page.text
    await shop.stripe.press(portal.url, "change", subscription=subscription.id, price=BUSINESS)
    assert (await shop.now(subscription))["items"].data[0].price.id == BUSINESS
    await shop.stripe.press(portal.url, "change", subscription=subscription.id, price=MONTHLY)
    waiting = await shop.now(subscription)
    assert waiting["items"].data[0].price.id == BUSINESS
    assert waiting.schedule is not None
    shop.stripe.control.advance(32 * DAY)
    assert (await shop.now(subscription))["items"].data[0].price.id == MONTHLY


async def test_the_portal_cancels_as_flexible_billing_does(shop: Shop) -> None:
    """`cancel_at` without `cancel_at_period_end`: https://docs.stripe.com/billing/subscriptions/billing-mode"""
    subscription = await shop.subscribed()
    portal = await shop.v1.billing_portal.sessions.create_async({"customer": subscription.customer})
    await shop.stripe.press(portal.url, "cancel", subscription=subscription.id)
    canceled = await shop.now(subscription)
    assert (canceled.cancel_at_period_end, canceled.status) == (False, "active")
    assert canceled.cancel_at == subscription["items"].data[0].current_period_end
    await shop.stripe.press(portal.url, "keep", subscription=subscription.id)
    assert (await shop.now(subscription)).cancel_at is None


async def test_nobody_changes_what_is_anothers(shop: Shop) -> None:
    subscription = await shop.subscribed()
    portal = await shop.v1.billing_portal.sessions.create_async({"customer": await shop.customer()})
    answer = await shop.stripe.press(portal.url, "cancel", subscription=subscription.id)
    assert answer.status_code == 402
    assert (await shop.now(subscription)).cancel_at is None


# --- events ---


async def test_an_event_is_sent_again_until_it_is_taken(shop: Shop) -> None:
    shop.taker.answers = [500, 503]
    await shop.customer()
    assert await shop.heard() == ["customer.created"] * 3
    ids = {event["id"] for event in shop.taker.events}
    assert len(ids) == 1
    listed = await shop.v1.events.list_async({"types": ["customer.created"]})
    assert {event.id for event in listed.data} == ids


async def test_events_are_doubled_lost_held_and_shuffled_on_demand(shop: Shop) -> None:
    control = shop.stripe.control
    control.faults(drop=1)
    await shop.customer()
    assert await shop.heard() == []
    control.faults(copies=3)
    await shop.customer()
    assert await shop.heard() == ["customer.created"] * 3
    control.faults(copies=1, hold=True, shuffle=True)
    shop.taker.received.clear()
    await shop.subscribed()
    assert await shop.heard() == []
    held = [event["id"] for event in shop.stripe.standin.outbox.held]
    shop.stripe.standin.outbox.release()
    await shop.stripe.delivered()
    assert sorted(event["id"] for event in shop.taker.events) == sorted(held)


async def test_while_a_secret_is_rotated_both_sign(shop: Shop) -> None:
    shop.stripe.send_to(shop.taker.url, "whsec_old", "whsec_new")
    await shop.customer()
    await shop.stripe.delivered()
    both = next((body, header) for body, header in shop.taker.received if header.count("v1=") == 2)
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.Webhook.construct_event(*both, secret).type == "customer.created"


# --- outages, restarts, live keys ---


async def test_in_an_outage_calls_fail_and_then_work_again(shop: Shop) -> None:
    shop.stripe.control.outage("down")
    with pytest.raises(stripe.APIError) as down:
        await shop.v1.balance.retrieve_async()
    assert down.value.http_status == 503
    shop.stripe.control.outage("")
    await shop.stripe.stop_listening()
    with pytest.raises(stripe.APIConnectionError):
        await shop.v1.balance.retrieve_async()
    await shop.stripe.listen()
    await shop.v1.balance.retrieve_async()


async def test_switches_are_turned_over_http_too(shop: Shop) -> None:
    subscription = await shop.subscribed()
    async with httpx.AsyncClient(base_url=shop.stripe.url) as http:
        assert (await http.post("/control/clock", json={"advance": 86_400 * 32})).status_code == 200
        assert (await http.post("/control/events", json={"copies": 2})).json()["events"]["copies"] == 2
        assert (await http.post("/control/events", json={"copys": 2})).status_code == 400
        named = {"subscription": subscription.id, "status": "unpaid"}
        assert (await http.post("/control/status", json=named)).status_code == 200
        shown = (await http.get("/control")).json()
    assert [each["status"] for each in shown["subscriptions"]] == ["unpaid"]


async def test_a_restart_forgets_nobody(tmp_path: Any) -> None:
    file = tmp_path / "stripe.json"
    before = StripeStandin.of("http://localhost:1", SECRET_KEY, file)
    before.prepare(PRICES, "http://127.0.0.1:1/webhooks/stripe", ["whsec_a"])
    before.store.put("cus_1", "customer")
    before.store.clock.shift = DAY
    before.store.save()
    after = StripeStandin.of("http://localhost:1", SECRET_KEY, file)
    after.prepare(PRICES, "http://127.0.0.1:1/webhooks/stripe", ["whsec_b"])
    assert after.store.objects["cus_1"] == before.store.objects["cus_1"]
    assert after.store.clock.shift == DAY
    assert [each["_secrets"] for each in after.store.all("webhook_endpoint")] == [["whsec_b"]]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "whsec_b" not in json.dumps(list((await _shown_endpoints(after)).values()))
    await before.outbox.close()
    await after.outbox.close()


async def _shown_endpoints(standin: StripeStandin) -> dict[str, Any]:
    transport = httpx.ASGITransport(app=standin.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/v1/webhook_endpoints", headers={"authorization": f"Bearer {SECRET_KEY}"})
    return dict(answer.json())


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_it_does_not_start_beside_a_live_key(key: str) -> None:
    with pytest.raises(SystemExit, match="ANY_NAME holds a live key"):
        refuse_live_key({"ANY_NAME": key})
    refuse_live_key({"ANY_NAME": "sk_test_1"})
