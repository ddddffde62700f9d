"""Events kept once, however many come at once, and at whichever process; their customers become due."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from billing import event_store, state, webhooks
from billing.event_store import EventStore
from billing.webhooks import Event
from mailcore.database import Database, Transaction
from tests.support.signed_events import event
from tests.support.world import World, prepared_world


class Counting(Database):
    """Counts its transactions."""

    count = 0

    @asynccontextmanager
    async def transaction(self, **how: Any) -> AsyncIterator[Transaction]:
        self.count += 1
        async with super().transaction(**how) as tx:
            yield tx


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


def read(number: int = 1, kind: str = "customer.subscription.updated", **about: Any) -> Event:
    found = webhooks.read(json.dumps(event(f"evt_{number}", kind, **about)).encode())
    assert found is not None
    return found


async def customers(world: World, count: int) -> list[str]:
    """Of accounts that are fetched in an hour, without news."""
    for number in range(count):
        account = await world.account(f"payer{number}")
        await world.execute(
            "insert into subscription (account_id, customer_id, fetch_at) "
            "values ($1, $2, now() + interval '1 hour')",
            account.id,
            f"cus_{number}",
        )
    return [f"cus_{number}" for number in range(count)]


async def due(world: World) -> int:
    query = "select count(*) from subscription where dirty_at is not null and fetch_at <= now()"
    return int(await world.value(query))


async def test_an_event_is_kept_once_though_it_comes_50_times_at_once(world: World) -> None:
    await customers(world, 2)
    stores = [EventStore(world.database), EventStore(world.database)]
    about = read(customer="cus_1")
    kept = await asyncio.gather(*(stores[n % 2].keep(about) for n in range(50)))
    assert sorted(kept) == [False] * 49 + [True]
    assert (await world.value("select count(*) from stripe_event"), await due(world)) == (1, 1)
    assert await stores[0].keep(about) is False


async def test_events_that_come_while_some_are_written_share_one_commit(database_url: str) -> None:
    async with prepared_world(database_url) as world:
        names = await customers(world, 20)
        database = await Counting.open(database_url, size=2)
        store = EventStore(database)
        events = [read(n, customer=names[n % 20]) for n in range(150)]
        assert all(await asyncio.gather(*(store.keep(each) for each in events)))
        assert (await world.value("select count(*) from stripe_event"), await due(world)) == (150, 20)
        assert database.count <= 2
        await database.close()


async def test_processes_that_get_the_same_events_in_other_orders_never_block_each_other(
    world: World,
) -> None:
    names = await customers(world, 10)
    events = [read(n, customer=names[n % 10]) for n in range(200)]
    stores = [EventStore(world.database) for _ in range(4)]
    order = random.Random(4)
    waiting = [store.keep(each) for store in stores for each in order.sample(events, len(events))]
    kept = await asyncio.gather(*waiting)
    assert sum(kept) == 200
    assert (await world.value("select count(*) from stripe_event"), await due(world)) == (200, 10)


async def test_the_newest_refund_counts_and_makes_its_customer_due(world: World) -> None:
    await customers(world, 1)
    store = EventStore(world.database)
    refunds = [read(n, "charge.refunded", customer="cus_0") for n in range(2)]
    await asyncio.gather(*map(store.keep, [*refunds, read(9, customer="cus_0")]))
    assert await world.value("select refunded_at from subscription") == refunds[0].created_at
    assert await due(world) == 1


async def test_a_dispute_is_due_and_an_unknown_customer_is_nobodys(world: World) -> None:
    await customers(world, 1)
    store = EventStore(world.database)
    dispute = read(1, "charge.dispute.created", object="dispute", id="dp_1", customer=None)
    await asyncio.gather(store.keep(dispute), store.keep(read(2, customer="cus_nobody")))
    (claimed,) = await state.claim_disputes(world.database, 9)
    assert (claimed.dispute_id, await due(world)) == ("dp_1", 0)


async def test_whoever_is_due_with_news_is_not_written_again(world: World) -> None:
    """A storm about one customer writes one row, not one for each event."""
    await customers(world, 1)
    store = EventStore(world.database)
    await store.keep(read(1, customer="cus_0"))
    first = await world.value("select xmin::text from subscription")
    await store.keep(read(2, customer="cus_0"))
    assert await world.value("select xmin::text from subscription") == first
    (taken,) = await state.claim(world.database, 9)
    await store.keep(read(3, customer="cus_0"))
    dirty_at = await world.value("select dirty_at from subscription")
    assert dirty_at > taken.began  # so what is fetched now is fetched once more
    assert await due(world) == 1


async def test_what_is_not_committed_is_not_said_to_be_kept(world: World) -> None:
    store = EventStore(world.database)
    await world.execute("alter table stripe_event rename to elsewhere")
    with pytest.raises(asyncpg.UndefinedTableError):
        await store.keep(read())
    await world.execute("alter table elsewhere rename to stripe_event")
    assert await store.keep(read()) is True


async def test_events_leave_after_30_days(world: World) -> None:
    await EventStore(world.database).keep(read())
    now: Any = await world.value("select now()")
    await event_store.expire(world.database, now + timedelta(days=29))
    assert await world.value("select count(*) from stripe_event") == 1
    await event_store.expire(world.database, now + timedelta(days=31))
    assert await world.value("select count(*) from stripe_event") == 0
