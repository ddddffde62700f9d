"""The database's disk is set back by a snapshot, under running processes: no accepted mail is lost."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from clearpost import spool_commands
from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.ports import free_port
from mailcore import spool_owner
from mailcore.database import CONNECTION_LOST
from tests.support import invariants
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.services import migrate
from tests.support.stack import Stack, service, until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path / "postgres", free_port(), fsync=False)
    postgres.start()
    await asyncio.to_thread(migrate, postgres.url)
    yield postgres
    postgres.stop()
    remove(postgres.home)


async def data_of(server: EmbeddedPostgres) -> str:
    connection = await asyncpg.connect(server.admin_url)
    try:
        return str(await connection.fetchval("show data_directory"))
    finally:
        await connection.close()


def run(*command: str) -> None:
    subprocess.run(command, check=True)


async def restarted(server: EmbeddedPostgres, stack: Stack) -> None:
    """Starts it; returns when connections that were cut have been replaced."""
    server.start()

    async def answers() -> bool:
        try:
            return [await stack.world.value("select 1") for _ in range(3)] == [1, 1, 1]
        except CONNECTION_LOST:
            return False

    await until(answers)


async def trusts(stack: Stack) -> bool:
    """What a sweep asks first."""
    spool = stack.spool()
    try:
        return await spool_owner.confirm(stack.world.database, stack.settings.spool_dir, spool.node_id)
    finally:
        spool.close()


async def test_a_snapshot_of_the_disk_loses_no_mail(
    server: EmbeddedPostgres, redis_url: str, tmp_path: Path
) -> None:
    """Server, timeline and database are the same: only the count of sweeps tells."""
    data = await data_of(server)
    hour = {"standard_ladder": (timedelta(hours=1),)}
    async with (
        Destination({"RCPT": "451 4.7.1 later"}) as inbox,
        service(server.url, redis_url, tmp_path, {"inbox.test": inbox}, **hour) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        early = await stack.accepted("hello@shop.test", letter(text="early"))
        await stack.has_event(early, "received", "soft-bounced")
        assert await trusts(stack)
        await stack.stop_all()
        server.stop()
        run("cp", "-a", data, f"{data}.snapshot")
        await restarted(server, stack)

        assert await trusts(stack)
        await stack.start("mx")
        late = await stack.accepted("hello@shop.test", letter(text="late"))
        await stack.has_event(late, "received", "soft-bounced")
        server.stop()
        run("rm", "-r", data)
        run("mv", f"{data}.snapshot", data)
        await restarted(server, stack)

        assert not await trusts(stack)
        assert await stack.waits() == 1
        await stack.stop_all()
        recovered = await asyncio.to_thread(
            spool_commands.recover, stack.settings, again=False, as_json=False
        )
        assert recovered == 0
        assert await trusts(stack)
        inbox.script.clear()
        await stack.world.execute("update delivery set next_attempt_at = now()")
        await stack.start("worker")
        messages = await inbox.wait_for(2)
        await stack.idle()
        for word in (b"early", b"late"):
            assert sum(word in message.content for message in messages) == 1
        await invariants.check(stack)
