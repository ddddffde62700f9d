"""`clearpost bench` needs nothing but us: a whole node is made, measured and gone."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.services import ROOT


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLEARPOST_")}
    return subprocess.run(
        [sys.executable, "-m", "clearpost", "bench", *arguments],
        cwd=ROOT,
        env={**kept, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_every_message_arrives_and_nothing_stays_behind(tmp_path: Path) -> None:
    result = bench(tmp_path, "--messages", "50", "--runs", "1", "--json")
    assert result.returncode == 0, result.stderr
    lines = json.loads(result.stdout)
    assert [line["what"] for line in lines][:2] == ["4 KB, new connections", "4 KB, kept connections"]
    for line in lines:
        assert line["arrived"] == line["sent"]
        assert line["rate"] > 0
        assert line["cpu_ms"] > 0
        assert 0 < line["p50"] <= line["p99"]
    assert list(tmp_path.iterdir()) == []


def test_its_help_says_what_it_does(tmp_path: Path) -> None:
    result = bench(tmp_path, "--help")
    assert result.returncode == 0
    assert "on loopback" in result.stdout
