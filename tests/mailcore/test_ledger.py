"""The counted identity survives compaction, rollback and two processes at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailcore import ledger
from mailcore.ledger import Balance, Entries
from mailcore.settlement import Result
from tests.support.ground import Ground, ground, settlement


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


async def write(g: Ground, **counts: int) -> None:
    entries = Entries()
    for name, count in counts.items():
        getattr(entries, name)["smtp"] += count
    async with g.database.transaction() as tx:
        await entries.write(tx)


async def age(g: Ground) -> None:
    await g.world.execute("update ledger set at = at - interval '2 hours'")


async def test_what_was_created_is_delivered_bounced_waiting_or_held(g: Ground) -> None:
    await g.live()
    for name in ("one", "two", "three", "four"):
        await g.acceptance.accept(g.submission(await g.recipient(name)))
    one, two, three, _ = await g.claim()
    await g.settler.settle(Result(settlement(one, "delivered")))
    await g.settler.settle(Result(settlement(two, "hard-bounced")))
    await g.world.execute("update delivery set state = 'held' where id = $1", three.id)
    assert await ledger.balance(g.database) == [Balance("smtp", 4, 1, 1, 1, 1)]
    assert (await ledger.balance(g.database))[0].difference == 0


async def test_a_missing_delivery_is_a_difference(g: Ground) -> None:
    await g.acceptance.accept(g.submission(await g.recipient("one")))
    await g.world.execute("delete from delivery")
    assert (await ledger.balance(g.database))[0].difference == 1


async def test_compaction_keeps_the_sums_and_shrinks_the_table(g: Ground) -> None:
    for _ in range(5):
        await write(g, created=3, delivered=2, hard_bounced=1)
    await age(g)
    await write(g, created=1)
    before = await ledger.balance(g.database)
    for _ in range(3):
        await ledger.compact(g.database)
        assert await ledger.balance(g.database) == before
    assert await g.count("ledger") == 2


async def test_two_compactions_at_once_count_nothing_twice(g: Ground) -> None:
    for _ in range(20):
        await write(g, created=1)
    await age(g)
    before = await ledger.balance(g.database)
    await asyncio.gather(*(ledger.compact(g.database) for _ in range(3)))
    assert await ledger.balance(g.database) == before


async def test_nothing_counted_writes_nothing(g: Ground) -> None:
    await write(g)
    assert await g.count("ledger") == 0
