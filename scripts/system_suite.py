"""`make interop`, `make e2e`: suites that need Debian packages. Must never pass for want of one.

`system_suite.py SUITE [OPTION...]` runs it, with options of pytest's: 0 passed, or no tests yet (said by
name); 3 packages are lacking (said by name); else what pytest says. `system_suite.py lacking SUITE...` prints
what to install and runs nothing.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parents[1]

# suite -> Debian package -> what is there once it is installed: a program on the path, or a file
NEEDS: dict[str, dict[str, str]] = {
    "interop": {
        "curl": "curl",
        "haproxy": "/usr/sbin/haproxy",
        "libpython3.11-testsuite": "/usr/lib/python3.11/test/test_email/data/msg_01.txt",
        "openssh-client": "ssh-keygen",
        "postfix": "/usr/lib/postfix/sbin/master",
        "postgresql-15": "/usr/lib/postgresql/15/bin/initdb",
        "rspamd": "rspamd",
        "strace": "strace",
        "swaks": "swaks",
        "systemd": "systemd-analyze",
        "unbound": "/usr/sbin/unbound",
    },
    "e2e": {
        "chromium": "chromium",
        "curl": "curl",
        "fonts-liberation": "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
        "openssh-client": "ssh-keygen",
    },
}
LACKING = 3


def main(arguments: Sequence[str]) -> int:
    if arguments[0] == "lacking":
        print(" ".join(sorted({package for suite in arguments[1:] for package in lacking(suite)})))
        return 0
    return run(*arguments)


def run(suite: str, *options: str) -> int:
    if not has_tests(suite):
        print(f"{suite}: no tests yet in tests/{suite}, nothing was run")
        return 0
    if packages := lacking(suite):
        print(f"{suite} lacks Debian packages: apt-get install {' '.join(packages)}", file=sys.stderr)
        return LACKING
    return subprocess.call([sys.executable, "-m", "pytest", f"tests/{suite}", *options], cwd=ROOT)


def has_tests(suite: str) -> bool:
    return any((ROOT / "tests" / suite).glob("**/test_*.py"))


def lacking(suite: str) -> list[str]:
    """The packages that a suite with tests needs and does not find."""
    if not has_tests(suite):
        return []
    return [package for package, proof in sorted(NEEDS[suite].items()) if not is_there(proof)]


def is_there(proof: str) -> bool:
    """A program on the path, or a file."""
    return which(proof) is not None or (proof.startswith("/") and Path(proof).is_file())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
