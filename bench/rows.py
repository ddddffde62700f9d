"""Every row of the table: what is sent to whom, and which target it has. Must measure nothing by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.measure import Kind, Latency, LatencyUnderLoad, Memory, Throughput

_KB: Final = 1024
_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Of the first side's figure; where `ratio`, of its ratio to the other side's in the same pair."""

    figure: str
    limit: float
    ratio: bool = False
    at_most: bool = False

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """`pairs` runs of each side in turn, after `warm_up` that are not counted. The first side is judged."""

    name: str
    title: str
    kind: Kind
    sides: Sequence[str]
    pairs: int
    targets: Sequence[Target]
    warm_up: int = 1
    minutes: float = 1.0  # about so long, for the time that is left
    alone: bool = False  # only one side runs at a time: the other one would not be idle
    sync_delay: float = 0.0  # seconds that each sync of anybody takes longer

    def is_judged_by(self, side: str) -> bool:
        """Whether some target needs figures of this side."""
        return side == self.sides[0] or any(target.ratio for target in self.targets)


def at_least(figure: str, limit: float) -> Target:
    return Target(figure, limit, ratio=True)


def at_most(figure: str, limit: float) -> Target:
    return Target(figure, limit, at_most=True)


_BOTH: Final = ("ours", "stack")
_TIMES_5: Final = (at_least("rate", 5), at_most("cpu_ms", 0.8), at_most("flushes", 0.5))


def quick() -> list[Row]:
    """The main rows, in less than ten minutes."""
    return [
        Row("4k", "4 KB, new connection per message", Throughput(1500), _BOTH, 5, _TIMES_5, minutes=0.8),
        Row("4k-keep", "4 KB, kept connections", Throughput(1500, keep=True), _BOTH, 5,
            [at_least("rate", 5)], minutes=0.8),
        Row("50k", "50 KB", Throughput(1000, 50 * _KB), _BOTH, 5, [at_least("rate", 4)], minutes=0.7),
        Row("5m", "5 MB", Throughput(60, 5 * _MB), _BOTH, 5, [at_least("rate", 1.2)], minutes=0.5),
        Row("latency-20", "latency at 20 messages/s", Latency(200, 20), _BOTH, 3,
            [at_most("p50", 2), at_most("p99", 8)], warm_up=0, minutes=1.2),
        Row("latency-300", "latency at 300 messages/s", Latency(1500, 300), _BOTH, 3,
            [at_most("p50", 2), at_most("p99", 10)], minutes=0.8),
        Row("loaded", "latency under full load of its own", LatencyUnderLoad(1500), _BOTH, 5,
            [at_most("p99", 40), at_least("rate", 3)], minutes=1.0),
        Row("slow-hop", "next hop that takes 300 ms", Throughput(400, sink_delay=0.3), _BOTH, 5,
            [at_least("rate", 9)], minutes=1.2),
        Row("verdicts", "4 KB signed mail, verdicts, seal", Throughput(1000, signed=True),
            ("ours_verdicts", "stack_verdicts"), 5, [at_least("rate", 3)], minutes=0.9),
    ]  # fmt: skip


def full() -> list[Row]:
    """All of them, with more pairs and larger loads."""
    return [
        Row("4k", "4 KB, new connection per message", Throughput(3000), _BOTH, 7, _TIMES_5, minutes=2),
        Row("4k-keep", "4 KB, kept connections", Throughput(3000, keep=True), _BOTH, 7,
            [at_least("rate", 5)], minutes=2),
        Row("50k", "50 KB", Throughput(1500, 50 * _KB), _BOTH, 7, [at_least("rate", 4)], minutes=1.5),
        Row("50k-keep", "50 KB, kept connections", Throughput(1500, 50 * _KB, keep=True), _BOTH, 5,
            [at_least("rate", 4)], minutes=1.2),
        Row("5m", "5 MB", Throughput(100, 5 * _MB), _BOTH, 7, [at_least("rate", 1.2)], minutes=1.2),
        Row("latency-20", "latency at 20 messages/s", Latency(400, 20), _BOTH, 5,
            [at_most("p50", 2), at_most("p99", 8)], warm_up=0, minutes=3.6),
        Row("latency-300", "latency at 300 messages/s", Latency(3000, 300), _BOTH, 5,
            [at_most("p50", 2), at_most("p99", 10)], minutes=2),
        Row("loaded", "latency under full load of its own", LatencyUnderLoad(3000, probes=160), _BOTH, 5,
            [at_most("p99", 40), at_least("rate", 3)], minutes=2.0),
        Row("slow-hop", "next hop that takes 300 ms", Throughput(1000, sink_delay=0.3), _BOTH, 5,
            [at_least("rate", 9)], minutes=2.2),
        Row("verdicts", "4 KB signed mail, verdicts, seal", Throughput(2000, signed=True),
            ("ours_verdicts", "stack_verdicts"), 7, [at_least("rate", 3)], minutes=2),
        Row("aliases", "100,000 aliases against 1,000", Throughput(1000),
            ("ours_100000", "ours_1000"), 7, [at_least("rate", 0.95)], minutes=1),
        Row("deferred", "20,000 deferred in the queue against none", Throughput(2000),
            ("ours_deferred", "ours"), 5, [at_least("rate", 0.95)], minutes=3, alone=True),
        Row("memory", "memory of each process over 100,000 messages", Memory(10_000), ("ours",), 1,
            [at_most("largest_mb", 150), at_most("growth", 1.1)], warm_up=0, minutes=3),
        Row("slow-disk", "4 KB where each sync takes 1 ms longer", Throughput(2000), _BOTH, 5,
            [at_least("rate", 5)], minutes=3, sync_delay=0.001),
    ]  # fmt: skip


def rows_of(kind: str) -> list[Row]:
    """Of a results file's kind: quick or full."""
    return full() if kind == "full" else quick()
