"""docs/performance.md out of one or two results. Must be the only way in which figures get into it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import report
from bench.results import Results
from bench.summary import Judged, judge, medians

PATH: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.md"

_HEAD: Final = Path(__file__).with_name("performance-head.md")


def text(all_results: Sequence[Results]) -> str:
    """The whole page. A second result shows what a later run of the same said."""
    parts = [_HEAD.read_text(encoding="utf-8"), _machine(all_results[0])]
    for results in all_results:
        header, commit = results.header, results.header["machine"]["commit"]
        parts.append(
            f"## {header['command']}, {header['began'][:16].replace('T', ' ')} UTC, commit {commit}\n"
        )
        parts.append(_targets(results))
        parts += [f"{gap.strip()}\n" for gap in report.gaps(results)]
        parts.append("### All figures (medians)\n")
        parts.append(_figures(results))
    return "\n".join(parts)


def _machine(results: Results) -> str:
    machine = results.header["machine"]
    return (
        "## The machine\n\n"
        f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gb']} GB, "
        f"{machine['system']}, kernel {machine['kernel']}, Python {machine['python']}, Postfix "
        f"{machine['postfix']}, embedded PostgreSQL {machine['postgres']} with our shipped settings. One "
        f"RSA-2048 signature takes {machine['rsa_2048_ms']} ms, appending and syncing 4 kB "
        f"{machine['sync_ms']} ms.\n"
    )


def _targets(results: Results) -> str:
    judged = [each for row in report.measured(results) for each in judge(results, row)]
    lines = ["| what | figure | ours | other | ratio | target | |", "|---|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_cells(each) for each in judged)]) + "\n"


def _cells(judged: Judged) -> str:
    cells = report.line(judged)
    if judged.word == "missed":
        cells[-1] = "**missed**"
    return f"| {' | '.join(cells)} |"


def _figures(results: Results) -> str:
    lines = ["| row | side | runs | |", "|---|---|---|---|"]
    for row in report.measured(results):
        for side, values in medians(results, row).items():
            shown = report.all_of(values)
            lines.append(f"| {row.name} | {side} | {len(results.pairs(row))} | {shown} |")
    return "\n".join(lines) + "\n"
