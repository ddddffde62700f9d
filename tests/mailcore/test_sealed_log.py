"""What is sealed in the log: found by hashes, searched within a budget, unreadable in any copy in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mailcore import event_log, replies
from mailcore.database import Database, Tenant
from mailcore.event_log import Event, LoggedMessage, address_in, untagged
from mailcore.log_reader import Cursor, LogFilter, LogReader
from tests.support import opened
from tests.support.ground import Ground, ground
from tests.support.services import TestPostgres

WEEK = timedelta(days=7)
TENANT = Tenant(UUID(int=1))
WORDS = ("192.0.2.77", "client-name.test", "the-subject", "ann@the-sender.test", "the-alias@one.test",
         "spf=softfail", "250 2.0.0 said-the-server", "198.51.100.77")  # fmt: skip


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


def reader(g: Ground, **changes: float) -> LogReader:
    return LogReader(g.database, g.clock, WEEK, g.keys, **changes)  # type: ignore[arg-type]


async def logged(g: Ground, number: int = 0, **changes: str) -> UUID:
    """A message of so many minutes ago, delivered."""
    at = g.clock.now() - timedelta(minutes=number)
    texts = dict(zip(("client_ip", "client_name", "subject", "sender", "alias"), WORDS[:5], strict=True))
    found = "spf=softfail dkim=none dmarc=fail arc=none"
    message = LoggedMessage(
        g.clock.new_id(), TENANT.account_id, None, at, **{**texts, "verdicts": found, **changes}
    )
    attempt = event_log.Attempt(message.id, message.account_id, at, g.clock.new_id(), 1)
    answer = event_log.Answer(WORDS[6], "2.0.0", WORDS[7], timedelta(seconds=1))
    events = [
        event_log.received(message, replies.queued("x"), "127.0.0.1", timedelta(0)),
        event_log.delivered(attempt, answer, at),
    ]
    async with g.database.transaction() as tx:
        await event_log.record_messages(tx, g.keys, [message])
        await event_log.record_events(tx, g.keys, events)
    return message.id


async def ids(g: Ground, **wanted: str) -> list[UUID]:
    found = await reader(g).messages(TENANT, LogFilter(**wanted), None, 100)  # type: ignore[arg-type]
    return [row.message.id for row in found.rows]


# --- found by hashes ---


async def test_nothing_that_is_sealed_stands_in_the_tables_in_clear(g: Ground) -> None:
    await logged(g)
    rows = await _stored(g.database)
    for word in WORDS:
        assert word not in rows
        assert word.encode().hex() not in rows, "nor as bytes"


async def test_messages_are_found_by_their_sender_whatever_the_name_and_letters(g: Ground) -> None:
    ann = await logged(g, sender="Ann <Ann@Sender.test>")
    await logged(g, sender="Ann <ann@other.test>")
    for asked in ("ann@sender.test", "ANN@sender.test", "Someone Else <ann@sender.test>"):
        assert await ids(g, sender=asked) == [ann]
    assert await ids(g, sender="sender.test") == []


async def test_hashes_of_all_hours_are_compared(g: Ground) -> None:
    hours = [await logged(g, number * 60, alias="a+tag@one.test") for number in (0, 1, 30, 100)]
    assert await ids(g, alias="a@one.test") == hours
    assert await ids(g, alias="A+TAG@one.test") == hours
    assert await ids(g, alias="a+other@one.test") == []
    assert await ids(g, dmarc="fail") == hours
    assert await ids(g, dmarc="pass") == []


def test_an_address_is_read_out_of_a_from() -> None:
    assert address_in('"A <b>" <ann@sender.test> (x)') == "ann@sender.test"
    assert address_in("ann@Sender.test") == "ann@sender.test"
    assert address_in("broken <ann@sender.test") == "broken <ann@sender.test"
    assert untagged("A+b+c@One.test") == "a@one.test"
    assert untagged("+b@one.test") == "+b@one.test"


# --- searched within a budget ---


async def test_a_search_stops_at_its_budget_says_so_and_goes_on_from_there(g: Ground) -> None:
    needle = await logged(g, 1200, subject="The Needle")
    for number in range(1, 501):
        await logged(g, 6 + number)
    small = reader(g, search_rows=1)
    first = await small.messages(TENANT, LogFilter(text="needle"), None, 10)
    assert (first.rows, first.searched_back_to) == ([], first.next and first.next.received_at)
    assert first.searched_back_to is not None
    second = await small.messages(TENANT, LogFilter(text="needle"), first.next, 10)
    assert [row.message.id for row in second.rows] == [needle]
    assert (second.next, second.searched_back_to) == (None, None)
    whole = await reader(g).messages(TENANT, LogFilter(text="NEEDLE"), None, 10)
    assert [row.message.id for row in whole.rows] == [needle]


async def test_pages_of_a_search_join_without_a_gap(g: Ground) -> None:
    messages = [await logged(g, number) for number in range(7)]
    after: Cursor | None = None
    seen: list[UUID] = []
    for _ in range(3):
        page = await reader(g).messages(TENANT, LogFilter(text="the-sub"), after, 3)
        assert page.searched_back_to is None
        seen += [row.message.id for row in page.rows]
        after = page.next
    assert seen == messages
    assert after is None


async def test_time_is_a_budget_too(g: Ground) -> None:
    for number in range(501):
        await logged(g, number)
    found = await reader(g, search_seconds=0).messages(TENANT, LogFilter(text="nothing"), None, 10)
    assert found.searched_back_to is not None


# --- lost and destroyed ---


async def test_a_lost_key_fails_no_mail_and_shows_rows_without_what_they_say(g: Ground) -> None:
    kept = await logged(g)
    for path in g.settings.key_dir.glob("hours/*.key"):
        path.unlink()
    g.clock.step(600)
    (row,) = (await reader(g).messages(TENANT, LogFilter(), None, 10)).rows
    assert (row.message.id, row.last_event, row.message.subject) == (kept, "delivered", "")
    timeline = await reader(g).timeline(TENANT, kept)
    assert [(event.type, event.response) for event in timeline] == [("received", ""), ("delivered", "")]


async def test_where_no_key_can_be_made_the_row_says_nothing_and_mail_goes_on(g: Ground) -> None:
    (g.settings.key_dir / "hours").write_text("a file where the folder was")
    message = await logged(g)
    (row,) = (await reader(g).messages(TENANT, LogFilter(), None, 10)).rows
    assert (row.message.id, row.message.alias) == (message, "")
    assert "the-subject" not in await _stored(g.database)


async def test_what_is_sealed_for_one_row_does_not_open_in_another(g: Ground) -> None:
    one, other = await logged(g, subject="one"), await logged(g, subject="other")
    await g.world.execute(
        "update log_message set sealed = (select sealed from log_message where id = $1) where id = $2",
        one,
        other,
    )
    found = {message.id: message.subject for message in await g.world.logged()}
    assert found == {one: "one", other: ""}


async def test_a_nine_day_old_copy_of_the_database_says_nothing_with_todays_keys(
    database_url: str, tmp_path: Path, migrated_postgres: TestPostgres
) -> None:
    """Its files as they were: what a backup, a replica or a snapshot of the disk has."""
    async with ground(database_url, tmp_path) as g:
        await logged(g)
    copy = await migrated_postgres.copy_of(database_url)
    async with ground(database_url, tmp_path) as g, _restored(copy) as old:
        messages, events = await _read(old, g)
        assert (messages[0].subject, events[1].server_ip) == ("the-subject", WORDS[7]), "today it is readable"
        g.clock.step(timedelta(days=9).total_seconds())
        assert await g.keys.destroy_hours() >= 1
        messages, events = await _read(old, g)
        assert [(m.client_ip, m.client_name, m.subject, m.sender, m.alias, m.verdicts) for m in messages] == [
            ("", "", "", "", "", "")
        ]
        assert [(e.response, e.server_ip) for e in events] == [("", "")] * 2
        rows = await _stored(old)
        assert not [word for word in WORDS if word in rows or word.encode().hex() in rows]
    await migrated_postgres.drop_database(copy)


@asynccontextmanager
async def _restored(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, size=1)
    try:
        yield database
    finally:
        await database.close()


async def _read(database: Database, g: Ground) -> tuple[list[LoggedMessage], list[Event]]:
    """As a process of that day would, were it not for the 7 days: with the keys that are in the folder."""
    keys = opened.keys_in(g.settings.key_dir, g.clock)
    return await opened.messages(database, keys), await opened.events(database, keys)


async def _stored(database: Database) -> str:
    tables = ("log_message", "log_event", "undelivered")
    rows = [row for table in tables for row in await database.fetch(f"select t::text as text from {table} t")]
    return "\n".join(row["text"] for row in rows)
