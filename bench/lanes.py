"""Does the fast lane stay fast? `python -m bench.lanes [--short]`: probes in both lanes, phase after phase.

Idle; the same moderate load on both lanes; then all at once in the standard lane: a backlog, a flood whose
mail goes to tarpits for a third, a poisoned destination, the burst of one tenant, and large messages. Must
never measure anything but this checkout, on loopback.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

import asyncpg

from bench.lanes_children import child, flood, told
from bench.lanes_flood import Stream
from bench.lanes_plot import plot
from bench.lanes_prober import Plan, Probe
from bench.lanes_report import report, sections
from bench.lanes_results import Phase, by_phase, promises
from bench.lanes_stack import ROOT, LaneStack, Used, lane_stack
from bench.lanes_world import KIND
from bench.marks import filled, measured_by

_GRACE = 15.0


@dataclass(frozen=True, slots=True)
class Size:
    """How long each phase lasts in seconds, and how many deliveries the backlog has."""

    settle: float
    idle: float
    even: float
    flood: float
    backlog: int
    rate: float = 10.0


SHORT = Size(settle=5, idle=20, even=20, flood=45, backlog=20_000)
FULL = Size(settle=10, idle=90, even=120, flood=240, backlog=100_000)


class Run:
    """One run: the service, who sends to it, and what was seen."""

    def __init__(self, service: LaneStack, size: Size) -> None:
        self.service = service
        self.size = size
        self.phases: list[Phase] = []
        self.load: dict[str, object] = {}
        self.used: dict[str, dict[str, Used]] = {}

    async def go(self) -> None:
        await asyncio.sleep(self.size.settle)
        await self._phase("idle", self.size.idle)
        await self._phase("even", self.size.even, self._even())
        say(f"backlog: {self.size.backlog:,} deliveries to slow hosts")
        backlog = replace(self._stream("backlog", 20, 600), count=self.size.backlog // 100, each=100)
        await self._flood([backlog])
        await self._phase("flood", self.size.flood, self._all_at_once())

    def _even(self) -> list[Stream]:
        fast = replace(self._stream("evenfast", 10, self.size.even), port=self.service.fast_port)
        free = self._stream("evenfree", 10, self.size.even)
        return [replace(each, rate=20) for each in (fast, free)]

    def _all_at_once(self) -> list[Stream]:
        seconds = self.size.flood
        return [
            self._stream("flood", 40, seconds),
            replace(self._stream("burst", 10, seconds), rate=50),
            replace(self._stream("large", 2, seconds), size=5_000_000),
        ]

    def _stream(self, kind: str, sessions: int, seconds: float) -> Stream:
        """To the standard lane, as fast as it is taken."""
        who = KIND[kind]
        return Stream(kind, self.service.standard_port, who.tenants, who.aliases, sessions, seconds)

    async def _phase(self, name: str, seconds: float, streams: Sequence[Stream] = ()) -> None:
        say(f"{name}: {seconds:.0f} s")
        before, begin = self.service.used(), monotonic()
        await asyncio.gather(asyncio.sleep(seconds), self._flood(streams))
        end = monotonic()
        self.phases.append(Phase(name, begin, end))
        self.used[name] = {
            who: used.since(before[who], end - begin) for who, used in self.service.used().items()
        }

    async def _flood(self, streams: Sequence[Stream]) -> None:
        if not streams:
            return
        counts = await flood(streams)
        self.load |= {stream.kind: asdict(count) for stream, count in zip(streams, counts, strict=True)}


async def measure(size: Size, folder: Path, changes: dict[str, str]) -> tuple[Run, list[Probe]]:
    async with lane_stack(folder, changes) as service:
        plan = Plan(service.fast_port, service.standard_port, service.inbox_port, size.rate)
        async with (
            child("bench.lanes_sinks", str(service.inbox_port)) as sinks,
            child("bench.lanes_prober", json.dumps(asdict(plan))) as prober,
        ):
            run = Run(service, size)
            await run.go()
            run.load["waiting at the end"] = await _waiting(service.url)
            say(f"and {_GRACE:.0f} s for what is still under way")
            assert prober.stdin
            prober.stdin.write(b"\n")
            await asyncio.sleep(_GRACE)
            probes = [Probe(**json.loads(line)) for line in (await told(prober)).splitlines()]
            for line in (await told(sinks)).splitlines():
                number, moment = json.loads(line)
                probes[number].arrived = probes[number].arrived or moment
    return run, probes


async def _waiting(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from delivery where lane = 'standard'"))
    finally:
        await connection.close()


def _command(is_short: bool, size: Size) -> str:
    command = "make bench-lanes ARGS=--short" if is_short else "make bench-lanes"
    return f"{command}` with a backlog of `{size.backlog:,}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="3 minutes instead of 12")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "bench-lanes")
    parser.add_argument("--docs", type=Path, help="fills lanes.md and images/lanes.svg of this folder")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of ours")
    options = parser.parse_args()
    size = SHORT if options.short else FULL
    changes = dict(each.split("=", 1) for each in options.set)
    run, probes = asyncio.run(measure(size, options.folder.absolute(), changes))
    found = by_phase(probes, run.phases)
    rows = promises(found)
    print(report(found, rows, run.load, run.used))
    results = {
        "size": asdict(size), "phases": [asdict(phase) for phase in run.phases], "load": run.load,
        "used": {name: {who: asdict(used) for who, used in each.items()} for name, each in run.used.items()},
        "probes": [asdict(probe) for probe in probes],
    }  # fmt: skip
    (options.folder / "results.json").write_text(json.dumps(results))
    (options.folder / "lanes.svg").write_text(plot(probes, run.phases))
    if options.docs:
        page = options.docs / "lanes.md"
        page.write_text(
            filled(page.read_text(), sections(found, rows, measured_by(_command(options.short, size))))
        )
        (options.docs / "images" / "lanes.svg").write_text(plot(probes, run.phases))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
