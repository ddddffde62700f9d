"""What is sold at which price, as the settings say it."""

import pytest
from pydantic import SecretStr

from billing.gateway import Gateway
from billing.prices import Prices, Sold
from mailcore.plans import Plan
from mailcore.settings import Settings


def settings(prices: str, key: str = "sk_test_1", **more: str) -> Settings:
    return Settings(stripe_secret_key=SecretStr(key), stripe_prices=prices, **more)  # type: ignore[arg-type]


def test_prices_are_known_both_ways() -> None:
    prices = Prices.of(settings("premium/month=price_A, business/year=price_B"))
    assert prices.id_of(Sold(Plan.PREMIUM, "month")) == "price_A"
    assert prices.sold_at("price_B") == Sold(Plan.BUSINESS, "year")
    assert prices.id_of(Sold(Plan.PREMIUM, "year")) is None
    assert prices.sold_at("price_a") is None


def test_the_first_price_sells_and_old_ones_are_known() -> None:
    prices = Prices.of(settings("premium/month=price_new|price_old | price_oldest,business/year=price_B"))
    sold = Sold(Plan.PREMIUM, "month")
    assert prices.id_of(sold) == "price_new"
    assert {prices.sold_at(each) for each in ("price_new", "price_old", "price_oldest")} == {sold}
    assert prices.sold_at("price_new|price_old") is None


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "free/month=price_1",
        "premium/week=price_1",
        "premium/month=",
        "premium/month=p,premium/year=p",
        "premium/month=p|",
        "premium/month=p,premium/year=q|p",
    ],
)
def test_prices_that_cannot_be_are_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="CLEARPOST_STRIPE_PRICES"):
        Prices.of(settings(odd))


def test_without_a_key_nothing_is_sold() -> None:
    assert not Prices.of(settings("premium/month=price_A", key="")).ids
    assert Gateway.of(settings("premium/month=price_A", key="")) is None


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_a_live_key_goes_to_stripe_alone(key: str) -> None:
    with pytest.raises(ValueError, match="live"):
        Gateway(key, api_url="http://127.0.0.1:1")
