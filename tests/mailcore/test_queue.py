"""The queue's rows: what is leased is given back, held and counted exactly once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from mailcore import queue
from mailcore.database import Transaction
from mailcore.event_log import columns
from mailcore.plans import Lane
from mailcore.queue import PutOff
from mailcore.runtime import open_runtime
from mailcore.settings import Settings
from tests.support.ground import Ground, ground
from tests.support.queued import fill
from tests.support.tcp_proxy import PostgresProxy


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


async def test_a_lease_given_back_is_as_if_never_claimed(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 2)
    one, two = await g.claim()
    async with g.database.transaction() as tx:
        await queue.give_back(tx, [one], count_attempt=False)
        await queue.give_back(tx, [one], count_attempt=False)  # the first answer was lost
        await queue.give_back(tx, [two], count_attempt=True)
    rows = {row["id"]: row["attempt"] for row in await g.database.fetch("select id, attempt from delivery")}
    assert rows == {one.id: 0, two.id: 1}
    assert {c.id: c.attempt for c in await g.claim()} == {one.id: 1, two.id: 2}


async def test_a_held_delivery_is_not_claimed_and_is_counted_as_held(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 1)
    (one,) = await g.claim()
    async with g.database.transaction() as tx:
        await queue.hold(tx, one)
        (depth,) = await queue.depths(tx)
    assert (depth.lane, depth.state, depth.count) == ("standard", "held", 1)
    assert await g.claim() == []


async def test_what_goes_back_is_found_by_its_key_however_much_waits(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 300)
    one, two, three = (await g.claim())[:3]
    async with g.database.transaction() as tx:
        before = await rows_read(tx)
        await queue.give_back(tx, [one], count_attempt=False)
        await queue.put_off(tx, [PutOff(two, "slow.test", 60.0)])
        await queue.hold(tx, three)
        assert 3 <= await rows_read(tx) - before <= 6
    rows = {row["id"]: row for row in await g.database.fetch("select * from delivery")}
    assert rows[two.id]["provider"] == "slow.test"
    assert rows[two.id]["next_attempt_at"] > rows[one.id]["next_attempt_at"]
    assert [rows[each.id]["attempt"] for each in (one, two, three)] == [0, 0, 0]
    assert [rows[each.id]["state"] for each in (one, two, three)] == ["waiting", "waiting", "held"]
    assert not any(rows[each.id]["lease_token"] for each in (one, two, three))


async def rows_read(tx: Transaction) -> int:
    """Of the deliveries, by this transaction."""
    return int(
        await tx.value(
            "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables "
            "where relname = 'delivery'"
        )
    )


def test_columns_turn_rows_into_arrays() -> None:
    assert columns([(1, "a"), (2, "b")]) == [(1, 2), ("a", "b")]


async def test_a_lease_is_given_back_once_the_database_is_there_again(
    database_url: str, tmp_path: Path
) -> None:
    """A process that lives is never declared dead: what it fails to give back, nobody else could take."""
    async with PostgresProxy(database_url) as proxy:
        settings = Settings(
            database_url=SecretStr(proxy.url),
            redis_url=SecretStr("redis://127.0.0.1:1/0"),
            spool_dir=tmp_path / "spool",
            key_dir=tmp_path / "keys",
        )
        async with (
            open_runtime(settings, role="worker", lane=Lane.STANDARD) as runtime,
            ground(database_url, tmp_path) as g,
        ):
            assert (await g.acceptance.accept(g.submission(await g.recipient("one")))).code == 250
            claimed = await g.claim(runtime.lease.id)
            proxy.go_down()
            giving = asyncio.create_task(runtime.courier._give_back(claimed))
            done, _ = await asyncio.wait({giving}, timeout=0.3)
            assert not done
            proxy.come_up()
            await giving
            assert [c.attempt for c in await g.claim()] == [1]
