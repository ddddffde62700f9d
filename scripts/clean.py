"""`make clean`: remove what set-up and the local stack made here. Must never touch a running stack.

Runs on any Python, without the environment it removes; for root it follows the links to embedded databases.
"""

import fcntl
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHES = (
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".import_linter_cache",
    "build",
    "dist",
    "frontend/dist",
    "frontend/node_modules",
    "tests/interop/mailauth/node_modules",
)
DATABASE_FOLDERS = (Path("/var/lib/clearpost"), Path("/tmp/clearpost-root"))


def main() -> int:
    lock = ROOT / "var" / "up.lock"
    if lock.exists():
        with lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print("clean: the local stack is running here: stop it first", file=sys.stderr)
                return 1
    link = ROOT / "var" / "postgres"
    if link.is_symlink() and link.resolve().parent in DATABASE_FOLDERS:
        shutil.rmtree(link.resolve(), ignore_errors=True)
    for name in ("var", ".venv", *CACHES):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for cache in ROOT.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
