"""What the tests keep in memory: there where there is room, and gone with the run that put it there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import in_memory
from tests.support.services import ROOT


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def test_what_is_placed_is_empty_and_goes_when_it_is_cleared(tmp_path: Path, memory: Path) -> None:
    in_memory.place(tmp_path / "home", memory, 0)
    (tmp_path / "home" / "data").write_text("x")
    assert (tmp_path / "home").resolve().parent == memory
    in_memory.clear(tmp_path / "home")
    assert list(memory.iterdir()) == []


def test_a_killed_run_leaves_nothing_for_longer_than_the_next_one(tmp_path: Path, memory: Path) -> None:
    in_memory.place(tmp_path / "living", memory, 0)
    where = (str(tmp_path / "killed"), str(memory))
    code = (
        f"from pathlib import Path; from tests.support.in_memory import place; place(*map(Path, {where}), 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert (tmp_path / "killed").is_dir()
    in_memory.place(tmp_path / "next", memory, 0)
    assert [(tmp_path / name).is_dir() for name in ("living", "killed", "next")] == [True, False, True]


@pytest.mark.parametrize("place", ["memory", "missing"])
def test_where_there_is_no_room_nothing_is_placed(tmp_path: Path, memory: Path, place: str) -> None:
    in_memory.place(tmp_path / "home", memory.with_name(place), 2**62)
    assert not (tmp_path / "home").is_symlink()
    in_memory.clear(tmp_path / "home")
