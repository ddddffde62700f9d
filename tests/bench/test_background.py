"""The long bench runs once, and says how far it is to whoever asks."""

import os
from pathlib import Path

import pytest

from bench import background, results
from bench.rows import full


def test_a_second_one_is_told_of_the_first(tmp_path: Path) -> None:
    with background.only_one(tmp_path), pytest.raises(background.Running), background.only_one(tmp_path):
        pass
    with background.only_one(tmp_path):
        assert background.pid(tmp_path) == os.getpid()
    assert background.pid(tmp_path) == 0


def test_its_status_counts_rows_and_minutes(tmp_path: Path) -> None:
    assert background.status(tmp_path) == "nothing was measured yet"
    written = results.begin(tmp_path, "full", {"commit": "abc"}, "make bench-full")
    row = full()[0]
    for number in range(row.pairs):
        written.add(row.name, number, {side: {"rate": 1.0} for side in row.sides})
    (tmp_path / "full.log").write_text("so far\n")
    with background.only_one(tmp_path):
        said = background.status(tmp_path)
    assert said.startswith(f"running (process {os.getpid()}): 1 of {len(full())} rows, 2 of ")
    assert said.endswith("so far")
    assert background.status(tmp_path).startswith("not running: 1 of ")


def test_it_is_done_when_no_pair_is_missing(tmp_path: Path) -> None:
    written = results.begin(tmp_path, "full", {"commit": "abc"}, "make bench-full")
    for row in full():
        for number in range(row.pairs):
            written.add(row.name, number, {side: {"rate": 1.0} for side in row.sides})
    assert background.status(tmp_path).startswith("done: ")
