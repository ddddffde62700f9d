"""Starts source and sink as processes of their own and reads what they say. Must be used by the main thread.

A child's death signal follows the thread that started it, so none outlives the bench.
"""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clearpost.bench.stopwatch import pause, seconds
from clearpost.process import death_signal


class Sink:
    """Asked over its pipes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.port = int(self._read()["port"])
        self.last = 0.0
        self._count = 0

    def count(self) -> int:
        """Messages that came since it started; `last` becomes when a new one was seen."""
        count = int(self._ask("count")["count"])
        if count != self._count:
            self._count, self.last = count, seconds()
        return count

    def take(self) -> dict[str, Any]:
        return self._ask("take")

    def wait_for(self, count: int, *, patience: float) -> int:
        """Until so many came, or none for `patience` seconds; returns how many have come."""
        seen, since = self.count(), seconds()
        while seen < count and seconds() - since < patience:
            pause(0.005)
            if (now := self.count()) != seen:
                seen, since = now, seconds()
        return seen

    def _ask(self, question: str) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextlib.contextmanager
def sink(port: int = 0, *, delay: float = 0.0, keep: int = 0) -> Iterator[Sink]:
    """On 127.0.0.1; `delay` seconds before each answer to a message, the first `keep` messages kept whole."""
    process = _python("sink", str(port), "--delay", str(delay), "--keep", str(keep))
    try:
        yield Sink(process)
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Load:
    """What the source sends. A rate makes it an open loop, else `sessions` are kept busy."""

    messages: int
    size: int = 4096
    sessions: int = 20
    rate: float = 0.0
    keep: bool = False
    aliases: int = 10_000
    patience: float = 120.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What the source saw: moments of CLOCK_MONOTONIC, seconds, by the message's number."""

    began: float
    ended: float
    at: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def start_source(address: str, load: Load) -> "subprocess.Popen[str]":
    arguments = [
        address,
        *("--messages", str(load.messages), "--size", str(load.size), "--sessions", str(load.sessions)),
        *("--rate", str(load.rate), "--aliases", str(load.aliases), "--patience", str(load.patience)),
    ]
    return _python("source", *arguments, *(["--keep"] if load.keep else []))


def read_source(process: "subprocess.Popen[str]") -> Sent:
    """Waits for its end."""
    said = json.loads(process.communicate()[0])
    at = {int(number): moment for number, moment in said["sent"].items()}
    answered = {int(number): took for number, took in said["answered"].items()}
    return Sent(said["began"], said["ended"], at, answered, said["errors"])


def latencies(sent: Sent, arrived: list[tuple[int, float]], *, until: float | None = None) -> list[float]:
    """From the end of DATA to arrival, in seconds, of messages sent before `until`; repeated ones once."""
    first: dict[int, float] = {}
    for number, moment in arrived:
        first.setdefault(number, moment)
    numbers = [n for n in first if n in sent.at and (until is None or sent.at[n] <= until)]
    return [first[number] - sent.at[number] for number in numbers]


def _python(module: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", f"clearpost.bench.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=death_signal(signal.SIGKILL),
    )
