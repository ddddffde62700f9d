"""`make check`: every rule a machine can hold, each timed, all run even if one fails. Must change no file."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.ports import free_port
from scripts import portal_checks

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

CHECKS = {
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "--output-format=concise", "."],
    "lint": [str(BIN / "ruff"), "check", "--quiet", "--output-format=concise", "."],
    "types": [sys.executable, "-m", "mypy"],
    "imports": [str(BIN / "lint-imports"), "--no-logo"],
    "policy": [sys.executable, "-m", "customers.policy", "--check"],
}


def main() -> int:
    """Run all; the migration check needs a server, which only this thread may start."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(_run, name, command, {}) for name, command in CHECKS.items()]
        waiting += [pool.submit(_ask, work) for work in (portal_checks.portal, portal_checks.client)]
        ok = _migrations()
        results = [future.result() for future in waiting]
    return 0 if all([ok, *results]) else 1


def _migrations() -> bool:
    """The tables that migrations make are those of the models: upgrade an empty database, then compare."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", free_port(), fsync=False)
        server.start()
        try:
            env = {"CLEARPOST_DATABASE_URL": server.url}
            alembic = [sys.executable, "-m", "alembic"]
            upgraded = _run("migrate", [*alembic, "upgrade", "head"], env)
            return upgraded and _run("models", [*alembic, "check"], env)
        finally:
            server.stop()
            remove(server.home)


def _ask(work: Callable[[], str]) -> bool:
    started = time.perf_counter()
    return _told(work.__name__, work(), started)


def _run(name: str, command: list[str], env: dict[str, str]) -> bool:
    started = time.perf_counter()
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    wrong = (result.stdout + result.stderr or "failed") if result.returncode else ""
    return _told(name, wrong, started)


def _told(name: str, wrong: str, started: float) -> bool:
    took = time.perf_counter() - started
    print(f"{name:<10}{'FAILED' if wrong else 'ok':<8}{took:5.1f} s", flush=True)
    if wrong:
        print(wrong, flush=True)
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
