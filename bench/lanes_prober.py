"""Sends probes to both lanes at a steady rate, and is their inbox: `python -m bench.lanes_prober PLAN`.

One process, so that both ends read one clock. Probes go out at their time however the earlier ones
fare (open loop). Must never leave out one that was refused, late or lost.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from itertools import count
from time import monotonic

import uvloop

from bench.lanes_inboxes import listen
from bench.lanes_letters import addresses, body, letter
from bench.lanes_sender import Dialogue, Letter, Sent, connect
from bench.lanes_world import HOSTS, KIND, PROBED

_SIZE = 4096
_AGAIN = 1.0  # a sender of ours comes back sooner than a real one, so that what it waits for is us
_ADDRESS = "127.0.3.1"


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` pairs a second, one to each lane; every fourth standard one goes to the inbox of all."""

    fast_port: int
    standard_port: int
    inbox_port: int
    rate: float


@dataclass(slots=True)
class Probe:
    """A message and its moments; 0 where it did not come so far. `refusals` before it was taken."""

    number: int
    kind: str
    knocked: float
    dot: float = 0.0
    answered: float = 0.0
    arrived: float = 0.0
    refusals: int = 0


class Prober:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._body = body(_SIZE)
        self._to = {
            kind: addresses(kind, KIND[kind].tenants, KIND[kind].aliases)
            for kind in ("premium", "quiet", "shared")
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self.probes: list[Probe] = []

    def arrived(self, number: int, moment: float) -> None:
        """Of copies the first counts."""
        if 0 <= number < len(self.probes) and not self.probes[number].arrived:
            self.probes[number].arrived = moment

    async def run(self) -> None:
        """For ever. The two of a pair go one half of the pause apart, so that neither meets the other."""
        loop = asyncio.get_running_loop()
        begun, half = loop.time(), 0.5 / self._plan.rate
        for tick in count():
            await asyncio.sleep(max(0.0, begun + tick * half - loop.time()))
            if tick % 2 == 0:
                self._send("premium", self._plan.fast_port)
            else:
                self._send("shared" if tick % 8 == 7 else "quiet", self._plan.standard_port)

    def _send(self, kind: str, port: int) -> None:
        probe = Probe(len(self.probes), kind, monotonic())
        self.probes.append(probe)
        task = asyncio.create_task(self._deliver(probe, port, next(self._to[kind])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, probe: Probe, port: int, to: str) -> None:
        """Until it is taken: a refused or lost one comes again, and its time goes on."""
        while not await self._try(probe, port, letter(probe.number, [to], self._body)):
            probe.refusals += 1
            await asyncio.sleep(_AGAIN)

    async def _try(self, probe: Probe, port: int, message: Letter) -> bool:
        told: list[Sent] = []
        waiting = [message]
        dialogue = Dialogue(lambda: waiting.pop() if waiting else None, told.append)
        try:
            await connect(_ADDRESS, port, dialogue)
            await dialogue.ended
        except OSError:
            return False
        if not told or not told[0].is_taken:
            return False
        probe.dot, probe.answered = told[0].dot, told[0].answered
        return True


async def main(plan: Plan) -> list[Probe]:
    prober = Prober(plan)
    host = next(host for host in HOSTS if host.name == PROBED)
    await listen(host.address, plan.inbox_port, host.manner, prober.arrived)
    print("ready", flush=True)
    sending = asyncio.create_task(prober.run())
    await asyncio.to_thread(sys.stdin.readline)  # a first line: send no more, wait for what is under way
    sending.cancel()
    await asyncio.to_thread(sys.stdin.read)
    return prober.probes


if __name__ == "__main__":
    for each in uvloop.run(main(Plan(**json.loads(sys.argv[1])))):
        print(json.dumps(asdict(each)))
