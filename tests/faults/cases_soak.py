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


async def _soak(run: Run, kills: int, letters: int, rate: float) -> None:
    """Kills come evenly spread while the mail flows; each dead process has its successor at once."""
    rng = random.Random(_SEED)
    _slow_down(run)
    flow = asyncio.create_task(run.load.flow(letters, rate=rate, seconds=3000))
    pause = letters / rate / kills
    started = time.perf_counter()
    for number in range(kills):
        await asyncio.sleep(pause * rng.uniform(0.5, 1.5))
        await _kill(run, rng)
        run.fault()
        if number % 10 == 9 and run.full:
            _progress(run, number + 1, kills, time.perf_counter() - started)
    await flow
    await run.rig.heal()
    await run.rig.idle(300)
    run.recovered()
    run.note = f"{kills} kills, {_interrupted_note(await _interrupted(run))}"


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
    count: int = await run.rig.world.value(
        "select count(*) from log_event where response = 'attempt interrupted'"
    )
    return count


def _interrupted_note(count: int) -> str:
    return f"{count} attempts interrupted in all"


def _progress(run: Run, done: int, kills: int, seconds: float) -> None:
    accepted = sum(bool(letter.accepted) for letter in run.load.letters)
    sys.stderr.write(f"\r  soak: {done} of {kills} kills, {accepted} messages taken, {seconds:.0f} s   ")
    if done == kills:
        sys.stderr.write("\n")
    sys.stderr.flush()


@case("S1", "soak: 10 kills while 300 messages flow", duplicates=30, reduced=True, alone=True, seconds=240)
async def short_soak(run: Run) -> None:
    await _soak(run, 10, 300, 20)


@case("S2", "soak: 200 kills while 10,000 messages flow", duplicates=600, alone=True, seconds=3600)
async def long_soak(run: Run) -> None:
    await _soak(run, 200, 10_000, 14)
