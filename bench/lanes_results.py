"""What the probes of a run come to: percentiles by phase and kind, and whether the promises held. Pure.

Must never leave out a probe that did not arrive: it counts as one that takes for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from bench.lanes_prober import Probe


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time of the monotonic clock in which the load was of one kind."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds: `p50`, `p95`, `p99` from the end of DATA to arrival, `whole95` from the first knock."""

    probes: int
    lost: int
    refusals: int
    p50: float
    p95: float
    p99: float
    whole50: float
    whole95: float


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, what was measured, and the limit."""

    promise: str
    measured: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.measured <= self.limit


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all does not pass (nearest rank); inf where there are none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else inf


def from_dot(probe: Probe) -> float:
    return probe.arrived - probe.dot if probe.arrived and probe.dot else inf


def from_knock(probe: Probe) -> float:
    return probe.arrived - probe.knocked if probe.arrived else inf


def figures(probes: Sequence[Probe]) -> Figures:
    dots, knocks = [from_dot(probe) for probe in probes], [from_knock(probe) for probe in probes]
    return Figures(
        probes=len(probes),
        lost=knocks.count(inf),
        refusals=sum(probe.refusals for probe in probes),
        p50=percentile(dots, 0.50),
        p95=percentile(dots, 0.95),
        p99=percentile(dots, 0.99),
        whole50=percentile(knocks, 0.50),
        whole95=percentile(knocks, 0.95),
    )


def by_phase(probes: Sequence[Probe], phases: Sequence[Phase]) -> dict[str, dict[str, Figures]]:
    """By phase and kind; a probe belongs to the phase in which it first knocked."""
    found: dict[str, dict[str, Figures]] = {}
    for phase in phases:
        inside = [probe for probe in probes if phase.begin <= probe.knocked < phase.end]
        kinds = sorted({probe.kind for probe in inside})
        found[phase.name] = {kind: figures([p for p in inside if p.kind == kind]) for kind in kinds}
    return found


def promises(found: Mapping[str, Mapping[str, Figures]]) -> list[Row]:
    """The rows that a run is judged by."""
    idle, even, flood = found["idle"], found["even"], found["flood"]
    rows = [
        Row("fast lane under flood: p95 against idle", flood["premium"].p95 / idle["premium"].p95, 2.0, "x"),
        Row("fast lane under flood: p99", flood["premium"].p99, 1.0, "s"),
        Row("idle tenants of the standard lane: p95 from the first knock", flood["quiet"].whole95, 10.0, "s"),
        Row("the same, to an inbox that the flood fills too", flood["shared"].whole95, 10.0, "s"),
    ]
    for name, phase in (("idle", idle), ("the same load on both", even)):
        for share in ("p50", "p99"):
            ratio = getattr(phase["premium"], share) / getattr(phase["quiet"], share)
            rows.append(Row(f"premium against standard, {name}: {share}", ratio, 1.05, "x"))
    return rows
