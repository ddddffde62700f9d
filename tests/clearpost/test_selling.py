"""What the doctor says of Stripe: the key, what is sold, the webhook endpoint."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billing import webhooks
from clearpost.checks import selling
from clearpost.checks.finding import Finding
from clearpost.standins.stripe_catalog import add_endpoint
from mailcore.settings import Settings
from tests.support.stripe import WEBHOOK_SECRET, RunningStripe

WEB_URL = "http://localhost:8025"
ENDPOINT = f"{WEB_URL}/webhooks/stripe"


@pytest.fixture
async def stripe() -> AsyncIterator[RunningStripe]:
    async with RunningStripe.running(ENDPOINT) as running:
        yield running


def settings_of(stripe: RunningStripe, **changes: Any) -> Settings:
    return Settings(**(dict(stripe.settings) | {"web_url": WEB_URL} | changes))


async def troubles(stripe: RunningStripe, **changes: Any) -> list[Finding]:
    found = await selling.check(settings_of(stripe, **changes))
    assert all(each.mend for each in found if each.state != "ok")
    return [each for each in found if each.state != "ok"]


async def test_where_nothing_is_sold_nothing_is_said() -> None:
    assert await selling.check(Settings()) == []


async def test_all_well_is_a_line_for_the_key_each_price_and_the_endpoint(stripe: RunningStripe) -> None:
    found = await selling.check(settings_of(stripe))
    assert [each.state for each in found] == ["ok"] * 6
    assert any("premium/year is sold for 90.00 USD" in each.what for each in found)


async def test_a_test_key_in_production_is_told(stripe: RunningStripe) -> None:
    changes = {"environment": "production", "postmaster_address": "p@example.org"}
    (told,) = await troubles(stripe, **changes)
    assert (told.state, "nobody is charged" in told.what) == ("warn", True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"active": False}, "is archived"),
        ({"recurring": {"interval": "week", "interval_count": 1}}, "is paid 1 week"),
        ({"recurring": {"interval": "month", "interval_count": 3}}, "is paid 3 month"),
    ],
)
async def test_a_price_that_cannot_be_sold_so_is_told(
    stripe: RunningStripe, change: dict[str, Any], what: str
) -> None:
    stripe.store.objects["price_premium_month"].update(change)
    (told,) = await troubles(stripe)
    assert (told.state, what in told.what) == ("fail", True)


async def test_a_price_that_is_not_there_is_told(stripe: RunningStripe) -> None:
    (told,) = await troubles(stripe, stripe_prices={"premium/month": "price_gone"})
    assert (told.state, "resource_missing" in told.what) == ("fail", True)


async def test_an_old_price_beside_the_one_that_sells_is_no_trouble() -> None:
    prices = {"premium/month": "price_new|price_premium_month"}
    async with RunningStripe.running(ENDPOINT, prices=prices) as stripe:
        assert await troubles(stripe, stripe_prices=prices) == []


@pytest.mark.parametrize("archived", [True, False])
async def test_an_old_price_may_be_archived_and_must_be_there(archived: bool) -> None:
    prices = {"premium/month": "price_new|price_old"}
    async with RunningStripe.running(ENDPOINT, prices=prices) as stripe:
        if archived:
            stripe.store.objects["price_old"]["active"] = False
            assert await troubles(stripe, stripe_prices=prices) == []
        else:
            del stripe.store.objects["price_old"]
            (told,) = await troubles(stripe, stripe_prices=prices)
            assert (told.state, "old price price_old can't be read" in told.what) == ("fail", True)


async def test_an_old_price_of_another_interval_is_told() -> None:
    prices = {"premium/month": "price_new|price_old"}
    async with RunningStripe.running(ENDPOINT, prices=prices) as stripe:
        stripe.store.objects["price_old"]["recurring"] = {"interval": "year", "interval_count": 1}
        (told,) = await troubles(stripe, stripe_prices=prices)
        assert "the old price price_old is paid 1 year" in told.what


async def test_prices_that_make_no_sense_and_no_secret_are_told(stripe: RunningStripe) -> None:
    (told,) = await troubles(stripe, stripe_prices={"free/month": "price_1"})
    assert told.state == "fail"
    (told,) = await troubles(stripe, stripe_webhook_secrets="")
    assert "signing secret" in told.what


async def test_an_endpoint_elsewhere_is_none_of_ours(stripe: RunningStripe) -> None:
    (told,) = await troubles(stripe, web_url="http://other.test")
    assert "no webhook endpoint sends to http://other.test/webhooks/stripe" in told.what
    assert "invoice.payment_failed" in told.mend


async def test_events_that_are_not_sent_are_named() -> None:
    async with RunningStripe.running() as stripe:
        events = sorted(webhooks.WANTED - {"invoice.paid", "charge.refunded"})
        endpoint = add_endpoint(stripe.store, ENDPOINT, (WEBHOOK_SECRET,), events)
        (told,) = await troubles(stripe)
        assert "does not send charge.refunded, invoice.paid" in told.what
        endpoint["status"] = "disabled"
        (told,) = await troubles(stripe)
        assert "is disabled" in told.what


async def test_a_stripe_that_is_away_is_told_without_a_fault(stripe: RunningStripe) -> None:
    await stripe.stop_listening()
    told = await troubles(stripe)
    assert {each.state for each in told} == {"fail", "warn"}
