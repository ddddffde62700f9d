"""A disk whose syncs take longer, for whatever runs on it. Must change no program.

strace holds back the kernel's answer to fsync and fdatasync, and to nothing else (a filter in the kernel lets
all other calls pass). It follows every process that the bench starts: both sides and their PostgreSQL alike.
"""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import results
from bench.results import Results
from bench.rows import Row
from clearpost.process import PR_SET_PDEATHSIG

_SYNCS = "fsync,fdatasync"
_ROOT = Path(__file__).resolve().parents[1]


def run(rows: Sequence[Row], into: Results, say: Callable[[str], None]) -> None:
    """Measures the rows in a process of its own; what it wrote down is read back."""
    for row in rows:
        if not into.missing(row):
            continue
        command = [sys.executable, "-u", "-m", "bench", "inside", str(into.path), row.name]
        code = subprocess.call([*delayed(row.sync_delay), *command], cwd=_ROOT)
        again = results.read(into.path)
        into.runs, into.failures = again.runs, again.failures
        if code and into.missing(row):
            say(f"  {row.title}: it ended with {code}")
            into.fail(row.name, f"it ended with {code}")


def end_with_strace() -> None:
    """Called inside: when the bench is stopped, strace is killed, and what it traced would go on."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def delayed(seconds: float) -> list[str]:
    """The beginning of a command line."""
    microseconds = round(seconds * 1_000_000)
    which = ["-e", f"trace={_SYNCS}", "-e", f"inject={_SYNCS}:delay_exit={microseconds}"]
    return ["strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", *which]
