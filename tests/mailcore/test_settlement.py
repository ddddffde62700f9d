"""Results: written once, by the lease's owner only, and the bytes go with the last delivery."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from mailcore import ledger, undelivered_counts
from mailcore.acceptance import Draft
from mailcore.clock import Clock
from mailcore.database import Database, Tenant, Transaction, UnknownOutcome
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.settlement import Result, Settler
from mailcore.spool import segments_in
from mailcore.spool_segment import LockedSegment
from tests.support.ground import Collected, Ground, ground, settlement
from tests.support.tcp_proxy import PostgresProxy

SECRET = b"the secret words"
DSN = b"Subject: undelivered\r\n\r\nnotification\r\n"


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def cut(database_url: str, proxy: PostgresProxy, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(proxy.url, tmp_path, look_on=database_url) as g:
        yield g


async def claimed(g: Ground, name: str = "one", *destinations: str) -> list[Claimed]:
    """A message, accepted and leased."""
    assert (await g.acceptance.accept(g.submission(await g.recipient(name, *destinations)))).code == 250
    return await g.claim()


async def draft(g: Ground, claimed: Claimed) -> Draft:
    """A notification whose bytes are synced."""
    recipient = await g.recipient(f"dsn{claimed.id.hex[-6:]}")
    submission = replace(g.submission(recipient, content=DSN), origin="dsn", reverse_path="")
    stored = await g.acceptance.store(submission)
    assert isinstance(stored, Draft)
    return stored


def another(g: Ground) -> Settler:
    """The settler of another process."""
    return Settler(
        database=g.database, spool=g.spool, acceptance=g.acceptance, clock=g.clock, log_keys=g.keys
    )


async def events(g: Ground, kind: str) -> int:
    return await g.world.count(f"log_event where type = '{kind}'")


async def assert_balanced(g: Ground) -> None:
    for line in await ledger.balance(g.world.database):
        assert line.difference == 0, line


def unlocked(g: Ground) -> bool:
    g.writer.close()
    for path in segments_in(g.spool):
        segment = LockedSegment.take(path, g.spool.keys)
        if segment is None:
            return False
        segment.release()
    return True


async def test_delivered_ends_the_message_and_its_bytes(g: Ground) -> None:
    (one,) = await claimed(g)
    await g.settler.settle(Result(settlement(one, "delivered")))
    assert await g.count("message") == await g.count("delivery") == 0
    assert not g.readable(SECRET)
    assert await events(g, "delivered") == 1
    assert await g.count("destination", "delivered_before") == 1
    await assert_balanced(g)


async def test_results_that_wait_for_their_batch_are_written_before_drain_returns(g: Ground) -> None:
    together = [
        Result(settlement(c, "delivered")) for c in await claimed(g, "one", "a@inbox.test", "b@inbox.test")
    ]
    (late,) = await claimed(g, "two")
    await asyncio.gather(*(g.settler.settle(result) for result in together))
    waiting = asyncio.create_task(g.settler.settle(Result(settlement(late, "delivered"))))
    await asyncio.sleep(0)
    await g.settler.drain()
    assert await g.count("delivery") == 0
    await waiting
    await assert_balanced(g)


async def test_the_bytes_stay_until_the_last_delivery_ends(g: Ground) -> None:
    one, two = await claimed(g, "one", "a@inbox.test", "b@inbox.test")
    await g.settler.settle(Result(settlement(one, "delivered")))
    assert await g.count("message", "delivered") == 1
    assert g.readable(SECRET)
    await g.settler.settle(Result(settlement(two, "hard-bounced", "5.1.1")))
    assert await g.count("message") == 0
    assert not g.readable(SECRET)
    assert await g.count("undelivered") == 0, "one of them was delivered"
    await assert_balanced(g)


async def test_a_soft_bounce_waits_its_time_by_the_lane_of_the_row(g: Ground) -> None:
    (one,) = await claimed(g)
    await g.world.execute("update delivery set lane = 'fast'")  # the tier changed meanwhile
    end = settlement(one, "soft-bounced", "4.2.2")
    waits = {Lane.STANDARD: end.waits[Lane.STANDARD] * 60, Lane.FAST: end.waits[Lane.FAST]}
    await g.settler.settle(Result(replace(end, waits=waits)))
    row = await g.database.row(
        "select failures, attempt, lease_owner, next_attempt_at - now() as wait from delivery"
    )
    assert (row["failures"], row["attempt"], row["lease_owner"]) == (1, 1, None)
    assert 50 < row["wait"].total_seconds() < 61
    await assert_balanced(g)


async def test_a_result_whose_lease_was_lost_writes_nothing(g: Ground) -> None:
    """F22: frozen past the verdict, then thawed."""
    (late,) = await claimed(g)
    await g.world.execute("update delivery set lease_owner = null, lease_token = null")
    (owner,) = await g.claim()
    for kind in ("delivered", "hard-bounced", "soft-bounced"):
        await g.settler.settle(Result(settlement(late, kind)))
    assert await g.count("delivery") == 1
    assert await g.count("log_event", "type <> 'received'") == 0
    assert g.readable(SECRET)
    await g.settler.settle(Result(settlement(owner, "delivered")))
    assert not g.readable(SECRET)
    await assert_balanced(g)


async def test_two_processes_that_end_one_message_at_once_close_it_exactly_once(g: Ground) -> None:
    for round_ in range(10):
        one, two = await claimed(g, f"r{round_}", "a@inbox.test", "b@inbox.test")
        await asyncio.gather(
            g.settler.settle(Result(settlement(one, "delivered"))),
            another(g).settle(Result(settlement(two, "hard-bounced", "5.1.1"))),
        )
        assert await g.count("message") == 0
        assert not g.readable(SECRET)
    assert await g.count("undelivered") == 0
    await assert_balanced(g)


async def test_shared_bytes_go_with_the_last_of_their_messages(g: Ground) -> None:
    for at_once in (False, True):
        names = [f"{name}{at_once:d}" for name in ("one", "two")]
        submission = g.submission(*[await g.recipient(name) for name in names])
        await g.acceptance.accept(submission)
        first, second = await g.claim()
        assert first.message_id != second.message_id
        if at_once:
            await asyncio.gather(
                g.settler.settle(Result(settlement(first, "delivered"))),
                another(g).settle(Result(settlement(second, "delivered"))),
            )
        else:
            await g.settler.settle(Result(settlement(first, "delivered")))
            assert g.readable(SECRET)
            await g.settler.settle(Result(settlement(second, "delivered")))
        assert not g.readable(SECRET)


# --- notifications ---


async def test_a_notification_is_inserted_by_the_result_that_closes_undelivered(g: Ground) -> None:
    one, two = await claimed(g, "one", "a@inbox.test", "b@inbox.test")
    first, second = await draft(g, one), await draft(g, two)
    await g.settler.settle(Result(settlement(one, "hard-bounced", "5.1.1"), first))
    assert await g.count("message", "origin = 'dsn'") == 0, "another destination may still take it"
    assert g.count_of(DSN) == 1, "unused bytes are gone"
    await g.settler.settle(Result(settlement(two, "hard-bounced", "5.1.1"), second))
    assert await g.count("message", "origin = 'dsn'") == 1
    assert await g.count("undelivered") == 0
    assert not g.readable(SECRET)
    assert g.readable(DSN)
    assert unlocked(g)
    await assert_balanced(g)


async def test_two_failures_of_one_message_in_one_batch_send_one_notification(g: Ground) -> None:
    one, two = await claimed(g, "one", "a@inbox.test", "b@inbox.test")
    results = [Result(settlement(c, "hard-bounced", "5.1.1"), await draft(g, c)) for c in (one, two)]
    await g.settler._settle(results)
    assert await g.count("message", "origin = 'dsn'") == 1
    assert g.count_of(DSN) == 1
    assert unlocked(g)
    await assert_balanced(g)


async def test_a_late_failure_takes_its_notification_with_it(g: Ground) -> None:
    (late,) = await claimed(g)
    await g.world.execute("update delivery set lease_owner = null, lease_token = null")
    await g.settler.settle(Result(settlement(late, "hard-bounced", "5.1.1"), await draft(g, late)))
    assert not g.readable(DSN)
    assert await g.count("undelivered") == 0
    assert unlocked(g)


async def test_without_a_notification_the_owner_is_told(g: Ground) -> None:
    (one,) = await claimed(g)
    await g.settler.settle(Result(settlement(one, "hard-bounced", "5.1.1")))
    row = await g.database.row("select account_id, day, alias, status, count from undelivered")
    key = await undelivered_counts.key_of(g.keys, row["account_id"], row["day"])
    assert undelivered_counts.alias_of(key, row["day"], row["alias"]) == "hello@one.test"
    assert (row["status"], row["count"]) == ("5.1.1", 1)


async def test_a_failure_of_mail_whose_account_is_gone_ends_all_the_same(g: Ground) -> None:
    (one,) = await claimed(g)
    await g.world.execute("delete from account where id = $1", one.account_id)
    async with asyncio.timeout(10):
        await g.settler.settle(Result(settlement(one, "hard-bounced", "5.2.1")))
    assert await g.count("delivery") == 0
    assert not g.readable(SECRET)


# --- the database fails ---


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_cut_commit_is_settled_exactly_once(cut: Ground, proxy: PostgresProxy, how: str) -> None:
    (one,) = await claimed(cut)
    notification = await draft(cut, one)
    proxy.cut_next(how)  # type: ignore[arg-type]
    await cut.settler.settle(Result(settlement(one, "hard-bounced", "5.1.1"), notification))
    assert proxy.cuts == 1
    assert await events(cut, "hard-bounced") == 1
    assert await cut.world.count("message where origin = 'dsn'") == 1
    assert bytes(cut.spool.read(notification.location).content) == DSN
    assert not cut.readable(SECRET)
    await assert_balanced(cut)


async def test_results_wait_for_a_database_that_is_away(cut: Ground, proxy: PostgresProxy) -> None:
    """F26: results are held and committed later."""
    (one,) = await claimed(cut)
    proxy.go_down()
    settling = asyncio.create_task(cut.settler.settle(Result(settlement(one, "delivered"))))
    done, _ = await asyncio.wait({settling}, timeout=0.3)
    assert not done
    proxy.come_up()
    async with asyncio.timeout(10):
        await settling
    assert await events(cut, "delivered") == 1
    assert not cut.readable(SECRET)


class Doubtful(Database):
    """Its first certain COMMIT is done, and said to be unknown."""

    doubts = 1

    @asynccontextmanager
    async def transaction(
        self, *, certain: bool = False, tenant: Tenant | None = None
    ) -> AsyncIterator[Transaction]:
        async with super().transaction(certain=certain, tenant=tenant) as tx:
            yield tx
        if tx.trace and self.doubts:
            self.doubts -= 1
            raise UnknownOutcome(tx.trace)


async def test_an_unknown_commit_that_was_done_keeps_its_notification(g: Ground, database_url: str) -> None:
    """Written a second time it would find the lease gone, and throw the notification's bytes away."""
    (one,) = await claimed(g)
    notification = await draft(g, one)
    database = await Doubtful.open(database_url, size=2)
    settler = Settler(
        database=database, spool=g.spool, acceptance=g.acceptance, clock=g.clock, log_keys=g.keys
    )
    await settler.settle(Result(settlement(one, "hard-bounced", "5.1.1"), notification))
    assert database.doubts == 0
    await database.close()
    assert await g.count("message", "origin = 'dsn'") == 1
    assert bytes(g.spool.read(notification.location).content) == DSN
    assert not g.readable(SECRET)
    assert unlocked(g)


