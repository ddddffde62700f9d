"""All destinations but the probed one: `python -m bench.lanes_sinks PORT`, until its input ends.

Prints when the probes among their mail arrived, as JSON lines of number and moment. Must never slow down
what is measured: it gives way to everything else (nice).
"""

import asyncio
import json
import os
import sys

import uvloop

from bench.lanes_inboxes import listen
from bench.lanes_world import HOSTS, PROBED


async def main(port: int) -> list[tuple[int, float]]:
    arrived: list[tuple[int, float]] = []

    def note(number: int, moment: float) -> None:
        if number >= 0:
            arrived.append((number, moment))

    for host in HOSTS:
        if host.name != PROBED:
            await listen(host.address, port, host.manner, note)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    return arrived


if __name__ == "__main__":
    os.nice(19)
    for number, moment in uvloop.run(main(int(sys.argv[1]))):
        print(json.dumps([number, moment]))
