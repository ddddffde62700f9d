"""One run of one side: throughput, latency, memory. Must never keep a figure where a message was lost.

Rate: messages by the time from the first connection to the last arrival. CPU: until the queue is empty again,
so that nothing is put off. Latency: from the end of DATA at the source to arrival at the sink.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bench import load as plain
from bench.ground import Ground
from bench.load import Load
from bench.machine import Flushes
from bench.sides import Side
from bench.signed import write_signed
from clearpost.bench import peers
from clearpost.bench.figures import milliseconds
from clearpost.bench.node import Node
from clearpost.bench.processes import cpu_seconds, megabytes
from clearpost.bench.stopwatch import pause, seconds

Figures = dict[str, float]
_PATIENCE = 30.0
_PROBE_RATE = 20.0


class LostMessages(Exception):
    """Not all that was sent has arrived: the run counts for nothing."""


class Kind(Protocol):
    """How a row is measured. `once` measures a side; it may be asked many times."""

    def once(self, ground: Ground, side: Side) -> Figures: ...


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run has cost so far."""

    cpu: float
    postgres: float
    flushes: int


class Meter:
    """Reads costs before a run, and after its queue is as empty as it was."""

    def __init__(self, ground: Ground, side: Side) -> None:
        self._ground, self._side = ground, side
        self._disk = Flushes(ground.home)
        self._waiting = side.waiting()
        self._before = self._read()

    def per_message(self, messages: int) -> Figures:
        since = seconds()
        while self._side.waiting() > self._waiting and seconds() - since < _PATIENCE:
            pause(0.02)
        pause(0.2)
        after = self._read()
        return {
            "cpu_ms": (after.cpu - self._before.cpu) / messages * 1000,
            "postgres_ms": (after.postgres - self._before.postgres) / messages * 1000,
            "flushes": (after.flushes - self._before.flushes) / messages,
        }

    def _read(self) -> Costs:
        postgres = cpu_seconds(self._ground.postgres_pids)
        return Costs(self._side.cpu(), postgres, self._disk.count())


@dataclass(frozen=True, slots=True)
class Throughput:
    """So many messages as fast as they are taken. With a delay the next hop answers each that much later."""

    messages: int
    size: int = 4096
    keep: bool = False
    sessions: int = 20
    signed: bool = False
    sink_delay: float = 0.0

    def once(self, ground: Ground, side: Side) -> Figures:
        file = ground.home / "signed.eml"
        if self.signed and not file.exists():
            write_signed(file, ground.sender_key, self.size)
        load = Load(self.messages, self.size, self.sessions, self.keep, file if self.signed else None)
        side.renew()
        with _sink(ground, self.sink_delay) as sink:
            meter = Meter(ground, side)
            given = plain.give(side.address, load)
            arrived = plain.wait_for(sink, self.messages, patience=_PATIENCE)
            if arrived != self.messages:
                raise LostMessages(
                    f"{arrived} of {self.messages} arrived; {given.error or 'no error was said'}"
                )
            figures = {
                "rate": self.messages / (sink.last - given.began),
                "accept_rate": self.messages / (given.ended - given.began),
            }
            return figures | meter.per_message(self.messages)


@dataclass(frozen=True, slots=True)
class Latency:
    """An open loop: so many messages a second, at random moments."""

    messages: int
    rate: float
    size: int = 4096

    def once(self, ground: Ground, side: Side) -> Figures:
        side.renew()
        with peers.sink(ground.sink_port) as sink:
            meter = Meter(ground, side)
            load = peers.Load(self.messages, self.size, rate=self.rate)
            sent = peers.read_source(peers.start_source(side.address, load))
            if sink.wait_for(self.messages, patience=_PATIENCE) != self.messages:
                raise LostMessages(f"{sink.count()} of {self.messages} arrived; {sent.errors[:1]}")
            came = peers.latencies(sent, sink.take()["arrived"])
            answered = milliseconds(list(sent.answered.values()), "answer_")
            return milliseconds(came) | answered | meter.per_message(self.messages)


@dataclass(frozen=True, slots=True)
class LatencyUnderLoad:
    """A full load, and beside it 20 numbered messages a second whose latency is noted."""

    messages: int
    sessions: int = 20
    probes: int = 60

    def once(self, ground: Ground, side: Side) -> Figures:
        side.renew()
        with peers.sink(ground.sink_port) as sink:
            probe = peers.start_source(side.address, peers.Load(self.probes, rate=_PROBE_RATE))
            given = plain.give(side.address, Load(self.messages, sessions=self.sessions))
            sent = peers.read_source(probe)
            wanted = self.messages + self.probes
            if sink.wait_for(wanted, patience=_PATIENCE) != wanted:
                raise LostMessages(f"{sink.count()} of {wanted} arrived; {given.error or sent.errors[:1]}")
            numbered = [(n, moment) for n, moment in sink.take()["arrived"] if n >= 0]
            came = peers.latencies(sent, numbered, until=given.ended)
        return milliseconds(came) | {
            "rate": self.messages / (given.ended - given.began),
            "probes": float(len(came)),
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of our processes while portions of messages pass; growth since the second."""

    portion: int
    portions: int = 10

    def once(self, ground: Ground, side: Side) -> Figures:
        if not isinstance(side, Node):
            raise TypeError("memory is asked of our own processes")
        sizes = []
        with plain.plain_sink(ground.sink_port) as sink:
            for number in range(1, self.portions + 1):
                side.renew()
                given = plain.give(side.address, Load(self.portion), patience=600)
                arrived = plain.wait_for(sink, number * self.portion, patience=_PATIENCE)
                if arrived != number * self.portion:
                    raise LostMessages(f"{arrived} of {number * self.portion} arrived; {given.error}")
                sizes.append(max(megabytes(side.pids("mx", "worker", "upkeep"))))
        return {"largest_mb": max(sizes), "growth": sizes[-1] / sizes[1], "first_mb": sizes[0]}


@contextlib.contextmanager
def _sink(ground: Ground, delay: float) -> Iterator[plain.Counting]:
    if delay:
        with peers.sink(ground.sink_port, delay=delay) as slow:
            yield slow
    else:
        with plain.plain_sink(ground.sink_port) as quick:
            yield quick
