"""The tables of docs/scaling.md, between its marks. Pure. Must never hold a figure that was typed by hand."""

from collections.abc import Mapping, Sequence

from bench.capacity import BUSY, CORES_PER_NODE, LOG_DAYS, PEAK, Need, need
from bench.scaling_claims import Claims
from bench.scaling_cost import Cost

_GROWN = ["there are", "msg/s", "mx, ms CPU", "PostgreSQL, ms CPU", "write-ahead log, bytes", "commits",
          "questions to Redis", "log, bytes"]  # fmt: skip
_CLAIMS = ["waiting", "claimed", "median ms", "worst of 30, ms"]
_NODES = ["", "msg/s", "mx, ms CPU", "PostgreSQL, ms CPU", "commits"]
_NEEDS = ["messages a day", "a second at the peak", "cores for mx and workers", "nodes", "PostgreSQL, cores",
          "commits/s", "write-ahead log, MB/s", "Redis/s", "spool, MB/s", "log, GB"]  # fmt: skip


def sections(
    grown: Sequence[Cost], nodes: Sequence[Cost], claims: Sequence[Claims], how: str
) -> Mapping[str, str]:
    """What stands between each mark and its end. Capacity is computed from the row with the most aliases."""
    base = grown[-1]
    basis = (
        f"Of the row with {base.words}: the busiest minutes have {PEAK:g} times the mean, cores are planned "
        f"{BUSY:.0%} busy, a node has {CORES_PER_NODE}, the log keeps {LOG_DAYS} days.\n\n"
    )
    return {
        "how": f"{how}.\n",
        "grown": _table(_GROWN, [_grown(cost) for cost in grown]),
        "claims": _table(_CLAIMS, [_claim(each) for each in claims]),
        "nodes": _table(_NODES, [_node(cost) for cost in nodes]),
        "capacity": basis + _table(_NEEDS, [_need(need(10**power, base)) for power in range(6, 10)]),
    }


def _grown(c: Cost) -> list[str]:
    return [c.words, f"{c.rate:.0f}", f"{c.mx_ms:.2f}", f"{c.postgres_ms:.2f}", f"{c.wal_bytes:,.0f}",
            f"{c.commits:.2f}", f"{c.redis:.2f}", f"{c.log_bytes:,.0f}"]  # fmt: skip


def _claim(c: Claims) -> list[str]:
    return [f"{c.waiting:,}", str(c.claimed), f"{c.median_ms:.2f}", f"{c.worst_ms:.2f}"]


def _node(c: Cost) -> list[str]:
    return [c.words, f"{c.rate:.0f}", f"{c.mx_ms:.2f}", f"{c.postgres_ms:.2f}", f"{c.commits:.2f}"]


def _need(n: Need) -> list[str]:
    return [f"{n.messages:,}", f"{n.peak:,.0f}", f"{n.mx_cores:,.1f}", str(n.nodes),
            f"{n.postgres_cores:,.1f}", f"{n.commits:,.0f}", f"{n.wal_mb:,.1f}", f"{n.redis:,.0f}",
            f"{n.spool_mb:,.1f}", f"{n.log_gb:,.0f}"]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
