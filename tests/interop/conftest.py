"""The house of the interop tests: that of the journeys, with the programs they need checked by the suite."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clearpost.embedded.valkey import EmbeddedValkey
from tests.interop.between import Between
from tests.interop.between import between as standing_between
from tests.journeys.conftest import opened as opened
from tests.support.services import TestPostgres


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing(
    migrated_postgres: TestPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Between]:
    """One service for all tests with Postfix, which run in the loop of the session."""
    url = await migrated_postgres.create_database()
    async with standing_between(url, valkey.url, tmp_path_factory.mktemp("between")) as house:
        yield house
    await migrated_postgres.drop_database(url)


@pytest_asyncio.fixture(loop_scope="session")
async def between(standing: Between) -> AsyncIterator[Between]:
    yield standing
    await standing.forget()
