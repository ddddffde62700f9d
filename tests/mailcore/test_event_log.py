"""Seven days, to the second: what is read, what is deleted, and where a row lands without a partition."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mailcore import event_log, replies
from mailcore.database import Tenant
from mailcore.event_log import Answer, Attempt, LoggedMessage
from mailcore.log_reader import Cursor, LogFilter, LogReader
from tests.support.ground import Ground, ground

WEEK = timedelta(days=7)
ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


def reader(g: Ground) -> LogReader:
    return LogReader(g.database, g.clock, WEEK, g.keys)


async def logged(
    g: Ground, at: datetime, account: UUID = ACCOUNT, subject: str = "hello", alias: str = "hello@one.test"
) -> UUID:
    """A message and its received event."""
    message = LoggedMessage(
        g.clock.new_id(), account, None, at, "192.0.2.1", "client.test", subject, "ann@sender.test", alias
    )
    event = event_log.received(message, replies.queued("x"), "127.0.0.1", timedelta(milliseconds=5))
    async with g.database.transaction() as tx:
        await event_log.record_messages(tx, g.keys, [message])
        await event_log.record_events(tx, g.keys, [event])
    return message.id


async def ids(g: Ground, wanted: LogFilter | None = None, account: UUID = ACCOUNT) -> list[UUID]:
    found = await reader(g).messages(Tenant(account), wanted or LogFilter(), None, 1000)
    return [row.message.id for row in found.rows]


async def partitions(g: Ground, table: str = "log_message") -> set[str]:
    rows = await g.database.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::text::regclass", table
    )
    return {row["name"] for row in rows}


# --- reading ---


async def test_reads_stop_at_seven_days_exactly_whatever_upkeep_did(g: Ground) -> None:
    now = g.clock.now()
    old, young = await logged(g, now - WEEK), await logged(g, now - WEEK + timedelta(seconds=30))
    assert await ids(g) == [young]
    assert await reader(g).message(Tenant(ACCOUNT), old) is None
    assert await reader(g).timeline(Tenant(ACCOUNT), old) == []
    assert len(await reader(g).timeline(Tenant(ACCOUNT), young)) == 1
    g.clock.step(31)
    assert await ids(g) == []
    assert await reader(g).timeline(Tenant(ACCOUNT), young) == [], "a timeline vanishes whole"


async def test_a_late_event_vanishes_with_its_message(g: Ground) -> None:
    received = g.clock.now() - WEEK + timedelta(seconds=30)
    message = await logged(g, received)
    attempt = Attempt(message, ACCOUNT, received, g.clock.new_id(), 1)
    event = event_log.hard_bounced(attempt, Answer("550 no", "5.1.1", "", timedelta(0)), g.clock.now())
    async with g.database.transaction() as tx:
        await event_log.record_events(tx, g.keys, [event])
    assert [e.type for e in await reader(g).timeline(Tenant(ACCOUNT), message)] == [
        "received",
        "hard-bounced",
    ]
    g.clock.step(31)
    assert await reader(g).timeline(Tenant(ACCOUNT), message) == []


async def test_nobody_reads_anothers_log(g: Ground) -> None:
    message = await logged(g, g.clock.now())
    assert await ids(g, account=OTHER) == []
    assert await reader(g).message(Tenant(OTHER), message) is None
    assert await reader(g).timeline(Tenant(OTHER), message) == []


async def test_pages_join_without_a_gap_or_a_double(g: Ground) -> None:
    now = g.clock.now()
    moments = [now - timedelta(seconds=number // 3) for number in range(20)]  # three share each moment
    written = {await logged(g, moment) for moment in moments}
    seen: list[UUID] = []
    after: Cursor | None = None
    while True:
        page = await reader(g).messages(Tenant(ACCOUNT), LogFilter(), after, 3)
        seen += [row.message.id for row in page.rows]
        if (after := page.next) is None:
            break
        await logged(g, g.clock.now())  # newer mail does not disturb older pages
    assert len(seen) == 20
    assert set(seen) == written


async def test_filters_are_taken_literally(g: Ground) -> None:
    now = g.clock.now()
    percent = await logged(g, now, subject="100% off_er")
    plain = await logged(g, now - timedelta(hours=1), subject="100 officer", alias="other@one.test")
    assert await ids(g, LogFilter(text="0% OFF_")) == [percent]
    assert await ids(g, LogFilter(text="\\")) == []
    assert await ids(g, LogFilter(alias="other@one.test")) == [plain]
    assert await ids(g, LogFilter(event_type="received")) == [percent, plain]
    assert await ids(g, LogFilter(event_type="delivered")) == []
    assert await ids(g, LogFilter(until=now)) == [plain]
    assert await ids(g, LogFilter(since=now)) == [percent]


async def test_the_latest_event_is_shown_with_the_message(g: Ground) -> None:
    now = g.clock.now()
    message = await logged(g, now)
    attempt = Attempt(message, ACCOUNT, now, g.clock.new_id(), 1)
    async with g.database.transaction() as tx:
        await event_log.record_events(
            tx,
            g.keys,
            [event_log.delivered(attempt, Answer("250 ok", "2.0.0", "::1", timedelta(seconds=1)), now)],
        )
    (row,) = (await reader(g).messages(Tenant(ACCOUNT), LogFilter(), None, 10)).rows
    assert row.last_event == "delivered"


# --- what is stored ---


async def test_texts_are_cut_and_made_storable(g: Ground) -> None:
    await logged(g, g.clock.now(), subject="\0x\udc80" + "y" * 2000)
    (row,) = (await reader(g).messages(Tenant(ACCOUNT), LogFilter(), None, 10)).rows
    assert row.message.subject.startswith("x?y")
    assert len(row.message.subject) <= event_log.SUBJECT_LIMIT
    assert event_log.storable("a" * 600, event_log.RESPONSE_LIMIT) == "a" * 500


async def test_an_interrupted_attempt_is_a_soft_bounce_of_ours(g: Ground) -> None:
    attempt = Attempt(UUID(int=1), ACCOUNT, g.clock.now(), UUID(int=2), 3)
    event = event_log.interrupted(attempt, g.clock.now())
    assert (event.type, event.code, event.response, event.attempt) == (
        "soft-bounced",
        "4.3.0",
        "attempt interrupted",
        3,
    )


async def test_a_rolled_back_transaction_leaves_no_event(g: Ground) -> None:
    message = LoggedMessage(UUID(int=1), ACCOUNT, None, g.clock.now(), "", "", "", "", "")

    async def fail() -> None:
        async with g.database.transaction() as tx:
            await event_log.record_messages(tx, g.keys, [message])
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await g.count("log_message") == 0


async def test_a_row_is_written_without_what_it_says_when_the_key_disk_hangs(g: Ground) -> None:
    path = g.settings.key_dir / f"accounts/{ACCOUNT}.key"
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    try:
        async with asyncio.timeout(8):
            message = await logged(g, g.clock.now())
    finally:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    row = await g.database.row("select id, sealed, alias_hash from log_message")
    assert (row["id"], row["sealed"], row["alias_hash"]) == (message, None, None)
    assert await g.count("log_event", "sealed is null") == 1


# --- upkeep ---


async def test_every_readable_day_has_its_partition(g: Ground) -> None:
    now = g.clock.now()
    for table in ("log_message", "log_event"):
        wanted = {f"{table}_{now + timedelta(days=offset):%Y%m%d}" for offset in range(-8, 4)}
        assert await partitions(g, table) == wanted | {f"{table}_default"}
    await event_log.ensure_partitions(g.database, now, WEEK)  # again: nothing to do


async def test_a_row_without_a_partition_is_kept_found_and_expired(g: Ground) -> None:
    g.clock.step(10 * 86400)  # upkeep slept for ten days
    message = await logged(g, g.clock.now())
    assert await g.count("log_message_default") == 1
    assert await ids(g) == [message]
    await event_log.ensure_partitions(g.database, g.clock.now(), WEEK)
    assert f"log_message_{g.clock.now():%Y%m%d}" not in await partitions(g), "the default serves that day"
    assert await ids(g) == [message]
    g.clock.step(7 * 86400)
    assert await event_log.expire(g.database, g.clock.now(), WEEK) == 2
    assert await g.count("log_message_default") == await g.count("log_event_default") == 0


async def test_rows_past_seven_days_are_deleted_and_no_younger_one(g: Ground) -> None:
    now = g.clock.now()
    for seconds in (-1, 0):
        await logged(g, now - WEEK + timedelta(seconds=seconds))
    young = await logged(g, now - WEEK + timedelta(seconds=1))
    assert await event_log.expire(g.database, now, WEEK, batch=1) == 4
    assert await g.count("log_message") == await g.count("log_event") == 1
    assert await g.database.value("select id from log_message") == young


async def test_partitions_go_when_they_are_past_and_empty(g: Ground) -> None:
    now = g.clock.now()
    message = await logged(g, now)
    g.clock.step(86400 * 6)
    await event_log.expire(g.database, g.clock.now(), WEEK)
    assert f"log_message_{now:%Y%m%d}" in await partitions(g)
    assert await ids(g) == [message]
    g.clock.step(86400 * 2)
    await event_log.expire(g.database, g.clock.now(), WEEK)
    assert f"log_message_{now:%Y%m%d}" not in await partitions(g)
    assert f"log_event_{now:%Y%m%d}" not in await partitions(g, "log_event")


async def test_upkeep_may_run_in_two_processes_at_once(g: Ground) -> None:
    await logged(g, g.clock.now())
    g.clock.step(86400 * 9)
    now = g.clock.now()
    await asyncio.gather(
        *(event_log.ensure_partitions(g.database, now, WEEK) for _ in range(2)),
        *(event_log.expire(g.database, now, WEEK) for _ in range(2)),
    )
    assert await g.count("log_message") == 0
    assert await event_log.oldest(g.database) is None
