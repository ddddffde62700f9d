"""What a day of so many messages needs, computed from what one costs. Pure.

Must never promise what was not measured: one step beyond a measured figure stands as what it is, a product.
"""

from dataclasses import dataclass
from math import ceil

from bench.scaling_cost import Cost

DAY = 86_400
PEAK = 3.0  # the busiest minutes of a day against its mean
BUSY = 0.6  # so much of a core is planned with, the rest is for what comes unexpectedly
CORES_PER_NODE = 8
LOG_DAYS = 7


@dataclass(frozen=True, slots=True)
class Need:
    """For `messages` a day: a second at the peak, and what that takes."""

    messages: int
    peak: float
    mx_cores: float
    nodes: int
    postgres_cores: float
    commits: float
    wal_mb: float
    redis: float
    spool_mb: float
    log_gb: float


def need(messages: int, cost: Cost) -> Need:
    peak = messages / DAY * PEAK
    cores = peak * (cost.mx_ms + cost.other_ms) / 1000 / BUSY
    return Need(
        messages=messages,
        peak=peak,
        mx_cores=cores,
        nodes=max(1, ceil(cores / CORES_PER_NODE)),
        postgres_cores=peak * cost.postgres_ms / 1000 / BUSY,
        commits=peak * cost.commits,
        wal_mb=peak * cost.wal_bytes / 1e6,
        redis=peak * cost.redis,
        spool_mb=peak * cost.written_bytes / 1e6,
        log_gb=messages * LOG_DAYS * cost.log_bytes / 1e9,
    )
