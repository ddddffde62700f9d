"""Fixtures for all tests: a database and a Redis of one's own, and a network that ends at loopback."""

import gc
import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest
import pytest_asyncio
import redis

from clearpost.embedded.valkey import EmbeddedValkey
from tests.support import network, open_files
from tests.support.services import (
    TestPostgres,
    create_template,
    start_postgres,
    start_valkey,
    stop_postgres,
)

network.forbid_outside()
# Seconds are no matter of these tests: a busy machine takes longer.
hypothesis.settings.register_profile("patient", deadline=None)
# What lands is judged by the change alone, not by luck: elsewhere each run tries examples of its own.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same" if os.environ.get("CI") else "patient")
open_files.allow_many()


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no search for garbage need look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _network_is_off() -> Iterator[None]:
    """Fails a test that tried to leave loopback, even where the code under test swallowed the refusal."""
    network.refused.clear()
    yield
    assert not network.refused, f"left loopback: {network.refused}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPostgres]:
    """The session's server. fsync is off unless CLEARPOST_TEST_FSYNC=1: only faults need a real disk."""
    fsync = os.environ.get("CLEARPOST_TEST_FSYNC") == "1"
    server = start_postgres(tmp_path_factory.mktemp("services"), fsync)
    yield server
    stop_postgres(server)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_postgres(postgres: TestPostgres) -> TestPostgres:
    await create_template(postgres)
    return postgres


@pytest.fixture
async def database_url(migrated_postgres: TestPostgres) -> AsyncIterator[str]:
    """An empty, migrated database, dropped after the test: postgresql://user:password@127.0.0.1:port/name."""
    url = await migrated_postgres.create_database()
    yield url
    await migrated_postgres.drop_database(url)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = start_valkey(tmp_path_factory.mktemp("services"))
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> Iterator[str]:
    """An empty Redis. Tests run one after another, so one database, flushed before and after, is enough."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
        yield valkey.url
        client.flushall()
