"""Letters go out oldest first, each once; one that can't be written holds back no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from customers import letters
from mailcore import event_log
from mailcore.clock import Clock
from mailcore.plans import Lane
from mailcore.runtime import Runtime, open_runtime
from mailcore.spool_record import Location
from tests.support.mx import mx_settings
from tests.support.own_mail import written_to
from tests.support.world import World, prepared_world
from workers.letters import send_letters

# The COMMIT of mail waits for whoever has the lock.
_SLOW_COMMIT = """
create function wait_for_lock() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(1); return null; end $$;
create constraint trigger slow after insert on message deferrable initially deferred
    for each row execute function wait_for_lock();
"""


@asynccontextmanager
async def upkeep(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Runtime]:
    settings = mx_settings(database_url, redis_url, folder)
    async with open_runtime(settings, role="upkeep", lane=Lane.STANDARD) as runtime:
        await event_log.ensure_partitions(runtime.database, runtime.clock.now(), timedelta(days=7))
        yield runtime


@pytest.fixture
async def runtime(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    async with upkeep(database_url, redis_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with prepared_world(database_url) as prepared:
        yield prepared


async def ask_for(runtime: Runtime, to: str, **about: str) -> None:
    async with runtime.database.transaction() as tx:
        await letters.post(tx, Clock(), "invitation", to, account_id=None, **about)


async def invite(runtime: Runtime, to: str) -> None:
    await ask_for(
        runtime, to, id=str(Clock().new_id()), account="Shop", role="member", invited_by="ann@shop.test"
    )


async def addressed(runtime: Runtime) -> list[str]:
    return [address for _, address in await written_to(runtime.database, runtime.spool)]


async def test_a_letter_that_cannot_be_written_holds_back_no_other(runtime: Runtime) -> None:
    await ask_for(runtime, "first@inbox.test")  # nothing of what its text needs
    await invite(runtime, "second@inbox.test")
    await send_letters(runtime)
    assert await addressed(runtime) == ["second@inbox.test"]
    left = await runtime.database.fetch("select to_address, due_at > now() as later from letter")
    assert [tuple(row) for row in left] == [("first@inbox.test", True)], "it is kept, and tried again"


async def test_two_upkeep_processes_send_a_letter_once(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(upkeep(database_url, redis_url, tmp_path / name))
            for name in ("one", "two")
        ]
        for number in range(5):
            await invite(both[0], f"{number}@inbox.test")
        await asyncio.gather(*(send_letters(each) for each in both))
        sent = [address for each in both for address in await addressed(each)]
        assert sorted(sent) == [f"{number}@inbox.test" for number in range(5)]


async def test_a_letter_whose_commit_is_on_its_way_keeps_its_bytes_when_upkeep_stops(
    world: World, runtime: Runtime
) -> None:
    await invite(runtime, "ann@inbox.test")
    await world.execute(_SLOW_COMMIT)
    async with world.database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(1)")
        sending = asyncio.create_task(send_letters(runtime))
        await world.writers_waiting()
        sending.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await sending
    row = await world.database.row("select segment, record_offset, record_length from message")
    assert b"ann@shop.test" in bytes(runtime.spool.read(Location(*row)).content)