async def test_a_locked_row_delays_a_result_and_does_not_lose_it(g: Ground) -> None:
    (one,) = await claimed(g)
    async with g.world.database.transaction() as tx:
        await tx.execute("update destination set address = address")
        settling = asyncio.create_task(g.settler.settle(Result(settlement(one, "delivered"))))
        done, _ = await asyncio.wait({settling}, timeout=0.3)
        assert not done
    async with asyncio.timeout(15):
        await settling
    assert await events(g, "delivered") == 1


async def test_two_settlers_that_tell_the_same_owners_do_not_stop_each_other(g: Ground) -> None:
    accounts = [await g.recipient(f"a{number}") for number in range(6)]
    for _ in range(2):
        for recipient in accounts:
            await g.acceptance.accept(g.submission(recipient))
    waiting = sorted(await g.claim(), key=lambda c: (c.account_id, c.id))
    one, two = waiting[::2], list(reversed(waiting[1::2]))
    async with asyncio.timeout(20):
        await asyncio.gather(
            g.settler._settle([Result(settlement(c, "hard-bounced", "5.1.1")) for c in one]),
            another(g)._settle([Result(settlement(c, "hard-bounced", "5.1.1")) for c in two]),
        )
    assert await g.count("undelivered", "count = 2") == 6
    await assert_balanced(g)


