"""F13 to F22: a worker dies, or freezes, at every step from its claim to the discard."""

import asyncio
import signal
from dataclasses import dataclass

from mailcore.jobs import WAKE, queue_name, redis_of
from mailcore.plans import Lane
from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.rig import spool_holds, until, used_up
from tests.support.destination import DEFAULTS, Act

GREYLISTED = "451 4.7.1 Greylisted, come back"
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A letter whose second attempt has come to a step where the destination waits for `release`."""

    letter: Letter
    release: asyncio.Event


async def _meets_worker(run: Run, step: str) -> _Meeting:
    """The mx could not deliver it at once; now the worker tries, and gets stuck at this step."""
    sink, release = run.rig.sinks["d1"], asyncio.Event()
    held = Act(DEFAULTS[step], until=release)
    sink.script["RCPT"] = [GREYLISTED]
    sink.script[step] = [DEFAULTS["MAIL"], held] if step == "MAIL" else [held]
    letter = await run.load.accepted(run.load.letter("d1", size=200_000))
    await run.rig.until_event(letter.id, "soft-bounced", "Greylisted")
    await used_up(sink, step)
    return _Meeting(letter, release)


async def _recovers(run: Run, letter: Letter, copies: int) -> None:
    """Its successor takes over; the lost attempt has its event, and the wait kept the promise."""
    sink = run.rig.sinks["d1"]
    sink.script = {}
    await run.rig.start("worker")
    await until(lambda: _has(run, letter, copies), 90, f"not {copies} copies")
    run.recovered(run.rig.promise(MINUTE))
    await run.rig.until_event(letter.id, "delivered")
    events = await run.rig.events(letter.id)
    assert ("soft-bounced", "4.3.0", "attempt interrupted") in events, (
        f"no event of the lost attempt: {events}"
    )


async def _has(run: Run, letter: Letter, copies: int) -> bool:
    return run.load.arrived(letter) >= copies


async def _dies_at(run: Run, step: str, copies: int = 1) -> None:
    meeting = await _meets_worker(run, step)
    run.fault()
    await run.rig.kill("worker")
    meeting.release.set()
    await _recovers(run, meeting.letter, copies)


async def _dies_by_itself_at(run: Run, point: str, copies: int) -> None:
    """The mx could not deliver it at once; the worker dies at this crash point of its attempt."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    sink.script["RCPT"] = [GREYLISTED]
    worker = await rig.replace("worker", CLEARPOST_CRASH_AT=point)
    letter = await run.load.accepted(run.load.letter("d1", size=200_000))
    assert await worker.ended() == -9
    run.fault()
    await _recovers(run, letter, copies)


@case("F13", "kill -9 a worker after its claim", reduced=True)
async def after_claim(run: Run) -> None:
    await _dies_by_itself_at(run, "worker-after-claim", 1)


@case("F14", "kill -9 a worker after EHLO")
async def after_ehlo(run: Run) -> None:
    await _dies_at(run, "MAIL")


@case("F15", "kill -9 a worker in the middle of DATA", reduced=True)
async def in_data(run: Run) -> None:
    await _dies_by_itself_at(run, "sender-mid-data", 1)


@case("F15 60 s", "the same with the timings of production", timing="real")
async def in_data_in_time(run: Run) -> None:
    await _dies_by_itself_at(run, "sender-mid-data", 1)


@case("F16", "kill -9 a worker after the dot, before the reply", duplicates=1, reduced=True)
async def after_dot(run: Run) -> None:
    await _dies_at(run, "DOT", copies=2)


@case("F17", "kill -9 a worker after the destination's 250, before the commit", duplicates=1, reduced=True)
async def after_reply(run: Run) -> None:
    await _dies_by_itself_at(run, "sender-after-reply", 2)


async def _bytes_are_gone(run: Run, letter: Letter) -> None:
    async def gone() -> bool:
        return not spool_holds(run.rig, letter.mark)

    await until(gone, MINUTE, "the bytes of a finished message are readable")
    run.recovered(MINUTE)


