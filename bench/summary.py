"""Medians, ratios of pairs, and whether a target is held. Must never judge a row that is not whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure import Figures
from bench.results import Results
from bench.rows import Row, Target
from clearpost.bench.figures import median


@dataclass(frozen=True, slots=True)
class Judged:
    """A target, and what it is about: the figure of each pair, or the ratio of each."""

    row: Row
    target: Target
    values: Sequence[float]
    medians: dict[str, float]  # of the figure itself, by side
    whole: bool

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def word(self) -> str:
        """held, missed, or not whole: some of its pairs were not run."""
        if not self.whole:
            return "not whole"
        return "held" if self.target.holds(self.value) else "missed"


def judge(results: Results, row: Row) -> list[Judged]:
    """One for each target of the row."""
    pairs = list(results.pairs(row).values())
    whole = not results.missing(row)
    return [
        Judged(row, target, _values(row, target, pairs), _medians(target.figure, pairs), whole)
        for target in row.targets
    ]


def medians(results: Results, row: Row) -> dict[str, Figures]:
    """All figures of all sides."""
    pairs = list(results.pairs(row).values())
    names = {name for pair in pairs for figures in pair.values() for name in figures}
    of_each = {name: _medians(name, pairs) for name in sorted(names)}
    return {
        side: {name: found[side] for name, found in of_each.items() if side in found}
        for side in row.sides
        if pairs
    }


def _values(row: Row, target: Target, pairs: Sequence[dict[str, Figures]]) -> list[float]:
    first = [pair[row.sides[0]][target.figure] for pair in pairs]
    if not target.ratio:
        return first
    second = [pair[row.sides[1]][target.figure] for pair in pairs]
    return [ours / theirs for ours, theirs in zip(first, second, strict=True)]


def _medians(figure: str, pairs: Sequence[dict[str, Figures]]) -> dict[str, float]:
    values = {side: [pair[side][figure] for pair in pairs if figure in pair[side]] for side in _sides(pairs)}
    return {side: median(found) for side, found in values.items() if found}


def _sides(pairs: Sequence[dict[str, Figures]]) -> Sequence[str]:
    return list(pairs[0]) if pairs else []
