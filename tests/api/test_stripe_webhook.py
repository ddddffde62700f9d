"""The door for Stripe's events: signed, in time, of our mode; kept once, whoever knocks how often."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support.api import World, running_api
from tests.support.signed_events import event, header

SECRETS = ("whsec_old", "whsec_new")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Nobody answers at the address of its Stripe: an event is taken without asking."""
    settings: dict[str, Any] = {
        "stripe_secret_key": SecretStr("sk_test_1"),
        "stripe_webhook_secrets": SecretStr(", ".join(SECRETS)),
        "stripe_prices": {"premium/month": "price_1"},
        "stripe_api_url": "http://127.0.0.1:9",
    }
    async with running_api(database_url, tmp_path, **settings) as running:
        yield running


async def send(world: World, body: bytes, signature: str | None = None, **headers: str) -> httpx.Response:
    given = header(body, world.clock.now(), SECRETS[0]) if signature is None else signature
    return await world.anonymous.post(
        "/webhooks/stripe", content=body, headers={"Stripe-Signature": given, **headers}
    )


def written(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


async def kept(world: World) -> list[str]:
    rows = await world.runtime.database.fetch("select id from stripe_event order by id")
    return [row["id"] for row in rows]


async def test_a_signed_event_is_kept(world: World) -> None:
    assert (await send(world, written())).status_code == 200
    assert await kept(world) == ["evt_1"]


async def test_while_a_secret_is_rotated_both_count(world: World) -> None:
    for number, secret in enumerate(SECRETS):
        body = written(identifier=f"evt_{number}")
        answer = await send(world, body, header(body, world.clock.now(), secret))
        assert answer.status_code == 200
    assert await kept(world) == ["evt_0", "evt_1"]


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(days=400)])
async def test_old_and_future_signatures_are_refused(world: World, late: timedelta) -> None:
    body = written()
    answer = await send(world, body, header(body, world.clock.now() - late, SECRETS[0]))
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert await kept(world) == []


async def test_no_and_wrong_signatures_are_refused(world: World) -> None:
    body = written()
    good = header(body, world.clock.now(), SECRETS[0])
    for bad in (
        "",
        "v1=abc",
        good + "0",
        good.replace("v1", "v0"),
        header(body, world.clock.now(), "whsec_no"),
    ):
        assert (await send(world, body, bad)).status_code == 400
    assert (await world.anonymous.post("/webhooks/stripe", content=body)).status_code == 400
    assert (await send(world, body + b"\n", good)).status_code == 400
    assert await kept(world) == []


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"", b"{", b"[]", b'{"id": "evt_1"}', b"[" * 50_000])
async def test_what_is_signed_and_no_event_is_refused(world: World, body: bytes) -> None:
    assert (await send(world, body)).status_code == 400


async def test_5_mb_are_too_much(world: World) -> None:
    assert (await send(world, b"a" * 5_000_000, "t=1,v1=0")).status_code == 413


async def test_what_does_not_concern_us_is_answered_200_and_left(world: World) -> None:
    for body in (written(live=True), written(kind="payout.created"), written(kind="price.updated")):
        assert (await send(world, body)).status_code == 200
    assert await kept(world) == []
    assert (await send(world, written(customer="cus_nobody"))).status_code == 200


async def test_50_deliveries_of_one_event_at_once_are_one(world: World) -> None:
    tenant = await world.tenant()
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into subscription (account_id, customer_id, fetch_at) "
            "values ($1, 'cus_1', now() + interval '1 hour')",
            tenant.id,
        )
    answers = await asyncio.gather(*(send(world, written()) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert await kept(world) == ["evt_1"]
    row = await world.runtime.database.row("select dirty_at, fetch_at <= now() as is_due from subscription")
    assert row["dirty_at"] is not None
    assert row["is_due"]


async def test_other_methods_are_refused(world: World) -> None:
    assert (await world.anonymous.get("/webhooks/stripe")).status_code == 405


async def test_while_events_cannot_be_kept_stripe_hears_503_and_sends_again(world: World) -> None:
    database = world.runtime.database
    async with database.transaction() as tx:
        await tx.execute("alter table stripe_event rename to elsewhere")
    assert (await send(world, written())).status_code == 503
    async with database.transaction() as tx:
        await tx.execute("alter table elsewhere rename to stripe_event")
    assert (await send(world, written())).status_code == 200
    assert await kept(world) == ["evt_1"]
