"""A day is counted once, when it is over, for the whole service together."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from mailcore import event_log, service_days
from mailcore.event_log import Answer, Attempt
from mailcore.plans import Lane, Plan
from mailcore.service_days import ServiceDay
from tests.support.api import World, running_api
from tests.support.logged import put_in_queue, write

DAY = timedelta(days=1)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """At noon, on the day of its first account."""
    async with running_api(database_url, tmp_path) as running:
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - 3 * DAY
        running.clock.step(noon - running.clock.now())
        await running.tenant("first")
        async with running.runtime.database.transaction() as tx:
            await tx.execute("update account set created_at = $1", noon)
        yield running


async def counted(world: World) -> list[ServiceDay]:
    await service_days.count_due(world.runtime.database, world.clock.now())
    return list(await service_days.latest(world.runtime.database, 90))


async def bounce(world: World, message: event_log.LoggedMessage) -> None:
    attempt = Attempt(message.id, message.account_id, message.received_at, uuid4(), 2)
    gone = Answer("550 5.1.1 gone", "5.1.1", "192.0.2.25", timedelta(0))
    async with world.runtime.database.transaction() as tx:
        await event_log.record_events(
            tx, world.runtime.log_keys, [event_log.hard_bounced(attempt, gone, message.received_at)]
        )


async def test_a_day_counts_messages_and_what_became_of_them(world: World) -> None:
    tenant, fast = await world.tenant(), await world.tenant("fast", plan=Plan.BUSINESS)
    today = world.clock.now().date()
    for account in (tenant, tenant, fast):
        await write(world, account)
    await bounce(world, await write(world, tenant, delivered=False))
    await put_in_queue(world, await write(world, tenant, delivered=False))
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into usage_day (account_id, day, refused) values ($1, $2, 4)", tenant.id, today
        )
    world.clock.step(DAY)
    (day,) = await counted(world)
    assert (day.day, day.received, day.refused) == (today, 5, 4)
    assert (day.delivered, day.hard_bounced, day.waiting) == (3, 1, 1)
    assert day.speeds[Lane.FAST].p50 == day.speeds[Lane.FAST].p99 == pytest.approx(2.0)
    standard = day.speeds[Lane.STANDARD]
    assert standard.p50 == pytest.approx(2.0)
    assert standard.p99 > 3600, "what still waits counts with the time it has waited"


async def test_a_day_under_way_is_not_told_nor_one_that_has_just_ended(world: World) -> None:
    await write(world, await world.tenant())
    assert await counted(world) == []
    world.clock.step(timedelta(hours=12, minutes=30))
    assert await counted(world) == []
    world.clock.step(timedelta(hours=1))
    assert [day.received for day in await counted(world)] == [1]


async def test_a_day_is_never_counted_again(world: World) -> None:
    tenant = await world.tenant()
    await write(world, tenant)
    world.clock.step(DAY)
    before = await counted(world)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from log_event where account_id = $1", tenant.id)
    assert await counted(world) == before


async def test_days_on_which_upkeep_did_not_run_are_counted_later(world: World) -> None:
    first = world.clock.now().date()
    world.clock.step(DAY)
    assert [day.day for day in await counted(world)] == [first]
    world.clock.step(3 * DAY)
    assert [day.day for day in await counted(world)] == [first + n * DAY for n in range(4)]


async def test_a_server_that_is_new_to_this_counts_what_its_log_still_has(world: World) -> None:
    today = world.clock.now().date()
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update account set created_at = created_at - interval '90 days'")
    assert [day.day for day in await counted(world)] == [today - n * DAY for n in range(7, 0, -1)]


async def test_before_there_was_anybody_no_day_is_told(world: World) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from account")
    world.clock.step(DAY)
    assert await counted(world) == []


async def test_days_are_told_for_a_year(world: World) -> None:
    world.clock.step(DAY)
    await counted(world)
    world.clock.step(timedelta(days=400))
    assert len(await counted(world)) == 7


async def test_mail_of_our_own_is_not_counted(world: World) -> None:
    """A notice has events, and no row of its own in the log of messages."""
    tenant = await world.tenant()
    message = await write(world, tenant)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from log_message where id = $1", message.id)
    world.clock.step(DAY)
    (day,) = await counted(world)
    assert (day.received, day.delivered, day.speeds) == (0, 0, {})
