"""Set-up says in one line what is wrong, and does nothing when nothing is to do."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is what its lock says, as far as the stamp knows."""
    for name in ("bootstrap.py", "requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    stamp(tmp_path, "dev")
    return tmp_path


def stamp(checkout: Path, kind: str) -> None:
    lock = checkout / {"run": "requirements.lock", "dev": "requirements-dev.lock"}[kind]
    content = {"kind": kind, "lock": hashlib.sha256(lock.read_bytes()).hexdigest(), "root": str(checkout)}
    (checkout / ".venv" / "clearpost.json").write_text(json.dumps(content))


def bootstrap(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # No pip of any kind: what would go to the network ends in one line instead.
    return subprocess.run(
        [sys.executable, "-I", "bootstrap.py", *arguments],
        cwd=checkout,
        env={"PATH": "", "HOME": str(checkout), "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["run", "dev"])
def test_a_current_dev_environment_serves_both_kinds_in_silence(checkout: Path, kind: str) -> None:
    result = bootstrap(checkout, kind)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_environment_for_running_lacks_the_tools(checkout: Path) -> None:
    stamp(checkout, "run")
    assert bootstrap(checkout, "run").returncode == 0
    assert bootstrap(checkout, "dev").stdout.startswith("set-up: installing uv")


def test_a_changed_lock_starts_the_set_up_and_its_failure_is_one_line(checkout: Path) -> None:
    with (checkout / "requirements-dev.lock").open("a") as lock:
        lock.write("# changed\n")
    result = bootstrap(checkout, "dev")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("bootstrap: ")
    assert "setup.log" in line


def test_a_failure_tells_its_error_and_the_innermost_cause(checkout: Path) -> None:
    said = (
        "warning: x\nerror: Failed to fetch y\n  Caused by: connection\n  Caused by: UnknownIssuer\nhint: z\n"
    )
    code = (
        f"import bootstrap; print(bootstrap._cause({said!r}))\n"
        "print(bootstrap.environment()['UV_SYSTEM_CERTS'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert result.stdout == "error: Failed to fetch y Caused by: UnknownIssuer\n1\n"


def test_a_moved_checkout_starts_over(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "checkout"
    checkout.rename(moved)
    bootstrap(moved, "run")
    assert not (moved / ".venv" / "bin" / "python").exists()


def test_an_unknown_kind_is_refused(checkout: Path) -> None:
    assert (
        bootstrap(checkout, "all").stderr
        == "bootstrap: usage: python3 bootstrap.py run|dev|corpus|portal|npm|peers|lock\n"
    )


def test_locks_name_no_host_and_every_package_has_a_hash() -> None:
    for name in (
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-uv.lock",
        "requirements-corpus.lock",
        "requirements-node.lock",
    ):
        text = (ROOT / name).read_text()
        assert "://" not in text
        entries = [entry for entry in text.replace("\\\n", "").splitlines() if "==" in entry]
        assert entries
        assert all("--hash=sha256:" in entry for entry in entries)


def test_a_current_corpus_is_left_alone(checkout: Path) -> None:
    corpus = checkout / ".venv" / "corpus"
    corpus.mkdir()
    shutil.copy(ROOT / "requirements-corpus.lock", corpus)
    shutil.copy(ROOT / "requirements-corpus.lock", checkout)
    assert (bootstrap(checkout, "corpus").stdout, bootstrap(checkout, "corpus").returncode) == ("", 0)


def test_a_corpus_of_another_lock_goes_before_the_new_one_is_fetched(checkout: Path) -> None:
    old = checkout / ".venv" / "corpus" / "project-1"
    old.mkdir(parents=True)
    shutil.copy(ROOT / "requirements-corpus.lock", checkout)
    result = bootstrap(checkout, "corpus")
    assert result.returncode == 1
    assert result.stdout == "set-up: fetching test mail of other projects (requirements-corpus.lock)\n"
    assert result.stderr.count("\n") == 1
    assert not old.exists()