async def _dies_before_discard(run: Run) -> None:
    rig, sink = run.rig, run.rig.sinks["d1"]
    sink.script["RCPT"] = [GREYLISTED]
    worker = await rig.replace("worker", CLEARPOST_CRASH_AT="settle-before-discard")
    letter = await run.load.accepted(run.load.letter("d1"))
    assert await worker.ended() == -9
    run.fault()
    await rig.start("worker")
    await _bytes_are_gone(run, letter)


@case("F18", "kill -9 a worker after the commit, before the discard", reduced=True)
async def before_discard(run: Run) -> None:
    await _dies_before_discard(run)


@case("F18 60 s", "the same with the timings of production", timing="real")
async def before_discard_in_time(run: Run) -> None:
    await _dies_before_discard(run)


@case("F19", "kill -9 during rotation and survivor copy", reduced=True)
async def in_survivor_copy(run: Run) -> None:
    """The copy may be lost or the original left over, but never both, and never read twice."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    for point in ("sweep-after-copy", "sweep-after-move"):
        sink.script["RCPT"] = GREYLISTED
        upkeep = await rig.replace("upkeep", CLEARPOST_CRASH_AT=point)
        letters = [await run.load.accepted(run.load.letter("d1")) for _ in range(5)]
        assert await upkeep.ended(90) == -9
        run.fault()
        await rig.start("upkeep")
        sink.script = {}
        await rig.idle()
        for letter in letters:
            await _bytes_are_gone(run, letter)


@case("F21", "50 wake-ups at once to two workers", reduced=True)
async def woken_often(run: Run) -> None:
    rig, sink = run.rig, run.rig.sinks["d1"]
    sink.script["RCPT"] = [GREYLISTED] * 5
    second = rig.launch("worker")
    await second.ready()
    letters = [await run.load.accepted(run.load.letter("d1")) for _ in range(5)]
    redis = redis_of(rig.ground.valkey.url)
    queue = queue_name(await rig.node(), Lane.STANDARD)
    for _ in range(50):
        await redis.enqueue_job(WAKE, _queue_name=queue)
    await redis.aclose(close_connection_pool=True)
    await rig.idle()
    assert [run.load.arrived(letter) for letter in letters] == [1] * 5
    second.tell(signal.SIGTERM)
    assert await second.ended() == 0


async def _freezes(run: Run, step: str, copies: int) -> None:
    """It thaws long after others have declared it dead: what it then learns must not be written."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    meeting = await _meets_worker(run, step)
    letter = meeting.letter
    frozen = rig.processes.pop("worker")
    frozen.tell(signal.SIGSTOP)
    run.fault()
    sink.script = {}
    await rig.start("worker")
    await until(lambda: _has(run, letter, copies), 90, f"not {copies} copies")
    await rig.until_event(letter.id, "delivered")
    run.recovered(rig.promise(MINUTE))
    before = await rig.events(letter.id)
    meeting.release.set()
    frozen.tell(signal.SIGCONT)
    code = await frozen.ended(30)
    assert code == 1, f"declared dead, it must end with 1, not {code}"
    assert await rig.events(letter.id) == before, "a late result was written"
    assert run.load.arrived(letter) == copies


@case("F22", "worker frozen before the dot past its death verdict, then thawed", reduced=True)
async def frozen_before_dot(run: Run) -> None:
    await _freezes(run, "DATA", 1)


@case(
    "F22 dot", "worker frozen after the dot past its death verdict, then thawed", duplicates=1, reduced=True
)
async def frozen_after_dot(run: Run) -> None:
    await _freezes(run, "DOT", 2)


@case("F22 mx", "mx frozen after the dot of its first attempt, then thawed", duplicates=1)
async def frozen_mx(run: Run) -> None:
    rig, sink, release = run.rig, run.rig.sinks["d1"], asyncio.Event()
    sink.script["DOT"] = [Act(DEFAULTS["DOT"], until=release)]
    letter = await run.load.accepted(run.load.letter("d1"))
    await sink.reach("DOT")
    frozen = rig.processes.pop("mx")
    frozen.tell(signal.SIGSTOP)
    run.fault()
    await until(lambda: _has(run, letter, 2), 90, "not taken over")
    run.recovered(rig.promise(MINUTE))
    release.set()
    frozen.tell(signal.SIGCONT)
    assert await frozen.ended(60) == 1
