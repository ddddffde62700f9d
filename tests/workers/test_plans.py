"""What plans ask for by themselves: each account by itself, whatever is wrong with another."""

from collections.abc import AsyncIterator

import pytest

from tests.support.world import World, prepared_world
from workers.plans import settle_downgrades


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
    rows = await world.database.fetch("select account_id from domain where paused_at is not null")
    assert {row["account_id"] for row in rows} == {each.id for each in accounts[1:]}
