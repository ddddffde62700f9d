"""What the doctor says of statements: too old, or signed by a key that nobody will believe."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from clearpost.checks import attesting
from customers import statements
from mailcore.attestation import Signer
from tests.support.api import World, running_api


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


async def seen(world: World) -> list[tuple[str, str]]:
    found = await attesting.check(world.runtime.settings, world.clock)
    assert {finding.area for finding in found} == {"statements"}
    return [(finding.state, finding.what) for finding in found]


async def issue(world: World) -> None:
    signer = Signer(world.runtime.keyring)
    await statements.issue(world.runtime.database, signer, world.clock, "https://clearpost.test")


async def test_a_fresh_one_is_well_and_an_old_one_is_not(world: World) -> None:
    ((state, what),) = await seen(world)
    assert (state, "none was made yet" in what) == ("ok", True)
    await issue(world)
    ((state, what),) = await seen(world)
    assert (state, "number 1 is of" in what) == ("ok", True)
    world.clock.step(timedelta(hours=2))
    ((state, what),) = await seen(world)
    assert (state, "too old" in what) == ("warn", True)


async def test_a_key_that_was_not_announced_is_told_and_none_is_made(world: World) -> None:
    await issue(world)
    key = world.runtime.settings.key_dir / "statement.key"
    key.write_text("11" * 32)
    _, (state, what) = await seen(world)
    assert (state, "was announced" in what) == ("warn", True)
    key.unlink()
    _, (state, what) = await seen(world)
    assert (state, "is gone" in what) == ("warn", True)
    assert not key.exists()
