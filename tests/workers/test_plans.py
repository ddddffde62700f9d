"""What plans ask for by themselves: each account by itself, whatever is wrong with another."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.support.world import World, prepared_world
from workers.plans import settle_downgrades, settle_missed_downgrades


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def test_an_account_whose_grace_cannot_be_settled_keeps_no_other(world: World) -> None:
    accounts = sorted([await world.account(name) for name in ("one", "two", "three")], key=lambda a: a.id)
    for account in accounts:
        for number in range(2):  # free has room for one
            await world.domain(account, f"{account.id}-{number}.test")
    await world.execute("update account set surplus_pauses_at = now() - interval '1 day', surplus_told = 2")
    await world.execute(
        "create function fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$"
    )
    await world.execute(
        "create trigger broken before update on domain for each row "
        f"when (old.account_id = '{accounts[0].id}') execute function fail()"
    )
    await settle_downgrades(world.database, world.clock)
    assert await paused(world) == {each.id for each in accounts[1:]}


async def test_whoever_makes_room_gets_the_next_oldest_within_a_minute_or_if_nobody_noticed_an_hour(
    world: World,
) -> None:
    """A note of a change is what the look of each minute goes by."""
    noted, unnoted = await world.account("noted"), await world.account("unnoted")
    for account in (noted, unnoted):
        await world.domain(account, f"old.{account.id}.test")
        await world.domain(account, f"new.{account.id}.test")
    await world.execute("update domain set paused_at = now() where name like 'new%'")
    await world.execute("update account set surplus_pauses_at = now() - interval '9 days', surplus_told = 3")
    await settle_downgrades(world.database, world.clock)
    await settle_missed_downgrades(world.database, world.clock)
    assert await paused(world) == {noted.id, unnoted.id}
    await world.execute("delete from domain where name like 'old%'")
    await world.execute("insert into change (account_id, kind, data) values ($1, 'domain', '{}')", noted.id)
    await settle_downgrades(world.database, world.clock)
    assert await paused(world) == {unnoted.id}
    await settle_missed_downgrades(world.database, world.clock)
    assert await paused(world) == set()
    assert await world.value("select count(*) from account where surplus_pauses_at is not null") == 0


async def paused(world: World) -> set[UUID]:
    rows = await world.database.fetch("select account_id from domain where paused_at is not null")
    return {row["account_id"] for row in rows}
