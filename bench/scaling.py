"""How cost grows: `python -m bench.scaling [--short]`, by aliases, tenants, waiting mail, nodes.

What a message costs is counted (CPU, bytes of the write-ahead log, questions to Redis, bytes written), and
from that follows what a day of so many messages needs. Must never measure anything but this checkout.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.lanes import say
from bench.lanes_children import child
from bench.lanes_stack import ROOT, LaneStack, lane_stack
from bench.marks import filled, measured_by
from bench.scaling_claims import Claims, claims
from bench.scaling_cost import Cost, cost_of
from bench.scaling_page import sections
from bench.scaling_world import GROWTH, settle_first, settle_more

_SETTINGS = {"CLEARPOST_VERDICTS": "false", "CLEARPOST_CONNECTIONS_PER_NEXT_HOP": "20"}


async def measure(folder: Path, short: bool) -> tuple[list[Cost], list[Cost], list[Claims]]:
    seconds = 4.0 if short else 10.0
    growth = GROWTH[:-1] if short else GROWTH
    wanted = (("mx", "fast"), ("worker", "fast"), ("upkeep", ""))
    async with (
        lane_stack(folder, _SETTINGS, settle=settle_first, wanted=wanted) as service,
        child("bench.lanes_sinks", str(service.inbox_port)),
    ):
        grown = []
        for point in growth:
            say(f"aliases: {point.words}")
            await settle_more(service.url, service.folder / "keys", point)
            await cost_of(service, point, 1.0)  # the first messages fill caches and plans
            grown.append(await cost_of(service, point, seconds))
        nodes = [await cost_of(service, growth[0], seconds, words="one node")]
        say("two nodes: another spool folder, the same key folder and database")
        await _second_node(service)
        nodes.append(await cost_of(service, growth[0], seconds, words="two nodes", ports=2))
        backlogs = [0, 1_000, 10_000, 100_000] + ([] if short else [1_000_000])
        waits = []
        for backlog in backlogs:
            say(f"backlog: {backlog:,}")
            waits.append(await claims(service.url, backlog))
    return grown, nodes, waits


async def _second_node(service: LaneStack) -> None:
    port = service.standard_port  # free: no mx of the standard lane runs here
    changes = {"CLEARPOST_SPOOL_DIR": str(service.folder / "spool-2"), "CLEARPOST_FAST_MX_PORT": str(port)}
    await service.start("mx", "fast", "mx of node 2", **changes)
    await service.start("worker", "fast", "worker of node 2", **changes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="10^5 aliases at most, 3 minutes")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "bench-scaling")
    parser.add_argument("--page", type=Path, help="fills the tables of this page (docs/scaling.md)")
    options = parser.parse_args()
    grown, nodes, waits = asyncio.run(measure(options.folder.absolute(), options.short))
    command = "make bench-scaling ARGS=--short" if options.short else "make bench-scaling"
    parts = sections(grown, nodes, waits, measured_by(command))
    results = {key: [asdict(each) for each in part] for key, part in
               (("grown", grown), ("nodes", nodes), ("claims", waits))}  # fmt: skip
    (options.folder / "results.json").write_text(json.dumps(results))
    print("\n".join(parts.values()))
    if options.page:
        options.page.write_text(filled(options.page.read_text(), parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
