"""What the fixtures promise to every other test."""

import socket

import asyncpg
import pytest
import redis.asyncio

from tests.support import network
from tests.support.services import ROOT


async def test_each_test_gets_its_own_migrated_database(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    await connection.execute("create table only_here (id int)")
    await connection.close()
    assert tables > 0 or not list((ROOT / "alembic" / "versions").glob("*.py"))


async def test_a_table_of_the_test_before_is_gone(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("select to_regclass('only_here')") is None
    await connection.close()


async def test_redis_starts_empty(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("left", "behind")


def test_leaving_loopback_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(PermissionError, match="network is off"):
        outside.connect(("192.0.2.1", 25))
    with pytest.raises(PermissionError, match="network is off"):
        socket.getaddrinfo("example.com", 25)
    assert len(network.refused) == 2
    network.refused.clear()
