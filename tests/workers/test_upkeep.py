"""What happens by itself: told once, ended one by one, forgotten on its day, whatever else fails."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from clearpost.standins.dns import DnsStandin
from mailcore.delivery import Courier
from mailcore.log_key_files import hour_of
from mailcore.plans import Lane
from mailcore.rates import Rates
from mailcore.retries import Settlement
from mailcore.runtime import Runtime, open_runtime, segment_writer
from mailcore.spool_record import Location
from tests.support.doubt import Unsure
from tests.support.mx import mx_settings
from tests.support.world import World, prepared_world
from workers.held_mail import HeldMail
from workers.upkeep import duties, once, serve

# The COMMIT of what ends a delivery waits for whoever has the lock.
_SLOW_END = """
create function wait_for_lock() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(1); return null; end $$;
create constraint trigger slow after delete on delivery deferrable initially deferred
    for each row execute function wait_for_lock();
"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


@pytest.fixture
async def runtime(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    async with upkeep(database_url, redis_url, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def upkeep(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Runtime]:
    settings = mx_settings(database_url, redis_url, folder)
    async with open_runtime(settings, role="upkeep", lane=Lane.STANDARD) as runtime:
        await run(runtime, "log days")
        yield runtime


async def run(runtime: Runtime, name: str) -> None:
    """One duty, once, as upkeep runs it: what it fails with is logged, the others go on."""
    writer = segment_writer(runtime.spool, runtime.clock, runtime.settings, long_wait=True)
    (duty,) = [duty for duty in duties(runtime, writer, Rates(None, runtime.keyring)) if duty.name == name]
    await once(duty)


async def failed(world: World, account_id: UUID, *, days_ago: int = 1) -> None:
    await world.execute(
        "insert into undelivered (account_id, day, alias_hash, status, count) "
        "values ($1, $2, '', '5.1.1', 1)",
        account_id,
        (world.clock.now() - timedelta(days=days_ago)).date(),
    )


# --- held mail ---


async def held_for_a_month(world: World, *, messages: int) -> list[UUID]:
    """Mail of a machine that is gone, oldest first."""
    account = await world.account()
    alias = await world.alias(await world.domain(account, "shop.test"), "hello", "you@inbox.test")
    deliveries = []
    for days in range(messages):
        message, delivery, node = uuid4(), uuid4(), uuid4()
        accepted = world.clock.now() - timedelta(days=30 - days)
        await world.execute("insert into node (id) values ($1)", node)
        await world.execute(
            "insert into message (id, account_id, alias_id, recipient, lane, node_id, segment, "
            "record_offset, record_length, shared, sender_authenticated, smtputf8, origin, accepted_at) "
            "values ($1, $2, $3, 0, 'standard', $4, $5, 0, 100, false, true, false, 'smtp', $6)",
            *(message, account.id, alias.id, node, uuid4(), accepted),
        )
        await world.execute(
            "insert into delivery (id, message_id, account_id, node_id, lane, origin, accepted_at) "
            "values ($1, $2, $3, $4, 'standard', 'smtp', $5)",
            *(delivery, message, account.id, node, accepted),
        )
        deliveries.append(delivery)
    return deliveries


class StubbornCourier:
    """Fails to end one delivery, and ends the others as ever."""

    def __init__(self, courier: Courier, stubborn: UUID) -> None:
        self._courier = courier
        self._stubborn = stubborn

    async def end(self, settlement: Settlement) -> None:
        if settlement.claimed.id == self._stubborn:
            raise OSError(errno.EIO, "the disk")
        await self._courier.end(settlement)


async def test_held_mail_that_cannot_be_ended_goes_back_and_keeps_no_other(
    world: World, runtime: Runtime
) -> None:
    first, _ = await held_for_a_month(world, messages=2)
    stubborn: Any = StubbornCourier(runtime.courier, first)
    await HeldMail(replace(runtime, courier=stubborn)).end()
    rows = await world.database.fetch("select id, lease_owner, attempt from delivery")
    assert [tuple(row) for row in rows] == [(first, None, 0)]
    await HeldMail(runtime).end()
    assert await world.count("delivery") == 0


async def test_held_mail_of_a_claim_of_unknown_outcome_is_ended(
    world: World, runtime: Runtime, database_url: str
) -> None:
    """Or it would be leased for as long as this process lives, and nobody would end it."""
    await held_for_a_month(world, messages=1)
    unsure = await Unsure.open(database_url, size=2)
    await HeldMail(replace(runtime, database=unsure)).end()
    await unsure.close()
    assert unsure.told
    assert await world.count("delivery") == 0


class UnreadableContents:
    async def read(self, _: Location) -> memoryview:
        raise OSError(errno.EIO, "the disk")


async def test_held_mail_on_a_disk_that_cannot_be_read_is_ended_and_its_owner_told(
    world: World, runtime: Runtime
) -> None:
    await held_for_a_month(world, messages=1)
    contents: Any = UnreadableContents()
    courier = replace(runtime.courier, contents=contents)
    await HeldMail(replace(runtime, courier=courier)).end()
    assert await world.count("delivery") == 0
    assert await world.count("undelivered") == 1
    assert await world.count("message") == 0, "nobody knows whether the sender may be told"


async def test_upkeep_that_is_broken_off_writes_down_what_it_decided_and_gives_back_the_rest(
    world: World, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await held_for_a_month(world, messages=2)
    await world.execute(_SLOW_END)
    ready = asyncio.Event()
    async with DnsStandin() as dns, world.database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(1)")
        settings = mx_settings(database_url, redis_url, tmp_path, dns_servers=(dns.address,))
        serving = asyncio.create_task(
            serve(settings, Lane.STANDARD, stop=asyncio.Event(), on_ready=ready.set)
        )
        await ready.wait()
        await world.writers_waiting()
        serving.cancel()
        await asyncio.wait({serving}, timeout=0.5)
        assert not serving.done()
    await asyncio.wait({serving})
    assert serving.cancelled()
    rows = await world.database.fetch("select lease_owner from delivery")
    assert [tuple(row) for row in rows] == [(None,)], "one is ended, the other free"
    assert await world.count("log_event where type = 'hard-bounced'") == 1


# --- what leaves by itself ---


async def test_failures_that_nobody_could_be_told_of_leave_after_two_weeks(
    world: World, runtime: Runtime
) -> None:
    account = await world.account()
    await failed(world, account.id, days_ago=15)
    await failed(world, account.id, days_ago=13)
    await run(runtime, "failure counts")
    assert await world.count("undelivered") == 1


async def test_one_table_that_cannot_be_cleared_keeps_no_other(world: World, runtime: Runtime) -> None:
    await failed(world, (await world.account()).id, days_ago=15)
    await world.execute("alter table refused_hour rename to away")
    await run(runtime, "refusal counts")
    await run(runtime, "failure counts")
    assert await world.count("undelivered") == 0


# --- what everybody may hold us to ---


async def test_upkeep_attests_once_an_hour_however_often_it_asks(runtime: Runtime, world: World) -> None:
    for _ in range(3):
        await run(runtime, "statements")
    (row,) = await world.database.fetch("select number, signed from statement")
    assert row["number"] == 1
    assert json.loads(row["signed"])["service"] == runtime.settings.web_url


async def test_upkeep_counts_days_that_are_over(runtime: Runtime, world: World) -> None:
    await world.account()
    await world.execute("update account set created_at = now() - interval '3 days'")
    await run(runtime, "days")
    assert len(await world.database.fetch("select day from service_day")) >= 2


# --- keys of the log ---


async def test_keys_of_hours_that_are_past_are_destroyed_and_counted(runtime: Runtime, world: World) -> None:
    now = runtime.clock.now()
    past = now - runtime.settings.log_retention - timedelta(hours=1, seconds=1)
    for moment in (past, now):
        runtime.log_keys.files.hour(hour_of(moment), make=True)
    for _ in range(2):
        await run(runtime, "keys of the log")
    assert runtime.log_keys.files.hours() == [hour_of(now)]
    assert await world.value("select count from service_count where name = 'hour keys destroyed'") == 1


async def test_an_account_has_its_key_before_its_first_mail(runtime: Runtime, world: World) -> None:
    accounts = [await world.account(), await world.account("other")]
    await run(runtime, "keys of accounts")
    assert sorted(runtime.log_keys.files.accounts()) == sorted(account.id for account in accounts)
