"""One process of the service: how it ends, and what it says when it breaks."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clearpost import processes
from mailcore.clock import Clock
from mailcore.plans import Lane
from mailcore.settings import Settings
from mailcore.spool import Spool


async def breaks(
    settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Callable[[], None]
) -> bool:
    raise ValueError("DETAIL: Key (address)=(you@inbox.test) already exists")


def test_a_crash_says_where_and_shows_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    assert processes.run(breaks, Settings(), "mx", Lane.FAST) == 1
    said = capfd.readouterr()
    assert '"error": "ValueError"' in said.err
    assert "test_processes.py:" in said.err
    assert "@" not in said.err + said.out


@pytest.mark.parametrize(
    ("role", "lane", "more"),
    [
        ("mx", "standard", 4),
        ("worker", "standard", 4),
        ("mx", "fast", 0),
        ("worker", "fast", 0),
        ("upkeep", "standard", 0),
    ],
)
def test_mail_of_the_standard_lane_gives_way_to_the_fast_lane(role: str, lane: str, more: int) -> None:
    asked = (
        "import os; from clearpost.processes import give_way; from mailcore.plans import Lane; "
        "from mailcore.settings import Settings; before = os.nice(0); "
        f"give_way(Settings(standard_nice=4), {role!r}, Lane({lane!r})); print(os.nice(0) - before)"
    )
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(said.stdout) == more


def test_a_process_whose_keys_are_not_mounted_ends_with_one_line_that_says_so(tmp_path: Path) -> None:
    Spool.open(tmp_path / "spool", tmp_path / "keys", Clock()).close()
    (tmp_path / "keys").rename(tmp_path / "volume")
    settings = {
        "SPOOL_DIR": str(tmp_path / "spool"),
        "KEY_DIR": str(tmp_path / "keys"),
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ENVIRONMENT": "local",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "clearpost", "api"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **{f"CLEARPOST_{name}": value for name, value in settings.items()}},
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("clearpost: ")
    assert "Mount the key folder" in line
    assert not (tmp_path / "keys").exists()
