"""The log of refusals: behind the reply, capped, and never in the way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcore import replies
from mailcore.clock import Clock
from mailcore.event_log import LoggedMessage
from mailcore.refusals import RefusalLog, Refused
from tests.support.world import AccountRow, DomainRow, World, prepared_world

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Books:
    """A log under test, and one domain that refuses."""

    world: World
    log: RefusalLog
    account: AccountRow
    domain: DomainRow
    clock: Clock

    def refuse(self, *, at: datetime = NOON, alias: str = "nobody@shop.test", times: int = 1) -> None:
        for _ in range(times):
            self.log.note(self.message(at, alias), Refused(replies.UNKNOWN_ALIAS), "127.0.0.1", _named)

    def message(self, at: datetime, alias: str) -> LoggedMessage:
        return LoggedMessage(
            id=self.clock.new_id(),
            account_id=self.account.id,
            domain_id=self.domain.id,
            received_at=at,
            client_ip="192.0.2.1",
            client_name="",
            subject="",
            sender="someone@sender.test",
            alias=alias,
        )

    async def responses(self) -> list[str]:
        return sorted(response for _, _, response in await self.world.events(self.account))


async def _named() -> str:
    return "client.sender.test"


def books_of(world: World, account: AccountRow, domain: DomainRow, per_hour: int) -> Books:
    clock = Clock()
    log = RefusalLog(world.database, clock, world.keys, per_hour=per_hour)
    return Books(world, log, account, domain, clock)


@pytest.fixture
async def books(database_url: str, tmp_path: Path) -> AsyncIterator[Books]:
    async with prepared_world(database_url, key_dir=tmp_path) as world:
        account = await world.account("free")
        yield books_of(world, account, await world.domain(account, "shop.test"), 3)


UNKNOWN = replies.UNKNOWN_ALIAS.line()


def surplus(count: int) -> str:
    return f"550 5.0.0 {count} more refusals in this hour, counted together"


async def test_each_refusal_is_a_row_up_to_the_cap(books: Books) -> None:
    books.refuse(times=3)
    await books.log.drain()
    assert await books.responses() == [UNKNOWN] * 3


async def test_beyond_the_cap_one_row_counts_whatever_the_batches(books: Books) -> None:
    for times in (2, 2, 5, 1):
        books.refuse(times=times)
        await books.log.drain()
    assert await books.responses() == sorted([UNKNOWN] * 3 + [surplus(7)])
    assert await books.world.count("log_message") == 4


async def test_every_hour_begins_anew(books: Books) -> None:
    books.refuse(times=5)
    books.refuse(times=5, at=NOON + HOUR)
    await books.log.drain()
    assert await books.responses() == sorted([UNKNOWN] * 6 + [surplus(2)] * 2)


async def test_one_domain_does_not_use_up_anothers_rows(books: Books) -> None:
    other_account = await books.world.account("other")
    other = replace(
        books, account=other_account, domain=await books.world.domain(other_account, "other.test")
    )
    books.refuse(times=50)
    other.refuse(times=2)
    await books.log.drain()
    assert await other.responses() == [UNKNOWN] * 2


async def test_the_usage_counts_every_refusal(books: Books) -> None:
    books.refuse(times=7)
    await books.log.drain()
    assert await books.world.value("select refused from usage_day") == 7


async def test_the_usage_tells_which_refusals_a_larger_plan_would_have_spared(books: Books) -> None:
    books.refuse(times=3)
    for reply in (replies.OVER_QUOTA, replies.ALIAS_PAUSED, replies.too_large_for_plan("free", 10)):
        books.log.note(books.message(NOON, "a@shop.test"), Refused(reply), "127.0.0.1", _named)
    await books.log.drain()
    row = await books.world.database.row("select refused, refused_by_plan from usage_day")
    assert tuple(row) == (6, 3)


async def test_the_counting_row_names_nobody(books: Books) -> None:
    books.refuse(times=9)
    await books.log.drain()
    (event,) = await books.world.logged_events("count > 1")
    (row,) = await books.world.logged(f"id = '{event.message_id}'")
    assert event.response.endswith("counted together")
    assert (row.client_ip, row.client_name, row.sender, row.alias) == ("", "", "", "")


async def test_the_name_of_the_client_comes_in_when_it_is_known(books: Books) -> None:
    known = asyncio.Event()

    async def named_later() -> str:
        await known.wait()
        return "late.sender.test"

    books.log.note(
        books.message(NOON, "a@shop.test"), Refused(replies.UNKNOWN_ALIAS), "127.0.0.1", named_later
    )
    known.set()
    await books.log.drain()
    (message,) = await books.world.logged()
    assert message.client_name == "late.sender.test"


async def test_a_flood_is_bounded_and_the_surplus_dropped(books: Books) -> None:
    books.refuse(times=5000)
    await books.log.drain()
    assert await books.world.value("select refused from usage_day") == 1000


async def test_what_cannot_be_logged_harms_nobody(books: Books) -> None:
    async with asyncio.timeout(10):
        await books.world.execute("delete from domain where id = $1", books.domain.id)
        books.refuse(times=3)
        await books.log.drain()
    assert await books.responses() == []
