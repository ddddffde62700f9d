"""Tables for a terminal: one result, or two side by side. Must show each target beside its figure."""

from collections.abc import Sequence
from typing import Final

from bench.measure import Figures
from bench.results import Results
from bench.rows import Row, Target, rows_of
from bench.summary import Judged, judge, medians
from clearpost.progress import table

_UNITS: Final = {
    "rate": "/s",
    "cpu_ms": "ms CPU",
    "p50": "ms",
    "p95": "ms",
    "p99": "ms",
    "largest_mb": "MB",
    "growth": "x",
}
_NAMES: Final = {"rate": "messages", "cpu_ms": "CPU", "largest_mb": "memory", "flushes": "flushes"}
_HEADINGS: Final = ("row", "figure", "ours", "other", "ratio (least - largest)", "target", "")


def one(results: Results) -> str:
    """Every target, what was measured, whether it is held; then all figures."""
    judged = [each for row in measured(results) for each in judge(results, row)]
    parts = [heading(results), table(_HEADINGS, [line(each) for each in judged]), figures(results)]
    return "\n\n".join([*parts, "\n".join(gaps(results))]).rstrip()


def two(first: Results, second: Results) -> str:
    """The targets that both have figures for."""
    rows = []
    for row in (each for each in measured(first) if second.pairs(each)):
        for a, b in zip(judge(first, row), judge(second, row), strict=True):
            change = f"{b.value / a.value:.2f} x" if a.value else ""
            rows.append(
                [row.title, name_of(a.target), said(a), said(b), change, limit(a.target), verdict(a, b)]
            )
    headings = ("row", "figure", "first", "second", "second / first", "target", "")
    return "\n\n".join([heading(first), heading(second), table(headings, rows)])


def measured(results: Results) -> list[Row]:
    """Those of which there is at least one pair."""
    return [row for row in rows_of(results.header["kind"]) if results.pairs(row)]


def gaps(results: Results) -> list[str]:
    """Rows that are not there, and why, as far as it is known."""
    rows = [row for row in rows_of(results.header["kind"]) if not results.pairs(row)]
    whys = [results.failures.get(row.name, "") for row in rows]
    return [f"  not measured: {row.title}; {why}".rstrip("; ") for row, why in zip(rows, whys, strict=True)]


def heading(results: Results) -> str:
    machine = results.header["machine"]
    return (
        f"  {results.path.name}: {results.header['command']}, {results.header['began']}, "
        f"commit {machine['commit']}\n"
        f"  {machine['processors']} processors ({machine['processor']}), {machine['memory_gb']} GB, "
        f"RSA-2048 signature {machine['rsa_2048_ms']} ms, sync of 4 kB {machine['sync_ms']} ms"
    )


def line(judged: Judged) -> list[str]:
    row, figure = judged.row, judged.target.figure
    sides = [_plain(judged.medians[side], figure) if side in judged.medians else "" for side in row.sides]
    ours, other = [*sides, ""][:2]
    ratio = spread(judged) if judged.target.ratio else ""
    return [row.title, name_of(judged.target), ours, other, ratio, limit(judged.target), judged.word]


def figures(results: Results) -> str:
    """What was measured beside what has a target."""
    rows = []
    for row in measured(results):
        for side, values in medians(results, row).items():
            text = all_of(values)
            rows.append([row.name, side, f"{len(results.pairs(row))} x", text])
    return table(("row", "side", "runs", "medians"), rows)


def all_of(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items()) or "could not take the load"


def verdict(first: Judged, second: Judged) -> str:
    return first.word if first.word == second.word else f"{first.word}, {second.word}"


def said(judged: Judged) -> str:
    return spread(judged) if judged.target.ratio else _plain(judged.value, judged.target.figure)


def spread(judged: Judged) -> str:
    """Median, least and largest of a ratio."""
    if not judged.values:
        return ""
    return f"{judged.value:.2f} x ({min(judged.values):.2f} - {max(judged.values):.2f})"


def limit(target: Target) -> str:
    sign = "<=" if target.at_most else ">="
    return f"{sign} {target.limit:g} x" if target.ratio else f"{sign} {_plain(target.limit, target.figure)}"


def name_of(target: Target) -> str:
    return _NAMES.get(target.figure, target.figure)


def _plain(value: float, figure: str) -> str:
    digits = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {_UNITS.get(figure, '')}".strip()


def progress(results: Results, rows: Sequence[Row]) -> tuple[float, float]:
    """Minutes of work done and left, by what each row is said to take."""
    left = sum(row.minutes * len(results.missing(row)) / row.pairs for row in rows)
    return sum(row.minutes for row in rows) - left, left
