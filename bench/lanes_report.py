"""A run of the lanes' benchmark in words: tables for a terminal and for the docs. Pure."""

from collections.abc import Mapping, Sequence
from math import isinf

from bench.lanes_results import Figures, Row
from bench.lanes_stack import Used

_WHO = {
    "premium": "fast lane (premium)",
    "quiet": "standard lane, idle tenants",
    "shared": "the same, to an inbox the flood fills",
}


def report(
    found: Mapping[str, Mapping[str, Figures]],
    rows: Sequence[Row],
    load: Mapping[str, object],
    used: Mapping[str, Mapping[str, Used]],
) -> str:
    return "\n".join([table(found), "", verdicts(rows), "", _load(load), "", _cores(used)])


def sections(found: Mapping[str, Mapping[str, Figures]], rows: Sequence[Row], how: str) -> Mapping[str, str]:
    """What stands between the marks of docs/lanes.md."""
    return {"how": f"{how}.\n", "probes": f"{table(found)}\n", "promises": f"{verdicts(rows)}\n"}


def table(found: Mapping[str, Mapping[str, Figures]]) -> str:
    """Milliseconds; a line for each phase and kind."""
    lines = [
        "| phase | probes of | n | p50 | p95 | p99 ms, end of DATA to arrival "
        "| p50 | p95 ms, from the first knock | refused first | lost |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for phase, kinds in found.items():
        for kind, f in kinds.items():
            spans = [_ms(span) for span in (f.p50, f.p95, f.p99, f.whole50, f.whole95)]
            lines.append(_line([phase, _WHO[kind], f.probes, *spans, f.refusals, f.lost]))
    return "\n".join(lines)


def verdicts(rows: Sequence[Row]) -> str:
    lines = ["| promise | measured | limit | |", "|---|---|---|---|"]
    for row in rows:
        word = "holds" if row.holds else "MISSED"
        lines.append(
            _line([row.promise, f"{row.measured:.2f} {row.unit}", f"{row.limit:g} {row.unit}", word])
        )
    return "\n".join(lines)


def _load(load: Mapping[str, object]) -> str:
    return "\n".join(f"load {name}: {count}" for name, count in load.items())


def _cores(used: Mapping[str, Mapping[str, Used]]) -> str:
    """How much of a core each had, by phase, and how much longer it would have run at once."""
    return "\n".join(
        f"cores in {phase} (+ waited for one): "
        + ", ".join(f"{who} {share.ran:.2f} (+{share.waited:.2f})" for who, share in each.items())
        for phase, each in used.items()
    )


def _ms(seconds: float) -> str:
    return "never" if isinf(seconds) else f"{seconds * 1000:.1f}"


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
