"""The soak: mail flows while any process is killed at any moment, Postgres and Redis among them."""

import asyncio
import random
import sys
import time

from tests.faults.case import Run, case
from tests.faults.rig import ROLES
from tests.support.destination import DEFAULTS, Act

_SERVERS = ("postgres", "valkey")
_SEED = 20_261
_RATE = 40.0


async def _soak(run: Run, kills: int, letters: int) -> None:
    """A burst of letters for each kill, which meets it at any moment; the dead have successors at once."""
    rng = random.Random(_SEED)
    _slow_down(run)
    started, burst = time.perf_counter(), letters // kills
    flows = []
    for number in range(kills):
        flows.append(asyncio.create_task(run.load.flow(burst, rate=_RATE, seconds=600)))
        await asyncio.sleep(burst / _RATE * rng.uniform(0.2, 1.2))
        await _kill(run, rng)
        run.fault()
        if number % 10 == 9 and run.full:
            _progress(run, number + 1, kills, time.perf_counter() - started)
    await asyncio.gather(*flows)
    await run.rig.heal()
    await run.rig.idle(300)
    run.recovered()
    run.note = f"{kills} kills, {await _interrupted(run)} attempts interrupted"


def _slow_down(run: Run) -> None:
    """Destinations take their time, so that every kill meets attempts on both sides of their dot."""
    for name in ("inbox", "d1", "d2"):
        run.rig.sinks[name].script = {
            "RCPT": Act(DEFAULTS["RCPT"], seconds=0.2),
            "DOT": Act(DEFAULTS["DOT"], seconds=0.3),
        }


async def _kill(run: Run, rng: random.Random) -> None:
    """A server now and then, else one of the six processes."""
    rig = run.rig
    chance = rng.random()
    if chance < 0.03:
        await rig.ground.kill_postgres()
        await rig.ground.start_postgres()
    elif chance < 0.08:
        await rig.ground.kill_valkey()
        await rig.ground.start_valkey()
    else:
        role = rng.choice(list(ROLES))
        if role in rig.processes and rig.processes[role].is_alive:
            await rig.kill(role)
    await rig.start_missing()


async def _interrupted(run: Run) -> int:
    await run.rig.settled()
    events = await run.rig.world.logged_events("type = 'soft-bounced'")
    return sum(event.response == "attempt interrupted" for event in events)


def _progress(run: Run, done: int, kills: int, seconds: float) -> None:
    accepted = sum(bool(letter.accepted) for letter in run.load.letters)
    sys.stderr.write(f"\r  soak: {done} of {kills} kills, {accepted} messages taken, {seconds:.0f} s   ")
    if done == kills:
        sys.stderr.write("\n")
    sys.stderr.flush()


@case("S1", "soak: 10 kills while 300 messages flow", duplicates=30, reduced=True, alone=True, seconds=240)
async def short_soak(run: Run) -> None:
    await _soak(run, 10, 300)


@case("S2", "soak: 200 kills while 10,000 messages flow", duplicates=600, alone=True, seconds=3600)
async def long_soak(run: Run) -> None:
    await _soak(run, 200, 10_000)
