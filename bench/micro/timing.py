"""Ratios between two steps in one process: they hold on a busy machine, where times do not."""

from collections.abc import Callable
from time import perf_counter

from pytest_benchmark.fixture import BenchmarkFixture

_ROUNDS = 15


def ratio(step: Callable[[], object], yardstick: Callable[[], object]) -> float:
    """Of the shortest times of both, taken in turns: what came in between lengthens neither."""
    spans = [(_seconds(step), _seconds(yardstick)) for _ in range(_ROUNDS)]
    return min(span for span, _ in spans) / min(span for _, span in spans)


def _seconds(step: Callable[[], object]) -> float:
    begun = perf_counter()
    step()
    return perf_counter() - begun


def repeat(benchmark: BenchmarkFixture, step: Callable[[], object], rounds: int) -> None:
    """So many times and no more: each round uses up what the next would need."""
    benchmark.pedantic(step, rounds=rounds, warmup_rounds=2)  # type: ignore[no-untyped-call]
