"""One process of the service: how it ends, and what it says when it breaks."""

import asyncio
from collections.abc import Callable

import pytest

from clearpost import processes
from mailcore.plans import Lane
from mailcore.settings import Settings


async def breaks(
    settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Callable[[], None]
) -> bool:
    raise ValueError("DETAIL: Key (address)=(you@inbox.test) already exists")


def test_a_crash_says_where_and_shows_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    assert processes.run(breaks, Settings(), "mx", Lane.STANDARD) == 1
    said = capfd.readouterr()
    assert '"error": "ValueError"' in said.err
    assert "test_processes.py:" in said.err
    assert "@" not in said.err + said.out
