"""`clearpost account refund`: shown first, done with --yes, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from clearpost.refund_command import refund
from mailcore.settings import Settings
from tests.support.api import Tenant
from tests.support.billing import Shop, running_shop


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with running_shop(database_url, tmp_path) as running:
        yield running


async def run(shop: Shop, identifier: object, *, sure: bool = False, as_json: bool = True) -> int:
    """In a thread, as it runs a loop of its own."""
    settings = shop.world.runtime.settings
    return await asyncio.to_thread(refund, settings, str(identifier), sure=sure, as_json=as_json)


def refunds(shop: Shop) -> list[int]:
    return [each["amount"] for each in shop.stripe.store.all("refund")]


async def test_it_is_shown_first_and_done_with_yes(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    payer: Tenant = await shop.world.tenant()
    await shop.buy(payer)
    assert await run(shop, payer.id) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["amount"], shown["subscriptions"], shown["done"]) == (900, 1, False)
    assert await run(shop, payer.id, as_json=False) == 0
    assert "Would give 9.00 USD back" in capsys.readouterr().out
    assert refunds(shop) == []
    assert await run(shop, payer.id, sure=True) == 0
    assert json.loads(capsys.readouterr().out)["done"] is True
    await shop.settle()
    assert (refunds(shop), await shop.plan(payer.id)) == ([900], "free")
    lines = (await payer.http.get("/v1/audit")).json()["data"]
    assert "subscription.refunded" in {line["action"] for line in lines}
    assert await run(shop, payer.id, sure=True) == 1  # nothing is left that goes on
    assert "no subscription that goes on" in capsys.readouterr().err
    assert refunds(shop) == [900]


async def test_whoever_bought_nothing_gets_nothing_back(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = await shop.world.tenant()
    for identifier, said in ((tenant.id, "never came near"), ("x", "account list"), (uuid4(), "")):
        assert await run(shop, identifier, sure=True) == 1
        assert said in capsys.readouterr().err


async def test_a_stripe_that_is_away_is_told(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    payer = await shop.world.tenant()
    await shop.buy(payer)
    await shop.stripe.stop_listening()
    assert await run(shop, payer.id, sure=True) == 1
    assert "nothing is given back twice" in capsys.readouterr().err


def test_where_nothing_is_sold_there_is_nothing_to_give_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert refund(Settings(), str(uuid4()), sure=True, as_json=False) == 1
    assert "nothing is sold here" in capsys.readouterr().err
