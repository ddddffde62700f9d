"""`make interop`, `make e2e`: suites that need Debian packages. Must never pass for want of one."""

import subprocess
import sys
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parents[1]

# suite -> program it needs -> the Debian package that has it
NEEDS: dict[str, dict[str, str]] = {"interop": {"systemd-analyze": "systemd"}, "e2e": {}}
LACKING = 3


def main(suite: str) -> int:
    """0: passed, or no tests yet (said by name). 3: packages are lacking. Else what pytest says."""
    tests = sorted((ROOT / "tests" / suite).glob("**/test_*.py"))
    if not tests:
        print(f"{suite}: no tests yet in tests/{suite}, nothing was run")
        return 0
    lacking = sorted({package for program, package in NEEDS[suite].items() if which(program) is None})
    if lacking:
        print(f"{suite} lacks Debian packages: apt-get install {' '.join(lacking)}", file=sys.stderr)
        return LACKING
    return subprocess.call([sys.executable, "-m", "pytest", f"tests/{suite}"], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
