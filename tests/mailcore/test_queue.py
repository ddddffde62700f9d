"""The queue: fair between accounts, exact between workers, and by the database's clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from mailcore import queue
from mailcore.event_log import columns
from mailcore.lane_worker import LaneWorker
from mailcore.plans import Lane
from mailcore.queue import FIRST_TURN, Claimed, DeliveryRow, MessageRow, Turn
from mailcore.runtime import open_runtime
from mailcore.settings import Settings
from mailcore.settlement import Result
from mailcore.spool import Location
from tests.support.destination import Destination
from tests.support.ground import Ground, ground, settlement
from tests.support.tcp_proxy import Cut, PostgresProxy

OWNER = UUID(int=7)


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


def message(g: Ground, account: UUID, lane: Lane = Lane.STANDARD) -> MessageRow:
    return MessageRow(
        id=g.clock.new_id(),
        account_id=account,
        domain_id=None,
        alias_id=None,
        alias_address="hello@one.test",
        lane=lane,
        node_id=g.spool.node_id,
        location=Location(g.clock.new_id(), 0, 100),
        shared=False,
        reverse_path="ann@sender.test",
        sender_authenticated=False,
        smtputf8=False,
        origin="smtp",
        accepted_at=g.clock.now(),
    )


async def fill(g: Ground, accounts: list[UUID], each: int, lane: Lane = Lane.STANDARD) -> None:
    mail = [
        (message(g, account, lane), [DeliveryRow(g.clock.new_id(), None, "you@inbox.test", None)])
        for account in accounts
        for _ in range(each)
    ]
    async with g.database.transaction() as tx:
        await queue.insert(tx, mail)


async def claim(
    g: Ground, *, after: Turn = FIRST_TURN, limit: int = 100, each: int = 20, lane: Lane = Lane.STANDARD
) -> list[Claimed]:
    async with g.database.transaction() as tx:
        return await queue.claim(tx, OWNER, g.spool.node_id, lane, after=after, limit=limit, each=each)


async def test_every_account_is_served_before_any_is_served_again(g: Ground) -> None:
    accounts = sorted(g.clock.new_id() for _ in range(25))
    await fill(g, accounts, 1000)
    await g.world.execute("analyze delivery")
    served: list[UUID] = []
    after = FIRST_TURN
    for _ in range(15):
        batch = await claim(g, after=after)
        assert max(Counter(c.account_id for c in batch).values()) == 20
        served += dict.fromkeys(c.account_id for c in batch)
        after = Turn(batch[-1].account_id, batch[-1].provider)
    for start in range(0, 75, 25):
        assert sorted(served[start : start + 25]) == accounts


async def test_a_small_account_does_not_wait_for_a_large_backlog(g: Ground) -> None:
    large, small = UUID(int=1), UUID(int=2)
    await fill(g, [large], 500)
    await fill(g, [small], 1)
    assert small in {c.account_id for c in await claim(g)}


async def test_two_workers_at_once_claim_different_deliveries(g: Ground) -> None:
    await fill(g, [g.clock.new_id() for _ in range(4)], 50)
    batches = await asyncio.gather(*(claim(g, limit=50, each=50) for _ in range(4)))
    claimed = [c.id for batch in batches for c in batch]
    assert len(claimed) == len(set(claimed))
    while batch := await claim(g, limit=50, each=50):
        claimed += [c.id for c in batch]
    assert len(claimed) == len(set(claimed)) == 200


async def test_a_claim_numbers_the_attempt_and_names_its_owner(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 1)
    (first,) = await claim(g)
    assert (first.attempt, first.failures, first.lease.owner) == (1, 0, OWNER)
    assert await claim(g) == []
    row = await g.database.row("select lease_owner, lease_token, attempt from delivery")
    assert tuple(row) == (OWNER, first.lease.token, 1)


async def test_lanes_nodes_and_what_is_held_are_apart(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 1, Lane.FAST)
    assert await claim(g) == []
    assert len(await claim(g, lane=Lane.FAST)) == 1
    await fill(g, [UUID(int=1)], 2)
    await g.world.execute("update delivery set node_id = gen_random_uuid() where lane = 'standard'")
    assert await claim(g) == []
    await g.world.execute("update delivery set node_id = $1, state = 'held'", g.spool.node_id)
    assert await claim(g) == []


async def test_what_is_not_due_waits_and_is_announced(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 1)
    await g.world.execute("update delivery set next_attempt_at = now() + interval '90 seconds'")
    assert await claim(g) == []
    async with g.database.transaction() as tx:
        seconds = await queue.seconds_until_due(tx, g.spool.node_id, Lane.STANDARD)
        assert await queue.seconds_until_due(tx, g.spool.node_id, Lane.FAST) is None
    assert seconds
    assert 85 < seconds <= 90


async def test_a_lease_given_back_is_as_if_never_claimed(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 2)
    one, two = await claim(g)
    async with g.database.transaction() as tx:
        await queue.give_back(tx, [one.lease], count_attempt=False)
        await queue.give_back(tx, [one.lease], count_attempt=False)  # the first answer was lost
        await queue.give_back(tx, [two.lease], count_attempt=True)
    rows = {row["id"]: row["attempt"] for row in await g.database.fetch("select id, attempt from delivery")}
    assert rows == {one.id: 0, two.id: 1}
    assert {c.id: c.attempt for c in await claim(g)} == {one.id: 1, two.id: 2}


async def test_a_held_delivery_is_not_claimed_and_is_counted_as_held(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 1)
    (one,) = await claim(g)
    async with g.database.transaction() as tx:
        await queue.hold(tx, one.lease)
        (depth,) = await queue.depths(tx)
    assert (depth.lane, depth.state, depth.count) == ("standard", "held", 1)
    assert await claim(g) == []


async def test_deleting_alias_or_destination_cancels_with_plain_words(g: Ground) -> None:
    for table, word in (("alias", "alias"), ("destination", "destination")):
        await g.acceptance.accept(g.submission(await g.recipient(table)))
        await g.world.execute(f"delete from {table}")
        (one,) = await claim(g)
        assert one.cancelled == f"cancelled: the {word} was deleted by its owner"
        assert one.address == ""
        await g.settler.settle(Result(settlement(one, "hard-bounced", "5.2.1")))


async def test_a_full_queue_costs_a_claim_little(g: Ground) -> None:
    """The skip scan walks the index: no sequential scan, whatever the backlog."""
    await fill(g, [g.clock.new_id() for _ in range(25)], 400)
    await g.world.execute("analyze delivery")
    plan = await g.database.fetch(
        "explain select account_id from delivery where node_id = $1 and lane = $2 and lease_owner is null "
        "and state = 'waiting' and account_id > $3 order by account_id limit 1",
        *(g.spool.node_id, "standard", UUID(int=0)),
    )
    assert not any("Seq Scan" in row[0] for row in plan)


def test_columns_turn_rows_into_arrays() -> None:
    assert columns([(1, "a"), (2, "b")]) == [[1, 2], ["a", "b"]]


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_claim_whose_answer_was_cut_is_attempted_all_the_same(
    database_url: str, tmp_path: Path, how: Cut
) -> None:
    """Leased to a process that lives and does not know of it, a delivery would wait for ever."""
    async with PostgresProxy(database_url) as proxy, Destination() as destination:
        settings = Settings(
            database_url=SecretStr(proxy.url),
            redis_url=SecretStr("redis://127.0.0.1:1/0"),
            spool_dir=tmp_path / "spool",
            key_dir=tmp_path / "keys",
            routes={"*": f"127.0.0.1:{destination.port}"},
        )
        async with open_runtime(settings, role="worker", lane=Lane.STANDARD) as runtime:
            async with ground(database_url, tmp_path) as g:
                submission = g.submission(await g.recipient("one"))
                assert (await runtime.acceptance.accept(submission)).code == 250
            proxy.cut_next(how, after=b"recursive turn")
            working = asyncio.create_task(LaneWorker(runtime.courier, Lane.STANDARD).run())
            await destination.wait_for(1)
            while runtime.courier.busy:  # noqa: ASYNC110  until it is settled
                await asyncio.sleep(0.01)
            working.cancel()
            await asyncio.wait({working})
            assert proxy.cuts == 1
            assert await runtime.database.value("select count(*) from delivery") == 0


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
