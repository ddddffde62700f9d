"""Owners hear of what failed once, the day after; whoever wants no mail from us hears nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from customers.notices import Failures
from customers.undelivered import told_of
from mailcore import undelivered_counts
from mailcore.clock import ShiftedClock
from mailcore.log_keys import LogKeys
from tests.support.world import World, prepared_world
from workers.notices import tell_undelivered


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with prepared_world(database_url, key_dir=tmp_path) as prepared:
        yield prepared


async def failed(world: World, owner: str, *, days_ago: int = 1) -> None:
    account = await world.account(owner)
    day = world.clock.now() - timedelta(days=days_ago)
    async with world.database.transaction() as tx:
        for _ in range(3):
            await undelivered_counts.count(tx, world.keys, account.id, "hello@shop.test", "5.1.1", day)


async def letters(world: World) -> list[str]:
    rows = await world.database.fetch("select to_address from letter order by to_address")
    return [row["to_address"] for row in rows]


async def test_two_upkeep_processes_tell_once_and_of_days_that_are_over(world: World) -> None:
    await failed(world, "one")
    await failed(world, "today", days_ago=0)
    async with world.locked("undelivered"):
        telling = [asyncio.create_task(tell_undelivered(world.database, world.clock)) for _ in range(2)]
        await world.writers_waiting(2)
    await asyncio.gather(*telling)
    await tell_undelivered(world.database, world.clock)
    assert await letters(world) == ["one@owners.test"]
    order = await world.database.row("select account_id, about, created_at from letter")
    assert order is not None
    assert set(json.loads(order["about"])) == {"day"}, "an order for a letter names no alias in clear"
    day = date.fromisoformat(json.loads(order["about"])["day"])
    found = await told_of(world.database, world.keys, order["account_id"], day, order["created_at"])
    assert found == [Failures("hello@shop.test", "5.1.1", 3)]


async def test_a_week_later_nobody_can_say_which_alias_it_was(world: World, tmp_path: Path) -> None:
    await failed(world, "one")
    later = LogKeys(tmp_path, ShiftedClock(timedelta(days=7, hours=2)), timedelta(days=7))
    assert await later.destroy_hours() > 0
    await tell_undelivered(world.database, world.clock)
    order = await world.database.row("select account_id, about, created_at from letter")
    assert order is not None
    day = date.fromisoformat(json.loads(order["about"])["day"])
    (found,) = await told_of(world.database, later, order["account_id"], day, order["created_at"])
    assert (found.alias, found.count) == ("an alias that can no longer be named", 3)


async def test_every_owner_is_told(world: World) -> None:
    await failed(world, "one")
    person = world.clock.new_id()
    await world.execute("insert into person (id, email) values ($1, 'bea@owners.test')", person)
    await world.execute(
        "insert into membership (id, account_id, person_id, role) select $1, id, $2, 'owner' from account",
        *(world.clock.new_id(), person),
    )
    await tell_undelivered(world.database, world.clock)
    assert await letters(world) == ["bea@owners.test", "one@owners.test"]


async def test_an_account_that_cannot_be_told_keeps_no_other(world: World) -> None:
    await failed(world, "one")
    await failed(world, "two")
    await world.execute(
        "create function fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$"
    )
    await world.execute(
        "create trigger broken before insert on letter for each row "
        "when (new.to_address = 'one@owners.test') execute function fail()"
    )
    await tell_undelivered(world.database, world.clock)
    assert await letters(world) == ["two@owners.test"]
    assert await world.count("undelivered where noticed_at is null") == 1, "told the next time"
