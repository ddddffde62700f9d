"""Who asks in one moment shares a query, and hears what belongs to them; planned once, read by indexes."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mailcore import alias_lookup
from mailcore.alias_lookup import AliasLookup, Question
from mailcore.database import Database
from mailcore.envelope import Mailbox
from mailcore.keyring import Keyring
from mailcore.routing import NoSuchAlias, NotServed, Resolved, Routes
from tests.support.world import World, prepared_world

TODAY = date(2026, 1, 2)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def asked(database: Database, names: Sequence[str]) -> list[list[str | None]]:
    """The aliases that each address is told of when all are asked about at once."""
    lookup = AliasLookup(database)
    split = [name.partition("@") for name in names]
    rows = await asyncio.gather(
        *(lookup.rows(Question(domain, local, local.partition("+")[0], TODAY)) for local, _, domain in split)
    )
    return [sorted(row["local_part"] for row in each) for each in rows]


async def test_each_hears_what_belongs_to_its_own_address(world: World) -> None:
    shop = await world.domain(await world.account("one"), "shop.test")
    club = await world.domain(await world.account("two"), "club.test")
    await world.alias(shop, "hello", "you@inbox.test")
    await world.alias(shop, "*", "rest@inbox.test")
    await world.alias(club, "hello", "us@inbox.test")
    names = [
        "hello@shop.test",
        "nobody@club.test",
        "hello+tag@club.test",
        "x@nowhere.test",
        "hello@shop.test",
    ]
    both = ["*", "hello"]
    assert [[name for name in each if name] for each in await asked(world.database, names)] == [
        both,
        [],
        ["hello"],
        [],
        both,
    ]


async def test_addresses_that_are_asked_for_at_once_are_resolved_as_if_each_came_alone(
    world: World, tmp_path: Path
) -> None:
    domain = await world.domain(await world.account("one"), "shop.test")
    await world.alias(domain, "hello", "you@inbox.test")
    await world.alias(domain, "bye", "me@inbox.test")
    routes = Routes(world.database, Keyring(tmp_path / "keys"))
    paths = [Mailbox("hello", "shop.test"), Mailbox("Bye+x", "shop.test"), Mailbox("no", "shop.test")]
    paths.append(Mailbox("hello", "nowhere.test"))
    now = world.clock.now()
    together = await asyncio.gather(*(routes.resolve(path, now) for path in paths))
    assert list(together) == [await routes.resolve(path, now) for path in paths]
    assert [type(each) for each in together] == [Resolved, Resolved, NoSuchAlias, NotServed]


async def test_those_who_ask_in_one_moment_share_a_query(world: World, database_url: str) -> None:
    class Counting(Database):
        queries = 0

        async def fetch(self, query: str, *arguments: object) -> Sequence[Any]:
            self.queries += 1
            return await super().fetch(query, *arguments)

    database = await Counting.open(database_url)
    await asked(database, ["hello@shop.test"] * 50)
    assert database.queries == 1
    await database.close()


@pytest.fixture
async def connection(world: World, database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """To tables with some hundred aliases."""
    domain = await world.domain(await world.account("one"), "shop.test")
    await world.execute(
        "insert into alias (id, account_id, domain_id, local_part, note) "
        "select gen_random_uuid(), $1, $2, 'a' || n, '' from generate_series(1, 3000) n",
        domain.account.id,
        domain.id,
    )
    opened = await asyncpg.connect(database_url)
    await opened.execute("analyze")
    yield opened
    await opened.close()


async def test_it_is_planned_once_however_many_ask(connection: "asyncpg.Connection[Any]") -> None:
    statement = await connection.prepare(alias_lookup._LOOK_UP)
    counts = "select generic_plans, custom_plans from pg_prepared_statements where statement = $1"
    for many in (1, 2, 1, 7, 1, 30, 1, 1, 1, 1):  # the first five it tries another plan for each
        await statement.fetch(["shop.test"] * many, ["a1"] * many, ["a1"] * many, TODAY)
    assert tuple((await connection.fetchrow(counts, alias_lookup._LOOK_UP)) or ()) == (5, 5)


async def test_aliases_are_read_by_their_index(connection: "asyncpg.Connection[Any]") -> None:
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare look_up(text[], text[], text[], date) as {alias_lookup._LOOK_UP}")
    found = await connection.fetchval(
        "explain (format json) execute look_up('{shop.test}', '{a1}', '{a1}', '2026-01-02')"
    )
    scans = {each.get("Relation Name"): each for each in plans(json.loads(found)[0]["Plan"])}
    assert scans["alias"]["Index Name"] == "uq_alias_domain_id_local_part"
    assert "local_part" in scans["alias"]["Index Cond"]


def plans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(inner for each in plan.get("Plans", []) for inner in plans(each))]
