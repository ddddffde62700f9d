"""The long bench: one at a time, in a process that outlives the terminal. Must resume where it was.

var/bench/full-<time>.jsonl holds the results, full.log what it says, full.lock who runs.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from bench import report
from bench.results import newest
from bench.rows import full

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "var" / "bench"
LOG: Final = FOLDER / "full.log"


class Running(Exception):
    """Another long bench runs in this checkout; the text is its pid."""


@contextlib.contextmanager
def only_one(folder: Path = FOLDER) -> Iterator[None]:
    """Raises Running."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "full.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise Running(file.read()) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def pid(folder: Path = FOLDER) -> int:
    """Of the running one, else 0."""
    try:
        with only_one(folder):
            return 0
    except Running as other:
        return int(str(other) or 0)


def start(*options: str) -> int:
    """Goes on by itself, whatever becomes of this terminal. Returns its pid."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "bench", "full", "--foreground", *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid


def stop() -> str:
    """Asks it to end: what it has written down stays, and the next start goes on from there."""
    running = pid()
    if not running:
        return "none is running"
    process = psutil.Process(running)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=120)
    return "stopped; the next start goes on from there"


def status(folder: Path = FOLDER) -> str:
    """What runs, what is done, how long it will take."""
    running, results = pid(folder), newest(folder, "full")
    if results is None:
        return "starting" if running else "nothing was measured yet"
    rows = full()
    done, left = report.progress(results, rows)
    measured = sum(not results.missing(row) for row in rows)
    state = f"running (process {running})" if running else "not running"
    if not left:
        state = "done"
    text = f"{state}: {measured} of {len(rows)} rows, {done:.0f} of {done + left:.0f} min; {results.path}"
    log = folder / LOG.name
    last = log.read_text(encoding="utf-8").splitlines()[-3:] if log.exists() and running else []
    return "\n".join([text, *last])
