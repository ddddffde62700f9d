"""One statement an hour, whoever issues it: what we hold, signed, chained to the one before."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from customers import canary_document as documents
from customers import statements
from customers.statements import NOTHING_BEFORE, Statement
from mailcore import service_counts
from mailcore.attestation import Signer, is_signed
from mailcore.keyring import Keyring
from mailcore.ledger import Entries
from tests.support.api import World, running_api
from tests.support.logged import put_in_queue, write
from tests.support.published import first, name_signers

URL = "https://clearpost.test"
HOUR = timedelta(hours=1)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


def signer_of(world: World) -> Signer:
    return Signer(world.runtime.keyring)


async def issue(world: World) -> bool:
    return await statements.issue(world.runtime.database, signer_of(world), world.clock, URL)


async def newest(world: World) -> tuple[Statement, dict[str, Any]]:
    found = await statements.newest(world.runtime.database)
    assert found is not None
    return found, json.loads(found.signed.text)


async def test_the_first_one_says_what_there_is_and_that_nothing_was_before(world: World) -> None:
    assert await statements.newest(world.runtime.database) is None
    assert await issue(world)
    statement, told = await newest(world)
    signer = signer_of(world)
    assert is_signed("statement", statement.signed, signer.public_keys)
    assert (told["number"], told["previous"], told["service"]) == (1, NOTHING_BEFORE, URL)
    assert told["log"] == {"messages": 0, "events": 0, "oldest_seconds": None}
    assert told["waiting"] == {"messages": 0, "oldest_seconds": None}
    assert told["destroyed"] == {"message keys": 0, "hour keys": 0, "account keys": 0}
    assert told["keys"] == list(signer.public_keys.values())
    assert told["at"] == statement.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert told["version"]


async def test_each_names_the_hash_of_the_text_before(world: World) -> None:
    await issue(world)
    first, _ = await newest(world)
    world.clock.step(HOUR)
    await issue(world)
    second, told = await newest(world)
    assert (second.number, told["number"]) == (2, 2)
    assert told["previous"] == hashlib.sha256(first.signed.text.encode()).hexdigest() == first.hash


async def test_each_names_the_newest_canary(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path, canary_signers=tmp_path / "allowed_signers") as world:
        name_signers(world)
        await issue(world)
        assert (await newest(world))[1]["canary"] is None
        document = await first(world)
        world.clock.step(HOUR)
        await issue(world)
        digest = documents.digest(documents.write(document))
        assert (await newest(world))[1]["canary"] == {"number": 1, "sha256": digest}


@pytest.mark.parametrize("table", ["statement", "canary"])
@pytest.mark.parametrize("words", ["update {} set number = 9", "delete from {}", "truncate {}"])
async def test_the_database_lets_nobody_change_what_was_said(world: World, table: str, words: str) -> None:
    """Not even the role that all is written with."""
    with pytest.raises(asyncpg.RaiseError, match="only grows"):
        async with world.runtime.database.transaction() as tx:
            await tx.execute(words.format(table))


async def test_what_is_held_is_told_in_numbers(world: World) -> None:
    tenant = await world.tenant()
    await write(world, tenant)
    await put_in_queue(world, await write(world, tenant, delivered=False))
    async with world.runtime.database.transaction() as tx:
        entries = Entries()
        entries.created["smtp"] = 2
        entries.delivered["smtp"] = 1
        await entries.write(tx)
        await service_counts.add(tx, "staff views", 3)
        await service_counts.add(tx, "message keys destroyed", 7)
    await issue(world)
    statement, told = await newest(world)
    assert (told["log"]["messages"], told["log"]["events"]) == (2, 5)
    assert 19 <= told["log"]["oldest_seconds"] < 80
    assert told["waiting"]["messages"] == 1
    (line,) = told["ledger"]
    assert (line["origin"], line["created"], line["delivered"], line["waiting"], line["difference"]) == (
        "smtp", 2, 1, 1, 0,
    )  # fmt: skip
    assert (told["staff_views"], told["destroyed"]["message keys"]) == (3, 7)
    for secret in ("example", "ada@", str(tenant.id)):
        assert secret not in statement.signed.text


async def test_an_hour_has_one_whoever_issues_it(world: World) -> None:
    made = await asyncio.gather(*(issue(world) for _ in range(4)))
    assert sorted(made) == [False, False, False, True]
    _, told = await newest(world)
    assert told["number"] == 1


async def test_a_clock_that_was_set_back_issues_nothing(world: World) -> None:
    await issue(world)
    world.clock.step(-3 * HOUR)
    assert not await issue(world)


async def test_hours_in_which_nobody_ran_stay_empty(world: World) -> None:
    await issue(world)
    world.clock.step(5 * HOUR)
    assert await issue(world)
    _, told = await newest(world)
    assert told["number"] == 2, "an hour that is over gets none afterwards"


async def test_lists_go_both_ways_and_know_every_key(world: World, tmp_path: Path) -> None:
    database = world.runtime.database
    for _ in range(3):
        await issue(world)
        world.clock.step(HOUR)
    other = Signer(Keyring(tmp_path / "other"))
    await statements.issue(database, other, world.clock, URL)
    assert [each.number for each in await statements.latest(database, 2)] == [4, 3]
    assert [each.number for each in await statements.after(database, 1, 2)] == [2, 3]
    found = await statements.find(database, 2)
    assert found is not None
    assert found.number == 2
    assert await statements.find(database, 9) is None
    assert await statements.announced(database) == {**signer_of(world).public_keys, **other.public_keys}
