"""A database, a spool and a loop that is run step by step, since pytest-benchmark times plain calls."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import _network_is_off, database_url, migrated_postgres, postgres
from tests.support.ground import Ground, ground

__all__ = ["_network_is_off", "database_url", "migrated_postgres", "postgres"]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def g(database_url: str, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Ground]:
    parts = ground(database_url, tmp_path)
    g = runner.run(parts.__aenter__())
    yield g
    runner.run(parts.__aexit__(None, None, None))
