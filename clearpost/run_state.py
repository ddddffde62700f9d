"""One local stack per folder: its lock and its children. Must never stop a process that is not listed."""

import contextlib
import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


class AlreadyRunningError(Exception):
    """Another stack runs in this folder; the text names its process and where it can be reached."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process and what tells it from a later one of the same number."""

    pid: int
    created: float
    stop_signal: int


class RunState:
    """The files `up.lock` (held while we live) and `up.json` (who we are, and our children) in one folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self._lock_file = folder / "up.lock"
        self._file = folder / "up.json"
        self._url = url
        self._lock: int | None = None
        self._children: dict[str, Child] = {}

    def take(self) -> dict[str, Child]:
        """Become the one stack of this folder; returns the children of a stack that was killed.

        Raises AlreadyRunningError.
        """
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise AlreadyRunningError(self._who()) from None
        self._lock = lock
        leftovers = self._read_children()
        self._write()
        return leftovers

    def add(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Remember a child, so that the next start can stop it should we be killed."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._children[name] = Child(pid, psutil.Process(pid).create_time(), int(stop_signal))
            self._write()

    def release(self) -> None:
        """All children are gone: forget them and let another stack start."""
        if self._lock is not None:
            self._file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _write(self) -> None:
        children = {name: asdict(child) for name, child in self._children.items()}
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": os.getpid(), "url": self._url, "children": children}))
        fresh.rename(self._file)

    def _read_children(self) -> dict[str, Child]:
        try:
            children = json.loads(self._file.read_text())["children"]
            return {name: Child(**values) for name, values in children.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _who(self) -> str:
        try:
            running = json.loads(self._file.read_text())
            pid, url = int(running["pid"]), str(running["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return "Clearpost is starting or stopping in this folder: wait a moment and try again"
        return f"Clearpost already runs here (process {pid}, {url}): use it, or stop it with: kill {pid}"


def stop_leftovers(children: dict[str, Child], patience: float = 10.0) -> list[str]:
    """Stop what outlived a killed stack: asked first, then killed. Returns the names of those alive."""
    alive = {name: process for name, child in children.items() if (process := _still_there(child))}
    for name, process in alive.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(children[name].stop_signal)
    _, stubborn = psutil.wait_procs(alive.values(), timeout=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience)
    return list(alive)


def _still_there(child: Child) -> psutil.Process | None:
    """The same process, not another that got its number."""
    try:
        process = psutil.Process(child.pid)
        same = abs(process.create_time() - child.created) < 0.5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same else None
