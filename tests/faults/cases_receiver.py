"""F1 to F8: the receiver dies at every step from EHLO to after its 250."""

from mailcore.plans import Lane
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.proxy import ACCEPTED, PostgresProxy
from tests.faults.rig import spool_holds, until
from tests.support.destination import Act

HOUR = 3600.0


async def _dies_at(run: Run, point: str, letter: Letter) -> None:
    """The receiver dies there; nothing was promised, nothing is delivered, and the sender comes again."""
    mx = await run.rig.replace("mx", CLEARPOST_CRASH_AT=point)
    assert await run.load.attempt(letter) == "", "a reply after the crash point"
    run.fault()
    assert await mx.ended() == -9
    await _forgotten(run, letter)
    await run.rig.start("mx")
    await run.load.deliver(letter)


async def _forgotten(run: Run, letter: Letter) -> None:
    """No row, no copy, and no byte in the spool."""
    rig = run.rig
    assert not await rig.events(letter.id), "an event of a message that was never accepted"

    async def reclaimed() -> bool:
        return not spool_holds(rig, letter.mark)

    await until(reclaimed, 60, "the bytes that were not accepted are still there")
    run.recovered(HOUR)
    assert not run.load.arrived(letter), "delivered without a 250"


@case("F1", "kill -9 the receiver after EHLO", reduced=True)
async def after_ehlo(run: Run) -> None:
    await _dies_at(run, "receiver-after-ehlo", run.load.letter())


@case("F2", "kill -9 the receiver after RCPT")
async def after_rcpt(run: Run) -> None:
    await _dies_at(run, "receiver-after-rcpt", run.load.letter())


@case("F3", "kill -9 the receiver in the middle of DATA", reduced=True)
async def in_data(run: Run) -> None:
    await _dies_at(run, "receiver-mid-data", run.load.letter(size=100_000))
    await _dies_at(run, "receiver-mid-data:30", run.load.letter(size=4_000_000))


@case("F4", "kill -9 the receiver after the write, before the sync", reduced=True)
async def before_sync(run: Run) -> None:
    await _dies_at(run, "spool-before-sync", run.load.letter())


@case("F5", "kill -9 the receiver after the sync, before the commit", reduced=True)
async def after_sync(run: Run) -> None:
    await _dies_at(run, "accept-before-commit", run.load.letter())
    if run.full:
        await _dies_at(run, "spool-after-sync", run.load.letter())
        await _dies_at(run, "accept-before-commit", run.load.letter(size=400_000))


@case("F6", "kill -9 the receiver during COMMIT, which then happens or not", duplicates=1, reduced=True)
async def during_commit(run: Run) -> None:
    for happens in (True, False):
        letter = run.load.letter()
        async with PostgresProxy(run.rig.settings.database_url.get_secret_value()) as proxy:
            mx = await run.rig.replace("mx", CLEARPOST_DATABASE_URL=proxy.proxied_url)
            proxy.order("hold", ACCEPTED)
            attempt = run.load.begin(letter)
            await proxy.reached()
            run.fault()
            await mx.kill()
            assert await attempt == "", "a reply although COMMIT was held"
            if happens:
                await proxy.let_go()
            else:
                proxy.forget()
        await run.rig.start("mx")
        await run.load.deliver(letter)


@case("F7", "kill -9 the receiver after the commit, before its 250", duplicates=1, reduced=True)
async def after_commit(run: Run) -> None:
    letter = run.load.letter()
    mx = await run.rig.replace("mx", CLEARPOST_CRASH_AT="accept-after-commit")
    assert await run.load.attempt(letter) == ""
    run.fault()
    assert await mx.ended() == -9
    await run.rig.start("mx")
    await run.load.deliver(letter)


async def _dies_after_250(run: Run, lane: Lane, domain: str) -> None:
    """The first attempt has come no further than the banner of the destination."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    await rig.ground.kill_valkey()
    sink.script["CONNECT"] = [Act("220 slow", seconds=600)]
    letter = await run.load.accepted(run.load.letter("d1", domain=domain), lane)
    await sink.reach("CONNECT")
    run.fault()
    await rig.kill("fast mx" if lane is Lane.FAST else "mx")
    await sink.wait_for(1, timeout=90)
    run.recovered(rig.promise(45))
    assert run.load.arrived(letter) == 1


@case("F8", "kill -9 the receiver after 250, before the first attempt, no Redis", reduced=True)
async def after_250(run: Run) -> None:
    await _dies_after_250(run, Lane.STANDARD, "shop.test")


@case("F8 45 s", "the same with the timings of production", timing="real")
async def after_250_in_time(run: Run) -> None:
    await _dies_after_250(run, Lane.STANDARD, "shop.test")


@case("F8 fast", "the same in the fast lane", timing="real")
async def after_250_fast(run: Run) -> None:
    await _dies_after_250(run, Lane.FAST, "fast.test")
