"""The shared reader: ids become visible out of order, and still nothing is missing, nothing comes twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from customers import news
from customers.callers import Caller
from customers.event_feed import EventFeed, Listener
from customers.news import ChangeNews, Position
from mailcore import changes
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.settings import Settings
from tests.support.opened import keys_in

ACCOUNT, KEY = uuid4(), uuid4()
KINDS = frozenset({"plan"})
CALLER = Caller(ACCOUNT, "key", KEY, "test")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, size=12)
    async with opened.transaction() as tx:
        await tx.execute(
            "insert into account (id, name, plan, verification_token) values ($1, 'one', 'free', 'x')",
            ACCOUNT,
        )
        await tx.execute(
            "insert into api_key (id, account_id, name, prefix, secret_hash) values ($1, $2, '', '', '')",
            KEY,
            ACCOUNT,
        )
    yield opened
    await opened.close()


NO_KEYS = keys_in(Path("no keys here"))


class WatchedFeed(EventFeed):
    """Says when it has looked, and fails to once for each of `failures`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        keys = keys_in(settings.key_dir)
        super().__init__(database, Clock(), settings, keys, poll=0.05, standing_interval=0.05)
        self.failures: list[Exception] = []
        self._looked = asyncio.Event()

    async def _read(self) -> bool:
        if self.failures:
            raise self.failures.pop()
        try:
            return await super()._read()
        finally:
            self._looked.set()

    async def looks(self) -> None:
        """Once more from its beginning to its end: a look that is under way may be an old one."""
        async with asyncio.timeout(20):
            for _ in range(2):
                self._looked.clear()
                await self._looked.wait()


@pytest.fixture
async def feed(database: Database, database_url: str) -> AsyncIterator[WatchedFeed]:
    opened = WatchedFeed(database, Settings(database_url=SecretStr(database_url)))
    yield opened
    await opened.close()


async def heard(listener: Listener, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            each = await listener.queue.get()
            assert isinstance(each, ChangeNews)
            found.append(each.data["n"])
    return found


async def write(database: Database, number: int) -> None:
    async with database.transaction() as tx:
        await changes.note(tx, ACCOUNT, "plan", n=number)


async def test_a_row_of_a_long_transaction_is_not_skipped_by_a_later_one(
    database: Database, feed: WatchedFeed
) -> None:
    async with feed.listening(CALLER, KINDS) as listener:
        async with database.transaction() as slow:
            await changes.note(slow, ACCOUNT, "plan", n=1)
            await write(database, 2)  # the later id is visible first
            await feed.looks()
            assert listener.queue.empty()
        assert await heard(listener, 2) == [1, 2]


async def test_a_transaction_that_rolls_back_holds_nothing_up(database: Database, feed: WatchedFeed) -> None:
    async with feed.listening(CALLER, KINDS) as listener:
        with suppress(RuntimeError):
            async with database.transaction() as slow:
                await changes.note(slow, ACCOUNT, "plan", n=1)
                await write(database, 2)
                raise RuntimeError
        assert await heard(listener, 1) == [2]


@pytest.mark.timeout(90)
async def test_pages_that_come_and_go_under_writers_miss_nothing_and_see_nothing_twice(
    database: Database, feed: WatchedFeed
) -> None:
    total, chance = 300, random.Random(7)
    numbers = iter(range(total))

    async def writer() -> None:
        for number in numbers:
            async with database.transaction() as tx:
                await changes.note(tx, ACCOUNT, "plan", n=number)
                await asyncio.sleep(chance.choice((0, 0, 0.01, 0.2)))  # ids become visible out of order

    async with feed.listening(CALLER, KINDS) as first:
        writers = [asyncio.create_task(writer()) for _ in range(4)]
        coming = asyncio.create_task(_coming_and_going(feed, first.joined, total))
        steady = await heard(first, total)
        broken = await coming
        await asyncio.gather(*writers)
    assert sorted(steady) == list(range(total))
    assert broken == steady  # in the same order, whoever was there when


async def _coming_and_going(feed: WatchedFeed, cursor: Position, total: int) -> list[int]:
    """A page whose connection breaks again and again, each time resumed from its last event."""
    found: list[int] = []
    while len(found) < total:
        async with feed.listening(CALLER, KINDS) as listener:
            missed = await feed.missed(listener, cursor)
            assert missed is not None
            for each in missed:
                assert isinstance(each, ChangeNews)
                found.append(each.data["n"])
                cursor = each.position
            for _ in range(3):
                if len(found) == total:
                    break
                async with asyncio.timeout(20):
                    new = await listener.queue.get()
                assert isinstance(new, ChangeNews)
                if new.position > cursor:
                    found.append(new.data["n"])
                    cursor = new.position
    return found


async def test_more_than_one_read_holds_comes_in_order(database: Database, feed: WatchedFeed) -> None:
    async with feed.listening(CALLER, KINDS) as listener:
        async with database.transaction() as tx:
            for number in range(1201):
                await changes.note(tx, ACCOUNT, "plan", n=number)
        assert await heard(listener, 1201) == list(range(1201))


async def test_both_tables_are_read_to_one_position(database: Database) -> None:
    """Where one gave all it could, the other waits for it: else what comes in between would be skipped."""
    async with database.transaction() as tx:
        for number in range(5):
            await changes.note(tx, ACCOUNT, "plan", n=number)
    async with database.transaction() as tx:
        below, since = await news.horizon(tx), Clock().now()
        part = await news.read(tx, NO_KEYS, [ACCOUNT], Position(0), below, since, 2)
        assert part.has_more
        assert part.until == part.news[-1].position
        rest = await news.read(tx, NO_KEYS, [ACCOUNT], part.until, below, since, 100)
        assert (len(part.news), len(rest.news), rest.until) == (2, 3, Position(below))


async def test_who_reads_too_slowly_is_ended_and_comes_again(database: Database, feed: WatchedFeed) -> None:
    async with feed.listening(CALLER, KINDS) as listener:
        async with database.transaction() as tx:
            for number in range(2100):
                await changes.note(tx, ACCOUNT, "plan", n=number)
        async with asyncio.timeout(20):
            while not listener.has_ended:  # noqa: ASYNC110  what it waits for is not to be taken
                await asyncio.sleep(0.05)
        async with feed.listening(CALLER, KINDS) as again:
            missed = await feed.missed(again, listener.seen)
            assert missed is not None
            assert listener.queue.qsize() - 1 + len(missed) == 2100
            assert await feed.missed(again, Position(0)) is not None


async def test_far_too_much_to_resume_is_a_new_beginning(database: Database, feed: WatchedFeed) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "insert into change (account_id, kind, data) "
            "select $1, 'plan', '{}' from generate_series(1, 5600)",
            ACCOUNT,
        )
    async with feed.listening(CALLER, KINDS) as listener:
        assert await feed.missed(listener, Position(0)) is None


