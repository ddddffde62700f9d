"""A COMMIT that Postgres lost in a crash, and whose transaction id it then gives to somebody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.ports import free_port
from mailcore.clock import Clock
from mailcore.database import Database, Trace

MINE, ANOTHER = Clock().new_id(), Clock().new_id()
INSERT = "insert into thing (id) values ($1)"
IS_THERE = "select exists (select from thing where id = $1)"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", free_port())
    server.start()
    yield server
    server.stop()
    remove(server.home)


def kill_and_start(server: EmbeddedPostgres) -> None:
    """kill -9 of all its processes: what was not written to its log is gone."""
    assert server.process
    postmaster = psutil.Process(server.process.pid)
    for process in (postmaster, *postmaster.children()):
        process.kill()
    server.process.wait()
    server.stop()
    server.start()


async def lost_transaction(server: EmbeddedPostgres) -> str:
    """The id of one that was open when the server died, shortly after another was committed."""
    connection = await asyncpg.connect(server.url)
    await connection.execute("create table thing (id uuid)")  # committed, so all before is in the log
    await connection.execute("begin")
    xid = await connection.fetchval("select pg_current_xact_id()::text")
    await connection.execute(INSERT, MINE)
    kill_and_start(server)
    connection.terminate()
    return str(xid)


async def test_an_id_that_is_given_twice_does_not_make_a_lost_commit_done(server: EmbeddedPostgres) -> None:
    xid = await lost_transaction(server)
    database = await Database.open(server.url, size=2)
    async with database.transaction(certain=True) as tx:
        assert tx.trace
        assert tx.trace.xid == xid, "this server gives the id again; else there is nothing to test here"
        await tx.execute(INSERT, ANOTHER)
    assert await database.value("select pg_xact_status($1::text::xid8)", xid) == "committed"
    assert await database.outcome_of(Trace(xid, IS_THERE, (MINE,))) is False
    assert await database.outcome_of(Trace(xid, IS_THERE, (ANOTHER,))) is True
    await database.close()
