"""What the doctor says of the log's keys: lost ones, and those that should be gone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from clearpost.checks import log_keys
from tests.support.api import World, running_api
from tests.support.logged import write


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


async def seen(world: World) -> list[tuple[str, str]]:
    found = await log_keys.check(world.runtime.settings, world.clock)
    assert {finding.area for finding in found} == {"log"}
    return [(finding.state, finding.what) for finding in found]


async def test_a_log_with_its_keys_is_well(world: World) -> None:
    await write(world, await world.tenant())
    assert await seen(world) == [("ok", "keys of 1 hours; each goes when its hour is past")]


async def test_lost_keys_are_told_and_none_is_made(world: World) -> None:
    await write(world, await world.tenant())
    for folder in ("accounts", "hours"):
        for path in (world.runtime.settings.key_dir / folder).glob("*.key"):
            path.unlink()
    ((state, what),) = await seen(world)
    assert (state, what.startswith("1 accounts and 1 hours of the log have no key")) == ("fail", True)
    assert not list((world.runtime.settings.key_dir / "hours").iterdir())


async def test_a_key_that_stays_too_long_is_told(world: World) -> None:
    await write(world, await world.tenant())
    world.clock.step(timedelta(days=7, hours=2))
    ((state, what),) = await seen(world)
    assert (state, what) == ("warn", "1 hours of the log are past and their keys still there")