async def test_a_cursor_of_another_database_is_not_known(feed: WatchedFeed) -> None:
    assert not await feed.is_known(Position(2**50), Clock().now())


async def test_changes_go_after_a_day(database: Database) -> None:
    await write(database, 1)
    async with database.transaction() as tx:
        await tx.execute("update change set at = now() - interval '25 hours'")
    await write(database, 2)
    await news.forget_changes(database)
    assert await database.value("select array_agg((data->>'n')::int) from change") == [2]


async def test_while_nobody_listens_nothing_is_asked(database: Database, feed: WatchedFeed) -> None:
    async with feed.listening(CALLER, KINDS) as listener:
        await write(database, 1)
        await heard(listener, 1)
    before = feed.position
    await write(database, 2)
    await feed.looks()
    assert feed.position == before
    async with feed.listening(CALLER, KINDS) as listener:
        await write(database, 3)
        assert await heard(listener, 1) == [3]


async def test_an_error_that_nobody_thought_of_silences_no_stream(
    database: Database, feed: WatchedFeed
) -> None:
    feed.failures = [ValueError("first"), ValueError("second")]
    async with feed.listening(CALLER, KINDS) as listener:
        await write(database, 1)
        assert await heard(listener, 1) == [1]
    assert not feed.failures


class _Unanswerable(Database):
    """Fails to answer what is asked outside of transactions, once."""

    has_failed = False

    async def fetch(self, query: str, *arguments: object) -> Sequence[Any]:
        if not self.has_failed:
            self.has_failed = True
            raise ValueError("an error that nobody thought of")
        return await super().fetch(query, *arguments)


async def test_an_error_that_nobody_thought_of_keeps_nobody_connected_who_may_not_be(
    database: Database, database_url: str
) -> None:
    unanswerable = await _Unanswerable.open(database_url, size=4)
    feed = WatchedFeed(unanswerable, Settings(database_url=SecretStr(database_url)))
    async with feed.listening(CALLER, KINDS) as listener:
        async with database.transaction() as tx:
            await tx.execute("update api_key set revoked_at = now()")
        async with asyncio.timeout(20):
            assert await listener.queue.get() is None
    assert unanswerable.has_failed
    await feed.close()
    await unanswerable.close()


async def test_a_stream_that_was_opening_when_the_feed_ended_ends_too(feed: WatchedFeed) -> None:
    async def until_told() -> None:
        async with feed.listening(CALLER, KINDS) as listener:
            assert await listener.queue.get() is None

    opening = asyncio.create_task(until_told())
    await asyncio.sleep(0)  # now it asks the database where to begin
    feed.end()
    async with asyncio.timeout(10):
        await opening
