"""Plots of the public pages as SVG: bars by day, and lines on a scale of powers of ten.

Colours and sizes are those of style.css. Must never be the only place where a number stands: each plot has
its table.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from api.words import number

_WIDTH, _HEIGHT = 640.0, 180.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 40.0, 12.0, 22.0
_INNER: Final = _HEIGHT - _TOP - _BOTTOM
_NAMES: Final = ("p50", "p95", "p99")


def bars(days: Sequence[date], values: Sequence[tuple[int, int]]) -> Markup:
    """Two numbers a day, one on top of the other; empty where there is nothing to show."""
    highest = max((sum(pair) for pair in values), default=0)
    if not highest:
        return Markup("")
    scale, step = _INNER / highest, _step(days)
    shapes = [_line_at(_TOP, number(highest)), _line_at(_TOP + _INNER, "0"), *_dates(days)]
    for index, (lower, upper) in enumerate(values):
        x, base = _LEFT + index * step, _TOP + _INNER
        shapes.append(_bar(1, x, base - lower * scale, step, lower * scale))
        shapes.append(_bar(4, x, base - (lower + upper) * scale, step, upper * scale))
    return _figure("Messages a day; the table below has the numbers", shapes)


def lines(days: Sequence[date], values: Sequence[tuple[float | None, ...]]) -> Markup:
    """Seconds a day at three percentiles, on a scale of powers of ten; a day without mail is a gap."""
    there = [seconds for each in values for seconds in each if seconds is not None]
    if not there:
        return Markup("")
    low, high = _powers(there)
    step = _step(days)

    def height(seconds: float) -> float:
        return _TOP + _INNER * (high - math.log10(max(seconds, 10**low))) / (high - low)

    shapes = [_line_at(height(10.0**power), f"{10.0**power:,g} s") for power in range(low, high + 1)]
    shapes += _dates(days)
    for index, name in enumerate(_NAMES):
        series = [each[index] for each in values]
        shapes += _series(name, series, height, step)
    return _figure("Time to deliver a day; the table below has the numbers", shapes)


def _powers(there: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(max(min(there), 0.001)))
    high = math.ceil(math.log10(max(*there, 0.001)))
    return low, max(high, low + 1)


def _series(
    name: str, values: Sequence[float | None], height: Callable[[float], float], step: float
) -> list[str]:
    """Lines between days that follow each other, a dot for each day, its name at the end."""
    points = [
        None if seconds is None else (_LEFT + (index + 0.5) * step, height(seconds))
        for index, seconds in enumerate(values)
    ]
    shapes = [
        f'<path class="{name}" d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}"/>'
        for a, b in pairwise(points)
        if a and b
    ]
    there = [point for point in points if point]
    shapes += [f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in there]
    if there:
        shapes.append(f'<text x="{there[-1][0] + 6:.1f}" y="{there[-1][1] + 4:.1f}">{name}</text>')
    return shapes


def _step(days: Sequence[date]) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / len(days)


def _bar(kind: int, x: float, y: float, step: float, height: float) -> str:
    gap = step * 0.15
    where = f'x="{x + gap:.1f}" y="{y:.1f}" width="{step - 2 * gap:.1f}" height="{height:.1f}"'
    return f'<rect class="of-{kind}" {where}/>' if height else ""


def _line_at(y: float, label: str) -> str:
    line = f'<path class="grid" d="M{_LEFT:.0f} {y:.1f}H{_WIDTH - _RIGHT:.0f}"/>'
    return f'{line}<text class="end" x="{_LEFT - 6:.0f}" y="{y + 4:.1f}">{label}</text>'


def _dates(days: Sequence[date]) -> list[str]:
    """The first day and the last."""
    y = _HEIGHT - 6
    first = f'<text x="{_LEFT:.0f}" y="{y:.0f}">{_day(days[0])}</text>'
    last = f'<text class="end" x="{_WIDTH - _RIGHT:.0f}" y="{y:.0f}">{_day(days[-1])}</text>'
    return [first, last] if len(days) > 1 else [first]


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _figure(label: str, shapes: Sequence[str]) -> Markup:
    """All of it is made of numbers and words of ours."""
    box = f'viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}"'
    return Markup(f'<svg class="plot" {box} role="img" aria-label="{label}">{"".join(shapes)}</svg>')
