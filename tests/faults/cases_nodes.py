"""F30 and F88: the database goes back in time, or a machine and its spool are away."""

import asyncio
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from mailcore import ledger
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.process import Process
from tests.faults.rig import Rig, spool_holds, until
from tests.support.services import ROOT
from tests.support.stack import environment

GREYLISTED = "451 4.7.1 Greylisted, come back"
_SWEEPS = 12.0


async def _wait(run: Run, sink: str, count: int) -> list[Letter]:
    """Letters that were taken and wait: their destination says later."""
    run.rig.sinks[sink].script["RCPT"] = GREYLISTED
    letters = [await run.load.accepted(run.load.letter(sink)) for _ in range(count)]
    for letter in letters:
        await run.rig.until_event(letter.id, "soft-bounced", "Greylisted")
    return letters


async def _administer(rig: Rig, *statements: str) -> None:
    for statement in statements:
        await rig.ground.administer(statement)


def _copy(name: str, source: str) -> tuple[str, str]:
    return (
        f"drop database if exists {name} with (force)",
        f"create database {name} template {source} owner clearpost",
    )


@case(
    "F30", "Postgres restored to an earlier point, then `clearpost spool recover`", alone=True, reduced=True
)
async def back_in_time(run: Run) -> None:
    rig, sinks = run.rig, run.rig.sinks
    name = urlsplit(rig.settings.database_url.get_secret_value()).path.lstrip("/")
    waited = await _wait(run, "d1", 3)
    delivered_since = await _wait(run, "d2", 2)
    await rig.stop(*rig.processes)
    async with rig.world_away():
        await _administer(rig, *_copy(f"{name}_then", name))
    await rig.start_missing()
    sinks["d2"].script = {}
    for letter in delivered_since:
        await rig.until_event(letter.id, "delivered")
    forgotten = await _wait(run, "d3", 3)
    await rig.kill(*rig.processes)
    run.fault()
    async with rig.world_away():
        await _administer(rig, *_copy(name, f"{name}_then"))
    await rig.start_missing()
    await asyncio.sleep(_SWEEPS)
    await rig.until_alarm("spool_of_another_database")
    assert all(spool_holds(rig, letter.mark) for letter in forgotten), "bytes were reclaimed"
    await rig.stop(*rig.processes)
    await _recover(rig)
    for sink in sinks.values():
        sink.script = {}
    await rig.start_missing()
    await rig.idle()
    run.recovered()
    for letter in (*waited, *forgotten, *delivered_since):
        assert run.load.arrived(letter) == 1, f"{letter.id} arrived {run.load.arrived(letter)} times"
    for letter in delivered_since:
        ends = [event for event in await rig.events(letter.id) if event[0] in ("delivered", "hard-bounced")]
        assert len(ends) == 1, f"{ends}"


async def _recover(rig: Rig) -> None:
    """As an operator would, with everything stopped."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clearpost", "spool", "recover"),
        env={**environment(rig.settings), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


@case("F88", "a node dies with its spool; it returns after an hour; after five days", alone=True)
async def node_away(run: Run) -> None:
    rig = run.rig
    early = await _wait(run, "d1", 3)
    old = await _dies(run, "first")
    await _others_go_on(run, held=3)
    rig.sinks["d1"].script = {}
    returned = await _return(rig, old)
    for letter in early:
        await rig.until_event(letter.id, "delivered", seconds=30)
    await _leave(returned)

    late = await _wait(run, "d2", 2)
    old = await _dies(run, "second")
    await _others_go_on(run, held=2)
    await rig.world.execute(
        "update delivery d set accepted_at = d.accepted_at - interval '5 days' where d.message_id = any($1)",
        list(await rig.message_ids(*(letter.id for letter in late))),
    )
    await rig.replace("upkeep")
    for letter in late:
        await rig.until_event(letter.id, "hard-bounced", "4.3.0")
    assert await rig.world.value("select sum(count) from undelivered"), "the owner is not told"
    rig.sinks["d2"].script = {}
    returned = await _return(rig, old)

    async def reclaimed() -> bool:
        return not any(spool_holds(rig, letter.mark, old) for letter in late)

    await until(reclaimed, 60, "the disk that returned still holds what has ended")
    assert not any(run.load.arrived(letter) for letter in late), "a disk that returned sent what had ended"
    await _leave(returned)
    run.recovered()


async def _dies(run: Run, name: str) -> Path:
    """All processes are killed at once, and the disk is out of reach; another node takes its place."""
    rig = run.rig
    await rig.kill(*rig.processes)
    run.fault()
    old = rig.folder / f"{name}-node"
    rig.settings.spool_dir.rename(old)
    await rig.start_missing()
    return old


async def _others_go_on(run: Run, held: int) -> None:
    """What the dead node has is shown as held; new mail of all tenants flows."""

    async def shown() -> bool:
        return sum(line.held for line in await ledger.balance(run.rig.world.database)) == held

    await until(shown, run.rig.settings.death_after.total_seconds() + 20, f"not {held} shown as held")
    await run.load.flow(30, rate=20)


async def _return(rig: Rig, spool: Path) -> list[Process]:
    """The disk is back, with a worker and an upkeep of its own beside those of the other node."""
    fresh = [rig.launch(role, CLEARPOST_SPOOL_DIR=str(spool)) for role in ("worker", "upkeep")]
    for process in fresh:
        await process.ready()
    return fresh


async def _leave(processes: list[Process]) -> None:
    for process in processes:
        process.tell(signal.SIGTERM)
        assert await process.ended() == 0
