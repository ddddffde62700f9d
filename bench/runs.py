"""Runs what is not done yet, both sides in turn. Must write each pair down before it begins the next."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from bench import backlog, proof
from bench.ground import Ground, open_ground
from bench.load import NotTaken
from bench.measure import Figures, LostMessages
from bench.report import progress
from bench.results import Results
from bench.rows import Row
from bench.sides import Side, Sides
from clearpost.process import EmbeddedError

BACKLOG: Final = 20_000
Say = Callable[[str], None]


def run(rows: Sequence[Row], results: Results, say: Say) -> None:
    """All rows; one that fails twice is noted, and the next one begins."""
    if not any(results.missing(row) for row in rows):
        return
    with open_ground() as ground:
        sides = Sides(ground)
        try:
            for row in rows:
                if results.missing(row):
                    say(f"{row.title}; about {math.ceil(progress(results, rows)[1])} min left")
                    _run_row(ground, sides, row, results, say)
        finally:
            sides.close()


def _run_row(ground: Ground, sides: Sides, row: Row, results: Results, say: Say) -> None:
    for attempt in (1, 2):
        try:
            _pairs(ground, sides, row, results, say)
        except (LostMessages, NotTaken, EmbeddedError, proof.NotDone) as error:
            say(f"  {error}")
            sides.stop()
            if attempt == 2:
                results.fail(row.name, str(error))
        else:
            return


def _pairs(ground: Ground, sides: Sides, row: Row, results: Results, say: Say) -> None:
    unable: set[str] = set()
    for number in range(row.warm_up):
        _pair(ground, sides, row, say, unable, first=number % 2)
    for number in results.missing(row):
        figures = _pair(ground, sides, row, say, unable, first=number % 2)
        results.add(row.name, number, figures)
        shown = ", ".join(f"{name} {headline(figures[name])}" for name in row.sides)
        say(f"  {number + 1} of {row.pairs}: {shown}")


def _pair(
    ground: Ground, sides: Sides, row: Row, say: Say, unable: set[str], *, first: int
) -> dict[str, Figures]:
    """Each side once. Who begins alternates, so that neither always follows the other. No figures of a side
    that nothing is compared with, and that could not take the load: it is not asked for this row again.
    """
    names = list(row.sides)
    names = names[first:] + names[:first]
    figures: dict[str, Figures] = {name: {} for name in unable}
    for name in names:
        if name in unable:
            continue
        with sides.running([name] if row.alone else row.sides) as running:
            _make_ready(ground, sides, name, running[name])
            try:
                figures[name] = row.kind.once(ground, running[name])
            except LostMessages as lost:
                if row.is_judged_by(name):
                    raise
                say(f"  {name} could not take it: {lost}")
                figures[name] = {}
                unable.add(name)
                sides.forget(name)  # with what waits in it, which would come to the next one's sink
    return figures


def _make_ready(ground: Ground, sides: Sides, name: str, side: Side) -> None:
    if name not in sides.proven:
        proof.check(ground, name, side)
        if name.endswith("_deferred"):
            backlog.defer(side, BACKLOG)
        sides.proven.add(name)


def headline(figures: Figures) -> str:
    """The one figure of a run that is shown as it ends."""
    if not figures:
        return "none"
    if "p99" in figures:
        return f"p50 {figures['p50']:.1f} p99 {figures['p99']:.1f} ms"
    if "largest_mb" in figures:
        return f"{figures['largest_mb']:.0f} MB"
    return f"{figures['rate']:.0f} /s"
