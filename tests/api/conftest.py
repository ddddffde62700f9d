"""An API of one's own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api import Tenant, World, running_api


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await world.tenant()
