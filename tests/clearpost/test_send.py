"""`clearpost send` against a real mx and a real API: what it prints, and with which code it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import api.main
from clearpost import send
from clearpost.ports import free_port
from clearpost.send import Wish
from customers import api_keys
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.settings import Settings
from tests.support.mx import Surroundings, running_mx, surroundings
from tests.support.world import AccountRow


async def key_of(account: AccountRow, settings: Settings) -> str:
    """As the account would make one."""
    secret = api_keys.generate(live=False)
    database = await Database.open(settings.database_url.get_secret_value(), size=1)
    async with database.session() as session:
        await api_keys.keep(
            session, Clock(), Keyring(settings.key_dir), account_id=account.id, name="test", secret=secret
        )
    await database.close()
    return secret


@pytest.fixture
async def around(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Surroundings]:
    """A running mx and API, an alias with one destination and one with two, and their owner's key."""
    async with surroundings(database_url, redis_url, tmp_path, api_port=free_port()) as around:
        account = await around.world.account("free")
        domain = await around.world.domain(account, "shop.test")
        await around.world.alias(domain, "hello", "you@inbox.test")
        await around.world.alias(domain, "both", "one@inbox.test", "two@inbox.test")
        secret = await key_of(account, around.settings)
        (around.settings.key_dir / "demo-api-key").write_text(secret + "\n")
        ready = asyncio.Event()
        serving = asyncio.create_task(api.main.serve(around.settings, on_ready=ready.set))
        await ready.wait()
        async with running_mx(around.settings):
            yield around
        serving.cancel()
        await asyncio.wait({serving})


async def sent(around: Surroundings, to: str, **wish: Any) -> int:
    """The exit code; the command runs in a thread, because it brings an event loop of its own."""
    return await asyncio.to_thread(send.main, around.settings, Wish(to, **wish), as_json=False)


async def test_a_delivered_message_ends_with_0_and_shows_its_timeline(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await sent(around, "hello@shop.test") == send.DELIVERED
    lines = capsys.readouterr().out.split("\n")
    assert "received" in lines[0]
    assert "delivered" in lines[1]
    assert lines[3].strip() == "Delivered."


async def test_all_destinations_are_waited_for(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await sent(around, "both+tag@shop.test") == send.DELIVERED
    assert capsys.readouterr().out.count("  delivered") == 2


async def test_json_holds_the_result_and_the_timeline(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await asyncio.to_thread(send.main, around.settings, Wish("hello@shop.test"), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["result"] == "delivered", document
    assert code == send.DELIVERED
    assert [event["type"] for event in document["events"]] == ["received", "delivered"]


async def test_a_refusal_of_our_mx_ends_with_1_and_its_reply(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await sent(around, "nobody@shop.test") == send.NOT_DELIVERED
    assert "550 5.1.1" in capsys.readouterr().err


async def test_a_hard_bounce_ends_with_1(around: Surroundings, capsys: pytest.CaptureFixture[str]) -> None:
    around.destination.script["RCPT"] = "550 5.1.1 no such user"
    assert await sent(around, "hello@shop.test") == send.NOT_DELIVERED
    assert "hard-bounced" in capsys.readouterr().out


async def test_a_message_that_waits_ends_with_3(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    around.destination.script["RCPT"] = "451 4.7.1 come back later"
    assert await sent(around, "hello@shop.test", seconds=5.0) == send.TOO_SLOW
    out = capsys.readouterr().out
    assert "so far: received, soft-bounced" in out


async def test_a_message_of_nobodys_account_is_told_with_its_id(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await sent(around, "postmaster@clearpost.test") == send.NOT_DELIVERED
    assert "our MX took it as" in capsys.readouterr().err


async def test_a_wrong_key_sends_nothing(around: Surroundings) -> None:
    assert await sent(around, "hello@shop.test", api_key="cp_test_wrong") == send.NOT_DELIVERED
    assert await around.world.count("log_message") == 0


@pytest.mark.parametrize("wish", [{"to": "a b"}, {"to": "hello@shop.test", "sender": "nobody"}])
async def test_what_is_no_address_ends_with_2(around: Surroundings, wish: dict[str, str]) -> None:
    assert await sent(around, **wish) == send.USAGE


async def test_without_a_key_it_says_how_to_give_one(
    around: Surroundings, capsys: pytest.CaptureFixture[str]
) -> None:
    (around.settings.key_dir / "demo-api-key").unlink()
    assert await sent(around, "hello@shop.test") == send.USAGE
    assert "CLEARPOST_API_KEY" in capsys.readouterr().err
