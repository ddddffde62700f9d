"""Claims: fair between accounts, exact between workers, and by the database's clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from mailcore import queue_claim
from mailcore.lane_worker import LaneWorker
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.queue_claim import FIRST_TURN, Room, Turn
from mailcore.runtime import open_runtime
from mailcore.settings import Settings
from mailcore.settlement import Result
from tests.support.destination import Destination
from tests.support.ground import Ground, ground, settlement
from tests.support.queued import fill, insert, message
from tests.support.tcp_proxy import Cut, PostgresProxy

OWNER = UUID(int=7)


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


async def claim(
    g: Ground, *, after: Turn = FIRST_TURN, limit: int = 100, each: int = 20, lane: Lane = Lane.STANDARD
) -> list[Claimed]:
    return (await claim_on(g, after, Room(limit, each), lane))[0]


async def claim_on(
    g: Ground,
    after: Turn,
    room: Room,
    lane: Lane = Lane.STANDARD,
    *,
    most: int = 500,
    passing_over: Sequence[str] = (),
) -> tuple[list[Claimed], Turn]:
    """One claim as a worker makes it, and where the next one goes on."""
    async with g.database.transaction() as tx:
        turns = await queue_claim.turns(
            tx, g.spool.node_id, lane, after=after, most=most, passing_over=passing_over
        )
        claimed = await queue_claim.claim(tx, OWNER, g.spool.node_id, lane, turns.order, room)
    return claimed, turns.served_last(claimed, room.limit)


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
        seconds = await queue_claim.seconds_until_due(tx, g.spool.node_id, Lane.STANDARD)
        assert await queue_claim.seconds_until_due(tx, g.spool.node_id, Lane.FAST) is None
    assert seconds
    assert 85 < seconds <= 90


async def test_deleting_alias_or_destination_cancels_with_plain_words(g: Ground) -> None:
    for table, word in (("alias", "alias"), ("destination", "destination")):
        await g.acceptance.accept(g.submission(await g.recipient(table)))
        await g.world.execute(f"delete from {table}")
        (one,) = await claim(g)
        assert one.cancelled == f"cancelled: the {word} was deleted by its owner"
        assert one.address == ""
        await g.settler.settle(Result(settlement(one, "hard-bounced", "5.2.1")))


async def test_what_is_due_is_found_among_any_number_that_waits(g: Ground) -> None:
    """Thousands of accounts wait for their next attempt: the one that is due costs no look at them."""
    accounts = [g.clock.new_id() for _ in range(2000)]
    await fill(g, accounts, 1)
    await g.world.execute("update delivery set next_attempt_at = now() + interval '1 hour'")
    await g.world.execute("update delivery set next_attempt_at = now() where account_id = $1", accounts[1234])
    async with g.database.transaction() as tx:
        turns = await queue_claim.turns(tx, g.spool.node_id, Lane.STANDARD)
    assert turns.order == [Turn(accounts[1234], "")]


async def test_a_claim_looks_at_so_many_turns_and_the_next_one_goes_on(g: Ground) -> None:
    """One backlog is due for longest; the others, more than one claim looks at, all have their turn."""
    backlog, *others = sorted(g.clock.new_id() for _ in range(31))
    await fill(g, [backlog], 100)
    await g.world.execute("update delivery set next_attempt_at = now() - interval '1 hour'")
    await fill(g, others, 1)
    served: Counter[UUID] = Counter()
    after = FIRST_TURN
    for _ in range(4):
        claimed, after = await claim_on(g, after, Room(100, 5), most=10)
        served.update(c.account_id for c in claimed)
    assert all(served[account] == 1 for account in others)
    assert served[backlog] == 20, "it had its five each time: nothing else was due"


async def test_a_provider_that_is_passed_over_hides_nobody(g: Ground) -> None:
    one, two = sorted(g.clock.new_id() for _ in range(2))
    await fill(g, [one], 30)
    await g.world.execute(
        "update delivery set provider = 'paused.test', next_attempt_at = now() - '1h'::interval"
    )
    await fill(g, [two], 1)
    claimed, _ = await claim_on(g, FIRST_TURN, Room(100, 20), most=10, passing_over=["paused.test"])
    assert [c.account_id for c in claimed] == [two]
    async with g.database.transaction() as tx:
        due = await queue_claim.seconds_until_due(
            tx, g.spool.node_id, Lane.STANDARD, passing_over=["paused.test"]
        )
    assert due is None, "nobody looks again every moment for what must wait"


async def test_large_messages_are_claimed_as_far_as_there_is_room_and_small_ones_always(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 6)
    await g.world.execute(
        "update message set record_length = 1000 where id in (select id from message limit 4)"
    )
    claimed, _ = await claim_on(g, FIRST_TURN, Room(100, 100, large=100, held=0, most=2000))
    assert sorted(c.location.length for c in claimed) == [100, 100, 1000, 1000]
    assert (await claim_on(g, FIRST_TURN, Room(100, 100, large=100, held=2000, most=2000)))[0] == []
    claimed, _ = await claim_on(g, FIRST_TURN, Room(100, 100, large=100, held=0, most=10))
    assert len(claimed) == 1, "one that is larger than all there is goes alone"


async def test_bytes_that_many_share_are_counted_once(g: Ground) -> None:
    await insert(g, [(message(g, UUID(int=1)), 25)])
    claimed, _ = await claim_on(g, FIRST_TURN, Room(100, 100, large=10, held=0, most=100))
    assert len(claimed) == 25


async def test_what_waits_too_long_is_claimed_due_or_not(g: Ground) -> None:
    await fill(g, [UUID(int=1)], 3)
    await g.world.execute("update delivery set next_attempt_at = now() + interval '1 hour'")
    await g.world.execute(
        "update delivery set accepted_at = now() - interval '5 days' "
        "where id = (select id from delivery limit 1)"
    )
    async with g.database.transaction() as tx:
        (old,) = await queue_claim.claim_expired(
            tx, OWNER, g.spool.node_id, Lane.STANDARD, timedelta(days=4), 100
        )
    assert old.expired


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
            proxy.cut_next(how, after=b"for update skip locked")
            working = asyncio.create_task(LaneWorker(runtime.courier, Lane.STANDARD).run())
            await destination.wait_for(1)
            while runtime.courier.busy:  # noqa: ASYNC110  until it is settled
                await asyncio.sleep(0.01)
            working.cancel()
            await asyncio.wait({working})
            assert proxy.cuts == 1
            assert await runtime.database.value("select count(*) from delivery") == 0