async def test_a_result_the_database_refuses_is_held_and_spares_the_others(g: Ground) -> None:
    (one,) = await claimed(g, "one")
    (two,) = await claimed(g, "two")
    poison = settlement(two, "delivered")
    poison = replace(poison, answer=replace(poison.answer, code="2.0\0.0"))
    await g.settler._settle([Result(settlement(one, "delivered")), Result(poison, await draft(g, two))])
    assert await events(g, "delivered") == 1
    assert await g.count("delivery", "state = 'held' and lease_owner is null") == 1
    assert not g.readable(DSN)
    assert unlocked(g)
    await assert_balanced(g)


async def test_a_fault_of_ours_leaves_no_segment_locked(g: Ground) -> None:
    """What it came to nobody knows; the sweep takes the bytes of the notification, or keeps them."""
    (one,) = await claimed(g)
    result = Result(settlement(one, "no such end"), await draft(g, one))
    with pytest.raises(KeyError):
        await g.settler.settle(result)
    assert unlocked(g)
    assert await g.count("delivery", "lease_owner is not null") == 1, "nothing of it was written"


async def test_the_first_attempt_of_a_notification_starts_after_its_commit(
    database_url: str, tmp_path: Path
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        await g.acceptance.accept(g.submission(await g.recipient("one")))
        (one,) = attempts.started
        notification = await draft(g, one)
        await g.settler.settle(Result(settlement(one, "hard-bounced", "5.1.1"), notification))
        assert [c.origin for c in attempts.started] == ["smtp", "dsn"]
        assert await leased(g, attempts.owner) == 1


async def leased(g: Ground, owner: UUID) -> int:
    return await g.count("delivery", f"lease_owner = '{owner}'")
