"""The processes that deliver: however one ends, what it holds is settled or given back first."""

import asyncio
from pathlib import Path

import pytest

from tests.support.destination import Act, Destination
from tests.support.stack import service


@pytest.mark.parametrize("name", ["worker", "mx"])
async def test_a_process_that_is_broken_off_gives_back_what_it_holds(
    name: str, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Leases of a process that is gone come back after half a minute; nobody needs to wait for that."""
    never = asyncio.Event()
    first_attempts = 200 if name == "mx" else 0
    async with (
        Destination({"RCPT": [Act("250 OK", until=never)]}) as inbox,
        service(
            database_url, redis_url, tmp_path, {"inbox.test": inbox}, first_attempts=first_attempts
        ) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        receiver = await stack.start("mx")
        delivering = receiver if name == "mx" else await stack.start("worker")
        await stack.accepted("hello@shop.test")
        await inbox.reach("RCPT")
        stack.running.remove(delivering)
        delivering._task.cancel()
        await asyncio.wait({delivering._task})
        leased = await stack.world.value("select count(*) from delivery where lease_owner is not null")
        assert (await stack.waits(), leased) == (1, 0)
