"""F25 to F30: Postgres is killed, away, cut in the middle of a COMMIT, or set back in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.proxy import ACCEPTED, PostgresProxy
from tests.support.destination import DEFAULTS, Act

GREYLISTED = "451 4.7.1 Greylisted, come back"
DELIVERED = b"delete from message m using"


def _only_451(run: Run) -> None:
    """What was refused meanwhile was refused for now, by the right words."""
    refused = {reply for letter in run.load.letters for reply in letter.replies if reply[:1] != "2"}
    assert all(reply.startswith("451 4.3.0") for reply in refused), f"refused with {refused}"


@case("F25", "kill -9 Postgres under load, start it again", reduced=True)
async def killed(run: Run) -> None:
    rig, count = run.rig, 400 if run.full else 120
    flow = asyncio.create_task(run.load.flow(count, rate=30))
    for _ in range(3 if run.full else 1):
        await asyncio.sleep(1.5)
        run.fault()
        await rig.ground.kill_postgres()
        await rig.ground.start_postgres()
    await flow
    await rig.settled()
    await rig.idle()
    run.recovered()
    _only_451(run)


@case("F26", "Postgres down for a minute under load", timing="real", seconds=240)
async def down_for_a_minute(run: Run) -> None:
    await _down(run, 60)


@case("F26 short", "Postgres down for longer than a death verdict", reduced=True)
async def down_for_a_moment(run: Run) -> None:
    await _down(run, 6)


async def _down(run: Run, seconds: float) -> None:
    """Deliveries that reached the dot before are written when it is back; nobody is taken for dead."""
    rig, sink, release = run.rig, run.rig.sinks["d1"], asyncio.Event()
    flow = asyncio.create_task(run.load.flow(60, rate=20))
    sink.script["DOT"] = [Act(DEFAULTS["DOT"], until=release)]
    letter = await run.load.accepted(run.load.letter("d1"))
    await sink.reach("DOT")
    await rig.ground.kill_postgres()
    release.set()
    reply = await run.load.attempt(run.load.letter("d2"), patience=100)
    assert reply.startswith("451 4.3.0"), f"answered {reply}"
    await asyncio.sleep(seconds)
    await rig.ground.start_postgres()
    run.fault()
    await flow
    await rig.settled()
    await rig.until_event(letter.id, "delivered")
    await rig.idle()
    run.recovered(60)
    _only_451(run)


@asynccontextmanager
async def _through_proxy(run: Run, role: str) -> AsyncIterator[PostgresProxy]:
    """This process reaches the database by way of a proxy of ours."""
    async with PostgresProxy(run.rig.settings.database_url.get_secret_value()) as proxy:
        await run.rig.replace(role, CLEARPOST_DATABASE_URL=proxy.proxied_url)
        yield proxy
        await run.rig.replace(role)


@case("F27", "connection cut during the COMMIT that accepts", reduced=True)
async def cut_while_accepting(run: Run) -> None:
    async with _through_proxy(run, "mx") as proxy:
        proxy.order("cut before", ACCEPTED)
        aborted = run.load.letter("d1")
        assert (await run.load.attempt(aborted)).startswith("451 4.3.0")
        assert not run.load.arrived(aborted), "delivered without a 250"
        proxy.order("cut after", ACCEPTED)
        run.fault()
        committed = await run.load.accepted(run.load.letter("d1"))
        await run.rig.until_event(committed.id, "delivered")
        run.recovered()
        await run.load.deliver(aborted)


@case("F27 settle", "connection cut during the COMMIT that settles", reduced=True)
async def cut_while_settling(run: Run) -> None:
    """The mail is out: the result is written again until it is there, and never twice."""
    for deed in ("cut before", "cut after"):
        sink = run.rig.sinks["d1"]
        async with _through_proxy(run, "worker") as proxy:
            sink.script["RCPT"] = [GREYLISTED]
            proxy.order(deed, DELIVERED)
            letter = await run.load.accepted(run.load.letter("d1"))
            await proxy.reached()
            run.fault()
            await run.rig.until_event(letter.id, "delivered")
            run.recovered()


@case("F27 many", "connections cut during every other COMMIT, under load")
async def cut_often(run: Run) -> None:
    async with _through_proxy(run, "mx") as proxy:
        flow = asyncio.create_task(run.load.flow(80, rate=20))
        for number in range(20):
            proxy.order("cut after" if number % 2 else "cut before", ACCEPTED)
            await asyncio.sleep(0.25)
        proxy.order("pass", b"")
        run.fault()
        await flow
        await run.rig.idle()
        run.recovered()
    _only_451(run)


@case("F27 unknown", "COMMIT cut, and nobody can tell for over a minute", duplicates=1, seconds=240)
async def outcome_unknown(run: Run) -> None:
    """The sender hears 451 and comes again; what was committed is delivered all the same."""
    letter: Letter = run.load.letter("d1")
    async with _through_proxy(run, "mx") as proxy:
        proxy.order("cut after", ACCEPTED)
        attempt = run.load.begin(letter)
        await proxy.reached()
        proxy.close()
        run.fault()
        assert (await attempt).startswith("451 4.3.0")
        letter.unknown += 1  # 451 by our word, taken by the server's
        proxy.open()
        await run.rig.until_event(letter.id, "delivered", seconds=60)
        run.recovered()
        await run.load.deliver(letter)
