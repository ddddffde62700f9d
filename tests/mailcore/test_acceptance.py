"""250 means durable: bytes synced, then rows committed, and every doubt is a 451 that keeps what it must."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mailcore import ledger, replies
from mailcore.acceptance import Acceptance, Draft
from mailcore.clock import Clock
from mailcore.database import UnknownOutcome
from mailcore.first_attempts import NoFirstAttempts
from mailcore.plans import Lane, Plan, limits_for
from mailcore.quota import OverQuota
from mailcore.spool import segments_in
from mailcore.spool_record import Location
from mailcore.spool_segment import LockedSegment
from mailcore.spool_writer import LargeEntry, SegmentWriter
from tests.support.ground import CONTENT, Collected, Ground, ground
from tests.support.tcp_proxy import PostgresProxy

SECRET = b"the secret words"
QUOTA = limits_for(Plan.FREE).daily_quota


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
    """The same ground, behind a connection that can be cut."""
    async with ground(proxy.url, tmp_path, look_on=database_url) as g:
        yield g


async def read_all(g: Ground) -> list[bytes]:
    rows = await g.world.database.fetch(
        "select segment, record_offset, record_length from message order by id"
    )
    return [bytes(g.spool.read(Location(*row)).content) for row in rows]


def unlocked(g: Ground) -> bool:
    """Every segment is free once its writer sealed it: nothing pending was forgotten."""
    g.writer.close()
    for path in segments_in(g.spool):
        segment = LockedSegment.take(path, g.spool.keys)
        if segment is None:
            return False
        segment.release()
    return True


async def balanced(g: Ground) -> bool:
    return all(line.difference == 0 for line in await ledger.balance(g.world.database))


async def test_an_accepted_message_has_bytes_rows_event_and_ledger(g: Ground) -> None:
    await g.live()
    recipient = await g.recipient("one", "a@inbox.test", "b@inbox.test")
    submission = g.submission(recipient)
    reply = await g.acceptance.accept(submission)
    assert (reply.code, reply.enhanced) == (250, "2.0.0")
    assert str(submission.id) in reply.text
    assert await read_all(g) == [CONTENT]
    assert await g.count("delivery", "lease_owner is null and attempt = 0") == 2
    assert await g.count("log_event", "type = 'received'") == 1
    (line,) = await ledger.balance(g.database)
    assert (line.created, line.waiting, line.difference) == (2, 2, 0)
    assert await g.count("usage_day", "forwarded = 2") == 1
    assert unlocked(g)


async def test_messages_that_arrive_together_share_syncs(g: Ground) -> None:
    recipient = await g.recipient("one")
    got = await asyncio.gather(*(g.acceptance.accept(g.submission(recipient)) for _ in range(60)))
    assert {reply.code for reply in got} == {250}
    assert len(g.syncs) <= 5
    assert await g.count("message") == 60


async def test_recipients_of_one_transaction_share_their_bytes(g: Ground) -> None:
    submission = g.submission(await g.recipient("one"), await g.recipient("two"))
    assert (await g.acceptance.accept(submission)).code == 250
    rows = await g.database.fetch("select distinct segment, record_offset, shared from message")
    assert [row["shared"] for row in rows] == [True]
    assert await g.count("message") == 2


async def test_a_failed_sync_is_451_and_nothing_of_it_stays(g: Ground) -> None:
    for number, code, enhanced in ((errno.EIO, 451, "4.3.0"), (errno.ENOSPC, 452, "4.3.1")):

        def fail(_: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        writer = SegmentWriter(g.spool, g.clock, largest=1_000_000, oldest_seconds=10, sync=fail)
        acceptance = Acceptance(
            database=g.database,
            spool=g.spool,
            writer=writer,
            clock=g.clock,
            log_keys=g.keys,
            first_attempts=NoFirstAttempts(),
        )
        reply = await acceptance.accept(g.submission(await g.recipient(f"at-{number}")))
        assert (reply.code, reply.enhanced) == (code, enhanced)
    assert await g.count("message") == 0
    assert not g.readable(SECRET)


@contextmanager
def every_thread_taken() -> Iterator[None]:
    """Whoever asks the loop for a thread waits until the end of the block."""
    let_go = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        executor.submit(let_go.wait, 30)
        try:
            yield
        finally:
            let_go.set()


async def test_mail_is_accepted_while_others_keep_every_thread(g: Ground) -> None:
    submission = g.submission(await g.recipient("one"))
    with every_thread_taken():
        async with asyncio.timeout(10):
            assert (await g.acceptance.accept(submission)).code == 250


class BrokenClock(Clock):
    """A fault of ours, in the middle of the transaction."""

    def now(self) -> datetime:
        raise RuntimeError

    def new_id(self) -> UUID:
        return uuid4()


async def test_a_fault_of_ours_leaves_the_bytes_to_the_sweep_and_gives_slots_back(g: Ground) -> None:
    attempts = Collected(Clock().new_id())
    acceptance = Acceptance(
        database=g.database,
        spool=g.spool,
        writer=g.writer,
        clock=BrokenClock(),
        log_keys=g.keys,
        first_attempts=attempts,
    )
    with pytest.raises(RuntimeError):
        await acceptance.accept(g.submission(await g.recipient("one")))
    assert g.readable(SECRET)
    assert unlocked(g)
    assert (attempts.started, attempts.slots) == ([], 0)


class BrokenRoom(NoFirstAttempts):
    """Cannot tell whether there is room."""

    def reserve(self, lane: Lane, deliveries: int, size: int) -> UUID | None:
        raise ZeroDivisionError


async def test_rows_that_cannot_be_drawn_up_leave_no_segment_locked(g: Ground) -> None:
    broken = Acceptance(
        database=g.database,
        spool=g.spool,
        writer=g.writer,
        clock=g.clock,
        log_keys=g.keys,
        first_attempts=BrokenRoom(),
    )
    submission = g.submission(await g.recipient("one"))
    for attempt in (broken.accept, broken.store):
        with pytest.raises(ZeroDivisionError):
            await attempt(submission)
    assert unlocked(g)


# --- the database fails ---


async def test_a_commit_whose_answer_was_cut_is_250(cut: Ground, proxy: PostgresProxy) -> None:
    recipient = await cut.recipient("one")
    proxy.cut_next("after")
    assert (await cut.acceptance.accept(cut.submission(recipient))).code == 250
    assert proxy.cuts == 1
    assert await read_all(cut) == [CONTENT]
    assert unlocked(cut)


async def test_a_commit_that_never_arrived_is_451_and_its_bytes_are_gone(
    cut: Ground, proxy: PostgresProxy
) -> None:
    recipient = await cut.recipient("one")
    proxy.cut_next("before")
    assert await cut.acceptance.accept(cut.submission(recipient)) == replies.TRY_LATER
    assert proxy.cuts == 1
    assert await cut.world.count("message") == 0
    assert not cut.readable(SECRET)
    assert unlocked(cut)
    assert (await cut.acceptance.accept(cut.submission(recipient))).code == 250


async def test_a_database_that_is_away_is_451(cut: Ground, proxy: PostgresProxy) -> None:
    recipient = await cut.recipient("one")
    proxy.go_down()
    assert await cut.acceptance.accept(cut.submission(recipient)) == replies.TRY_LATER
    proxy.come_up()
    assert not cut.readable(SECRET)
    assert (await cut.acceptance.accept(cut.submission(recipient))).code == 250
    assert await cut.world.count("message") == 1
    assert await balanced(cut)


async def test_one_that_the_database_refuses_does_not_fail_the_others_nor_count_twice(g: Ground) -> None:
    recipient = await g.recipient("one")
    good = [g.submission(recipient) for _ in range(3)]
    bad = replace(g.submission(recipient), origin="nobody")
    got = await g.acceptance._accept([good[0], bad, good[1], good[2]])
    assert [reply.code for reply in got] == [250, 451, 250, 250]
    assert await g.count("message") == 3
    assert await g.count("usage_day", "forwarded = 3") == 1
    assert await balanced(g)
    assert unlocked(g)


# --- nobody knows ---


async def unknown(g: Ground, drafts: list[Draft], *, commit: bool) -> None:
    """A COMMIT that nobody could tell about within the deadline, and that ends only now."""
    async with g.database.transaction(certain=True) as tx:
        assert tx.trace
        await g.acceptance.insert(tx, drafts)
        g.acceptance.remember(UnknownOutcome(tx.trace), drafts)
        await asyncio.sleep(0)
        assert not unlocked(g), "its bytes stay until it is known"
        if not commit:
            tx.connection.terminate()
    waiting = list(g.acceptance._unknown)
    await asyncio.gather(*waiting)


async def draft_of(g: Ground, name: str) -> Draft:
    draft = await g.acceptance.store(g.submission(await g.recipient(name)))
    assert isinstance(draft, Draft)
    return draft


async def test_an_unknown_commit_that_was_done_keeps_its_bytes_and_starts(
    database_url: str, tmp_path: Path
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        draft = await draft_of(g, "one")
        await unknown(g, [draft], commit=True)
        assert await read_all(g) == [CONTENT]
        assert [claimed.message_id for claimed in attempts.started] == [draft.submission.id]
        assert unlocked(g)


async def test_an_unknown_commit_that_was_not_done_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        draft = await draft_of(g, "one")
        with pytest.raises(Exception, match=r".*"):
            await unknown(g, [draft], commit=False)
        await asyncio.gather(*g.acceptance._unknown)
        assert not g.readable(SECRET)
        assert (attempts.started, attempts.slots) == ([], 0)
        assert unlocked(g)


async def test_what_is_over_quota_is_never_committed(g: Ground) -> None:
    """Not even the rows of others in its transaction: they are written in another one."""
    draft = await draft_of(g, "one")
    (recipient,) = draft.submission.recipients
    await g.world.execute(
        "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3)",
        recipient.account_id,
        g.clock.now().date(),
        QUOTA,
    )
    with pytest.raises(OverQuota):
        async with g.database.transaction() as tx:
            await g.acceptance.insert(tx, [draft])
    g.acceptance.rejected([draft], replies.OVER_QUOTA)
    assert await g.count("message") == await g.count("log_message") == await g.count("ledger") == 0
    assert await g.count("usage_day", f"forwarded = {QUOTA}") == 1
    assert not g.readable(SECRET)


# --- quota ---


async def test_the_quota_is_exact_within_one_batch(g: Ground) -> None:
    recipient = await g.recipient("one", "a@inbox.test", "b@inbox.test")
    await g.world.execute(
        "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3)",
        recipient.account_id,
        g.clock.now().date(),
        QUOTA - 5,
    )
    got = await g.acceptance._accept([g.submission(recipient) for _ in range(4)])
    assert [reply.code for reply in got] == [250, 250, 452, 452]
    assert got[3] == replies.OVER_QUOTA
    assert await g.count("usage_day", f"forwarded = {QUOTA - 1}") == 1
    assert await g.count("message") == 2
    assert await balanced(g)


async def test_one_account_over_its_quota_does_not_touch_another(g: Ground) -> None:
    full, other = await g.recipient("full"), await g.recipient("other")
    await g.world.execute(
        "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3)",
        full.account_id,
        g.clock.now().date(),
        QUOTA,
    )
    got = await g.acceptance._accept([g.submission(full), g.submission(other)])
    assert [reply.code for reply in got] == [452, 250]


# --- first attempts ---


async def test_what_is_reserved_is_leased_and_started_once_committed(
    database_url: str, tmp_path: Path
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        await g.acceptance.accept(g.submission(await g.recipient("one", "a@inbox.test", "b@inbox.test")))
        rows = await g.database.fetch(
            "select id, lease_token, attempt from delivery where lease_owner = $1", attempts.owner
        )
        assert {(row["id"], row["lease_token"]) for row in rows} == {
            (claimed.id, claimed.lease.token) for claimed in attempts.started
        }
        assert {row["attempt"] for row in rows} == {1}


async def test_one_alone_is_prepared_while_its_rows_are_written_and_many_are_not(
    database_url: str, tmp_path: Path
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        recipient = await g.recipient("one")
        await g.acceptance.accept(g.submission(recipient))
        assert attempts.prepared == attempts.started
        assert len(attempts.started) == 1
        await asyncio.gather(*(g.acceptance.accept(g.submission(recipient)) for _ in range(3)))
        assert len(attempts.started) == 4
        assert len(attempts.prepared) == 1


async def test_slots_of_what_was_not_accepted_are_given_back(
    database_url: str, proxy: PostgresProxy, tmp_path: Path
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(proxy.url, tmp_path, first_attempts=attempts, look_on=database_url) as g:
        recipient = await g.recipient("one")
        proxy.cut_next("before")
        await g.acceptance.accept(g.submission(recipient))
        assert (attempts.started, attempts.slots) == ([], 0)


@pytest.mark.parametrize("gone", ["domain", "alias", "destination"])
async def test_what_was_deleted_since_rcpt_is_left_to_the_queue_which_cancels_it(
    database_url: str, tmp_path: Path, gone: str
) -> None:
    attempts = Collected(Clock().new_id())
    async with ground(database_url, tmp_path, first_attempts=attempts) as g:
        deleted, there = await g.recipient("one"), await g.recipient("two", "a@inbox.test", "b@inbox.test")
        where = (
            "account_id = $1" if gone != "destination" else "account_id = $1 and address = 'one@inbox.test'"
        )
        await g.world.execute(f"delete from {gone} where {where}", deleted.account_id)
        assert (await g.acceptance.accept(g.submission(deleted, there))).code == 250
        assert [claimed.address for claimed in attempts.started] == ["a@inbox.test", "b@inbox.test"]
        assert attempts.slots == 2
        (claimed,) = await g.claim()
        assert claimed.cancelled
        assert claimed.account_id == deleted.account_id


# --- large messages ---


async def test_a_large_message_is_accepted_from_its_own_segment(g: Ground) -> None:
    submission = g.submission(await g.recipient("one"))
    large = LargeEntry(g.spool, g.clock, submission.id)
    large.write([CONTENT * 100])
    submission = replace(submission, content=large)
    assert (await g.acceptance.accept(submission)).code == 250
    assert await read_all(g) == [CONTENT * 100]
    assert unlocked(g)


async def test_a_large_message_of_an_aborted_commit_is_removed(cut: Ground, proxy: PostgresProxy) -> None:
    submission = cut.submission(await cut.recipient("one"))
    large = LargeEntry(cut.spool, cut.clock, submission.id)
    large.write([CONTENT])
    submission = replace(submission, content=large)
    proxy.cut_next("before")
    assert await cut.acceptance.accept(submission) == replies.TRY_LATER
    assert list(segments_in(cut.spool)) == []


# --- a batch is nobody's alone ---


async def test_a_client_that_goes_away_does_not_stop_its_message(g: Ground) -> None:
    recipient = await g.recipient("one")
    caller = asyncio.create_task(g.acceptance.accept(g.submission(recipient)))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await g.acceptance.drain()
    assert await g.count("message") == 1


async def test_odd_characters_in_what_is_logged_do_not_fail_the_commit(g: Ground) -> None:
    submission = g.submission(await g.recipient("one"))
    submission = replace(submission, subject="a\0b \udc80")
    submission = replace(submission, sender="\0\udcff")
    assert (await g.acceptance.accept(submission)).code == 250
    (message,) = await g.world.logged()
    assert message.subject == "ab ?"
