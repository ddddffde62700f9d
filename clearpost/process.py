"""Start a program that dies with us, stop one that outlived us. Must never end a process not proven ours."""

import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from clearpost import core_dumps

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.01

_libc = ctypes.CDLL(None, use_errno=True)


class EmbeddedError(Exception):
    """An embedded server can't run here. The text is one line that says what to do; it holds no password."""


@dataclass(frozen=True, slots=True)
class Program:
    """How to start one: what to run, where output goes, which signal asks it to end, which ends it after us.

    The death signal is SIGKILL but for databases: a process that meant to end cleanly without us would find
    its database gone, and wait. Everything is made to survive that.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start it with its own process group, output appended to its log, and a death signal tied to us.

    The kernel ties PR_SET_PDEATHSIG to the *thread* that forked, not to the process: a child started from a
    pool thread would be told to stop when that thread ends. So only the main thread may start one. A change
    of user clears the signal, which is why it is set after subprocess has changed to `user`.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("only the main thread may start a child: its death signal follows the thread")
    with open_log(program.log) as log:
        return subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(program.env),
            user=program.user,
            group=program.group,
            extra_groups=None if program.user is None else [],
            process_group=0,
            pass_fds=program.pass_fds,
            preexec_fn=death_signal(program.death_signal),
        )


def open_log(path: Path) -> IO[bytes]:
    """Appended to, unbuffered, ours alone to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def death_signal(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def set_death_signal() -> None:
        core_dumps.turn_off()
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl: no signal would ever come
            os._exit(1)

    return set_death_signal


def stop(process: subprocess.Popen[bytes], number: signal.Signals, patience: float = 15.0) -> None:
    """Ask it to end, and kill it when it has not ended within `patience` seconds."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_orphan(pid_file: Path, program: str, folder: Path) -> psutil.Process | None:
    """The live process that `pid_file` names, if it is really `program` at work in `folder`, else None."""
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        ours = Path(process.exe()).name.startswith(program) and Path(process.cwd()) == folder.resolve()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if ours else None


def stop_orphan(process: psutil.Process, number: signal.Signals, patience: float = 15.0) -> None:
    """End a server whose launcher died, cleanly if it will, and its children with it."""
    family = [process, *_children(process)]
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
    _, alive = psutil.wait_procs(family, timeout=patience)
    for survivor in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(alive, timeout=patience)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def poll(seconds: float) -> Iterator[None]:
    """Yield now and then until `seconds` have passed, for what can only be asked again and again."""
    for _ in range(int(seconds / POLL_SECONDS)):
        yield
        time.sleep(POLL_SECONDS)


def secret_in(path: Path) -> str:
    """The secret kept in `path` (mode 600), made on first use."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(24))
        fresh.rename(path)
    return path.read_text(encoding="ascii")
