"""Postfix's own smtp-source and smtp-sink around whoever is measured: both in C, both cheap.

Must be started by the main thread, which their death signals follow.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from clearpost.bench.messages import ALIAS_DOMAIN, SENDER
from clearpost.bench.stopwatch import pause, seconds
from clearpost.process import death_signal

_COUNTER: Final = re.compile(rb"sess=(\d+) quit=\d+ mesg=(\d+)[\r\n]")
_LOOK_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Load:
    """What smtp-source sends to 1alias@, 2alias@, ...: messages of `size` octets, or that in `file`."""

    messages: int
    size: int = 4096
    sessions: int = 20
    keep: bool = False
    file: Path | None = None
    alias: str = "alias"


@dataclass(frozen=True, slots=True)
class Given:
    """When the load began and when the last message had its 250, or `error` is what went wrong."""

    began: float
    ended: float
    error: str = ""


def start_source(address: str, load: Load) -> "subprocess.Popen[str]":
    what = ["-F", str(load.file)] if load.file else ["-l", str(load.size)]
    argv = ["/usr/sbin/smtp-source", "-s", str(load.sessions), "-m", str(load.messages), *what, "-N"]
    argv += ["-f", SENDER, "-t", f"{load.alias}@{ALIAS_DOMAIN}", *(["-d"] if load.keep else []), address]
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=death_signal(signal.SIGKILL),
    )


def give(address: str, load: Load, *, patience: float = 120.0) -> Given:
    """The whole load; returns when all of it is answered."""
    began = seconds()
    process = start_source(address, load)
    try:
        error = process.communicate(timeout=patience)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        error = f"smtp-source was not done after {patience:.0f} s"
        process.communicate()
    return Given(began, seconds(), error.strip()[-200:])


class NotTaken(Exception):
    """The side did not take the load; the text says what smtp-source said."""


class Counting(Protocol):
    """A sink that tells how many messages came; `last` is when the newest did."""

    @property
    def last(self) -> float: ...

    def count(self) -> int: ...


class PlainSink:
    """smtp-sink -c: its counter says how many messages came; a thread notes when it changed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.last = 0.0
        self._count = 0
        threading.Thread(target=self._read, daemon=True).start()

    def count(self) -> int:
        return self._count

    def _read(self) -> None:
        assert self.process.stdout
        descriptor, rest = self.process.stdout.fileno(), b""
        while data := os.read(descriptor, 1 << 18):
            now = seconds()
            found = _COUNTER.findall((rest + data)[-400:])
            rest = data[-100:]
            if found and int(found[-1][1]) != self._count:
                self._count, self.last = int(found[-1][1]), now
            pause(_LOOK_SECONDS)  # smtp-sink writes a line for each step of each session


@contextlib.contextmanager
def plain_sink(port: int) -> Iterator[PlainSink]:
    process = subprocess.Popen(
        ["/usr/sbin/smtp-sink", "-u", "postfix", "-c", f"127.0.0.1:{port}", "1024"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=death_signal(signal.SIGTERM),
    )
    try:
        sink = PlainSink(process)
        _wait_for_listener(port)
        yield sink
    finally:
        process.terminate()
        process.wait()


def wait_for(sink: Counting, count: int, *, patience: float) -> int:
    """Until so many came, or none for `patience` seconds; returns how many have come."""
    seen, since = sink.count(), seconds()
    while seen < count and seconds() - since < patience:
        pause(0.005)
        if (now := sink.count()) != seen:
            seen, since = now, seconds()
    return seen


def _wait_for_listener(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        pause(0.05)
