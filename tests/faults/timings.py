"""How long things take in a fault case: as in production, or short but in the same order.

Retries are short in both; what is promised in seconds is untouched in "real".
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def _seconds(**values: float) -> dict[str, Any]:
    return {name: timedelta(seconds=value) for name, value in values.items()}


_BOTH: dict[str, Any] = {
    **_seconds(connection_idle=1, connect_timeout=3, dns_timeout=1, no_domain_confirm=3),
    **_seconds(provider_first_pause=1),
    "standard_ladder": (timedelta(seconds=0.5),),
    "fast_ladder": (timedelta(seconds=0.5),),
    "spool_reserve": 0,
    "max_connections_per_ip": 100,
}
TIMINGS: Mapping[str, dict[str, Any]] = {
    "real": _BOTH,
    "quick": {
        **_BOTH,
        **_seconds(heartbeat_interval=0.5, heartbeat_stale=2, death_after=3),
        **_seconds(sweep_interval=1, fast_sweep_interval=1, segment_age=2, survivor_age=2),
    },
}
