"""Percentiles and medians of what was measured. Must never invent one: of nothing it says NaN."""

import math
import statistics
from collections.abc import Iterable, Sequence


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of all does not pass, such as 0.99; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def milliseconds(latencies: Sequence[float], prefix: str = "") -> dict[str, float]:
    """p50, p95 and p99 of seconds, as milliseconds."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {prefix + name: percentile(latencies, share) * 1000 for name, share in shares.items()}
