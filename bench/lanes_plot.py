"""Latency of each probe over the time of a run, as an SVG picture. Pure; needs no library.

Must never hide a probe: what did not arrive stands on the upper edge.
"""

from collections.abc import Sequence
from math import inf, log10

from bench.lanes_prober import Probe
from bench.lanes_results import Phase, from_knock

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960, 420, 64, 48, 48
_FASTEST, _SLOWEST = 0.001, 100.0
_COLOURS = {"premium": "#0b6e4f", "quiet": "#c8553d", "shared": "#8d99ae"}
_NAMES = {
    "premium": "fast lane",
    "quiet": "standard lane, idle tenants",
    "shared": "the same, to an inbox the flood fills",
}
_SHADES = ("#ffffff", "#f3f1ea")


def plot(probes: Sequence[Probe], phases: Sequence[Phase]) -> str:
    """Seconds from the first knock to arrival on a logarithmic scale, over seconds since the first phase."""
    begin, end = phases[0].begin, phases[-1].end
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>From knocking at the mx to arrival in the inbox, in both lanes</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *(_band(phase, n, begin, end) for n, phase in enumerate(phases)),
        *(_rule(10.0**power) for power in range(-3, 3)),
        *(_dots(kind, probes, begin, end) for kind in ("shared", "quiet", "premium")),
        *(_legend(kind, n) for n, kind in enumerate(_COLOURS)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(moment: float, begin: float, end: float) -> float:
    return _LEFT + (moment - begin) / (end - begin) * (_WIDTH - _LEFT - 16)


def _y(seconds: float) -> float:
    share = log10(min(max(seconds, _FASTEST), _SLOWEST) / _FASTEST) / log10(_SLOWEST / _FASTEST)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _band(phase: Phase, number: int, begin: float, end: float) -> str:
    left, right = _x(phase.begin, begin, end), _x(phase.end, begin, end)
    height = _HEIGHT - _TOP - _BOTTOM
    return (
        f'<rect x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{height}" '
        f'fill="{_SHADES[number % 2]}"/>'
        f'<text x="{(left + right) / 2:.1f}" y="{_HEIGHT - 28}" text-anchor="middle">{phase.name}</text>'
    )


def _rule(seconds: float) -> str:
    y = _y(seconds)
    words = f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
    return (
        f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 16}" stroke="#d5d2c8"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'
    )


def _dots(kind: str, probes: Sequence[Probe], begin: float, end: float) -> str:
    """One path of little squares for each kind: a picture of thousands of them stays small."""
    shown = [p for p in probes if p.kind == kind and begin <= p.knocked < end]
    moves = "".join(f"M{_x(p.knocked, begin, end):.1f} {_height(p):.1f}h2" for p in shown)
    return f'<path d="{moves}" stroke="{_COLOURS[kind]}" stroke-width="2"/>'


def _height(probe: Probe) -> float:
    taken = from_knock(probe)
    return _y(_SLOWEST if taken == inf else taken)


def _legend(kind: str, number: int) -> str:
    x = _LEFT + number * 270
    return (
        f'<rect x="{x}" y="16" width="12" height="12" fill="{_COLOURS[kind]}"/>'
        f'<text x="{x + 18}" y="27">{_NAMES[kind]}</text>'
    )
