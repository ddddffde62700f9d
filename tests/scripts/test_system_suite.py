"""A suite whose Debian packages are absent does not pass: it names them."""

import subprocess
import sys

from tests.support.services import ROOT


def system_suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    """On a machine whose path leads to no program."""
    return subprocess.run(
        [sys.executable, "scripts/system_suite.py", *arguments],
        cwd=ROOT,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_suite_that_lacks_packages_exits_3_and_names_them() -> None:
    result = system_suite("interop")
    assert result.returncode == 3
    assert result.stderr.startswith("interop lacks Debian packages: apt-get install ")
    assert {"strace", "swaks", "systemd"} <= set(result.stderr.split())


def test_what_lacks_is_printed_for_the_installer() -> None:
    result = system_suite("lacking", "interop")
    assert result.returncode == 0
    assert {"strace", "swaks", "systemd"} <= set(result.stdout.split())


def test_the_browser_and_a_font_are_asked_for_by_name() -> None:
    result = system_suite("e2e")
    assert result.returncode == 3
    assert "chromium" in result.stderr.split()


def test_a_suite_without_tests_lacks_nothing_and_says_so() -> None:
    assert system_suite("lacking", "golden").stdout.strip() == ""
    assert system_suite("golden").stdout == "golden: no tests yet in tests/golden, nothing was run\n"
