"""An update of a database that is in use: nothing is lost but what must go, and mail that waits is delivered."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.migrations import Refused, upgrade
from clearpost.ports import free_port

# The last one before the log and the spool were sealed.
BEFORE = "0006"
ACCOUNT, DOMAIN, ALIAS, INBOX = (UUID(int=n) for n in range(1, 5))
MESSAGE, DELIVERY, SEGMENT = (UUID(int=n) for n in range(5, 8))
TOKEN = "abcdefghijklmnopqrstuvwx"
CONTENT = b"Subject: lunch\r\n\r\nSee you at noon.\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of its own, so that all its files are of this test."""
    server = EmbeddedPostgres(tmp_path / "postgres", free_port(), fsync=False)
    server.start()
    yield server
    server.stop()
    remove(server.home)


@pytest.fixture
async def old(server: EmbeddedPostgres) -> AsyncIterator[Any]:
    """A connection to a database of the release before."""
    await upgrade(server.url, BEFORE)
    connection = await asyncpg.connect(server.url)
    yield connection
    await connection.close()


async def test_a_migration_of_living_processes_is_refused_and_changes_nothing(
    server: EmbeddedPostgres, old: Any
) -> None:
    await alive(old, "59 seconds")
    with pytest.raises(Refused, match=r"^1 process of Clearpost was alive within the last minute: stop"):
        await upgrade(server.url)
    assert await old.fetchval("select version_num from alembic_version") == BEFORE
    await old.execute("update process set beat_at = now() - interval '61 seconds'")
    await upgrade(server.url)
    assert await old.fetchval("select version_num from alembic_version") > BEFORE


async def test_the_command_says_in_one_line_to_stop_all_processes(server: EmbeddedPostgres, old: Any) -> None:
    await alive(old, "0 seconds")
    settings = {"CLEARPOST_DATABASE_URL": server.url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clearpost", "migrate"),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert (process.returncode, said) == (1, b"")
    (line,) = complained.decode().splitlines()
    assert line.startswith("clearpost: 1 process of Clearpost was alive within the last minute: stop all")


async def alive(old: Any, ago: str) -> None:
    await old.execute("insert into node (id) values ($1)", UUID(int=9))
    await old.execute(
        f"insert into process (id, node_id, role, lane, beat_at) values ($1, $1, 'mx', 'standard', "
        f"now() - interval '{ago}')",
        UUID(int=9),
    )
