"""A letter is asked for in the transaction of its cause, with or without an account's walls around it."""

import json
from collections.abc import AsyncIterator

import pytest

from customers import letters
from mailcore.clock import Clock
from mailcore.database import Tenant
from tests.support.world import World, prepared_world

CLOCK = Clock()
ABOUT = {"id": str(CLOCK.new_id()), "account": "Shop", "invited_by": "ada@shop.test", "role": "member"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


@pytest.mark.parametrize("narrow", [True, False])
async def test_a_session_and_a_transaction_post_the_same_row(world: World, narrow: bool) -> None:
    account = await world.account()
    tenant = Tenant(account.id) if narrow else None
    async with world.database.session(tenant) as session:
        await letters.post(session, CLOCK, "invitation", "bob@a.test", account_id=account.id, **ABOUT)
    async with world.database.transaction(tenant=tenant) as tx:
        await letters.post(tx, CLOCK, "invitation", "bob@a.test", account_id=account.id, **ABOUT)
    rows = await world.database.fetch("select account_id, kind, to_address, about from letter")
    assert [(*row[:3], json.loads(row["about"])) for row in rows] == [
        (account.id, "invitation", "bob@a.test", ABOUT)
    ] * 2


async def test_a_name_that_somebody_chose_does_not_become_a_letter_of_theirs(world: World) -> None:
    long = "Win a prize at https://evil.test " * 3
    async with world.database.session() as session:
        await letters.post(
            session, CLOCK, "invitation", "b@a.test", id="1", account=long, invited_by=long, by=long
        )
    about = json.loads(await world.database.value("select about from letter"))
    short = f"{long[:59]}…"
    assert about == {"id": "1", "account": short, "invited_by": short, "by": short}


async def test_no_letter_leaves_without_its_cause(world: World) -> None:
    async def fail() -> None:
        async with world.database.session() as session:
            await letters.post(session, CLOCK, "invitation", "bob@a.test", account_id=None, **ABOUT)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await world.count("letter") == 0
