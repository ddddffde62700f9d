"""Word of a quota that is nearly, or wholly, used: once a day each."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from customers import usage_letters
from customers.letter_texts import WRITERS, Desk
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from tests.support.world import AccountRow, World, prepared_world

CLOCK = Clock()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def told(world: World) -> list[int]:
    """After one more round of upkeep: the percent of each letter so far."""
    await usage_letters.tell(world.database, CLOCK)
    rows = await world.database.fetch("select about from letter order by id")
    return [json.loads(row["about"])["percent"] for row in rows]


async def account_with(world: World, forwarded: int) -> AccountRow:
    account = await world.account("free")
    await world.used_today(account, forwarded)
    return account


async def test_below_80_percent_nobody_is_told(world: World) -> None:
    await account_with(world, 399)
    assert await told(world) == []


async def test_at_80_and_at_100_percent_the_owner_is_told_once_each(world: World) -> None:
    account = await account_with(world, 400)
    assert await told(world) == [80]
    await world.used_today(account, 499)
    assert await told(world) == [80]
    await world.used_today(account, 500)
    assert await told(world) == [80, 100]
    assert await told(world) == [80, 100]
    assert await world.value("select to_address from letter limit 1") == account.owner


async def test_past_both_at_once_only_the_last_word_is_said(world: World) -> None:
    await account_with(world, 500)
    assert await told(world) == [100]


async def test_the_next_day_counts_anew(world: World) -> None:
    account = await account_with(world, 400)
    await told(world)
    await world.execute("update usage_day set day = day - 1")
    await world.execute("update usage_letter set day = day - 1")
    await world.used_today(account, 450)
    assert await told(world) == [80, 80]


async def test_the_letter_says_limit_plan_and_what_happens_next(world: World, tmp_path: Path) -> None:
    await account_with(world, 500)
    await told(world)
    about = json.loads(await world.value("select about from letter"))
    written = WRITERS["usage"](Desk(Keyring(tmp_path / "keys"), "https://clearpost.test", CLOCK.now()), about)
    text = "\n".join(written.lines)
    assert written.subject == "free has used all of today's quota"
    assert "forwarded 500 messages today (UTC). The free plan has" in text
    assert "most of it arrives after midnight UTC" in text
