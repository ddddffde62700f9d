"""The portal is built once for its sources, by whatever npm there is, and a failure is one line."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.services import ROOT

# What npm does, as far as a build can tell.
NPM = """#!/bin/sh
echo "$1 $2" >>"$CALLS"
case "$1" in
install) mkdir -p node_modules && cp "$INSTALLS" node_modules/.package-lock.json ;;
run) mkdir -p dist && echo built >dist/index.html && if [ -e broken ]; then
  echo "src/main.tsx(1,2): error TS2304: Cannot find name 'x'."; exit 2; fi ;;
esac
"""
LOCK = {
    "packages": {
        "": {"dependencies": {"react": "19.3.1"}},
        "node_modules/react": {"version": "19.3.1", "integrity": "sha512-x"},
        "node_modules/other-system": {"version": "1.0.0", "integrity": "sha512-x", "optional": True},
    }
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """On a path with a space, with a Node that is new enough."""
    made = tmp_path / "a checkout"
    for name in ("scripts", "frontend/src", ".venv", "bin"):
        (made / name).mkdir(parents=True)
    for name in ("bootstrap.py", "requirements-node.lock", "scripts/build_portal.py"):
        shutil.copy(ROOT / name, made / name)
    (made / "frontend/src/main.tsx").write_text("export {};")
    (made / "frontend/package.json").write_text(json.dumps({"dependencies": {"react": "19.3.1"}}))
    (made / "frontend/package-lock.json").write_text(json.dumps(LOCK))
    program(made, "npm", NPM)
    program(made, "node", "#!/bin/sh\necho v22.12.0\n")
    return made


def program(checkout: Path, name: str, text: str) -> None:
    (checkout / "bin" / name).write_text(text)
    (checkout / "bin" / name).chmod(0o755)


def start(checkout: Path, kind: str, installs: object = LOCK) -> "subprocess.Popen[str]":
    hidden = checkout / "installs.json"
    hidden.write_text(json.dumps(installs))
    return subprocess.Popen(
        [sys.executable, "-I", "bootstrap.py", kind],
        cwd=checkout,
        env={
            "PATH": f"{checkout / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": "/nonexistent",
            "CALLS": str(checkout / "calls"),
            "INSTALLS": str(hidden),
            "PIP_NO_INDEX": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def bootstrap(checkout: Path, kind: str = "portal", installs: object = LOCK) -> tuple[int | None, str, str]:
    process = start(checkout, kind, installs)
    said, complained = process.communicate(timeout=30)
    return process.returncode, said, complained


def calls(checkout: Path) -> Sequence[str]:
    return (checkout / "calls").read_text().splitlines() if (checkout / "calls").exists() else []


def test_it_is_built_once_for_the_same_sources_and_then_in_silence(checkout: Path) -> None:
    code, said, complained = bootstrap(checkout)
    assert (code, complained) == (0, "")
    lines = [line.partition(" in ")[0] for line in said.splitlines()]
    assert lines == [
        "set-up: installing the portal's packages (package-lock.json)",
        "set-up: building the portal",
        "set-up: portal built",
    ]
    assert bootstrap(checkout) == (0, "", "")
    assert calls(checkout) == ["install --no-save", "run build"]


def test_another_source_is_built_and_another_test_is_not(checkout: Path) -> None:
    bootstrap(checkout)
    (checkout / "frontend/src/main.test.tsx").write_text("export {};")
    (checkout / "frontend/DESIGN.md").write_text("words")
    assert bootstrap(checkout) == (0, "", "")
    (checkout / "frontend/src/main.tsx").write_text("export const changed = 1;")
    assert "building the portal" in bootstrap(checkout)[1]
    assert calls(checkout) == ["install --no-save", "run build", "run build"]


def test_a_failed_build_is_one_line_and_is_tried_again(checkout: Path) -> None:
    (checkout / "frontend/broken").touch()
    code, _, complained = bootstrap(checkout)
    assert code == 1
    (line,) = complained.splitlines()
    assert line.startswith("bootstrap: npm failed: src/main.tsx(1,2): error TS2304")
    assert "setup.log" in line
    assert bootstrap(checkout)[0] == 1
    (checkout / "frontend/broken").unlink()
    assert bootstrap(checkout)[0] == 0


def test_two_at_once_build_once(checkout: Path) -> None:
    both = [start(checkout, "portal") for _ in range(2)]
    assert [process.communicate(timeout=30)[1] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert calls(checkout) == ["install --no-save", "run build"]


def test_what_the_lock_does_not_name_is_refused(checkout: Path) -> None:
    more = {"packages": {**LOCK["packages"], "node_modules/surprise": {"version": "1.0.0"}}}
    code, _, complained = bootstrap(checkout, installs=more)
    assert (code, "something else than package-lock.json names" in complained) == (1, True)
    assert "run build" not in calls(checkout)


def test_what_is_left_out_for_other_systems_is_not_missed(checkout: Path) -> None:
    here = {path: about for path, about in LOCK["packages"].items() if "other" not in path}
    assert bootstrap(checkout, installs={"packages": here})[0] == 0


def test_a_lock_of_another_package_json_is_refused(checkout: Path) -> None:
    (checkout / "frontend/package.json").write_text(json.dumps({"dependencies": {"react": "19.4.0"}}))
    code, _, complained = bootstrap(checkout)
    assert (code, calls(checkout)) == (1, [])
    assert complained == "bootstrap: package-lock.json is not that of package.json (react): make lock\n"


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.0", "v21.7.0", "v22.11.0"])
def test_a_node_that_is_too_old_is_not_used(checkout: Path, version: str) -> None:
    program(checkout, "node", f"#!/bin/sh\necho {version}\n")
    code, said, _ = bootstrap(checkout)
    assert (code, said.startswith("set-up: installing node ")) == (1, True)
    assert calls(checkout) == []
