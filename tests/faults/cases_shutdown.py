"""SIGTERM under load, for each kind of process, and a rolling restart of all of them."""

import asyncio
import signal

from tests.faults.case import Run, case
from tests.faults.load import SENDER
from tests.faults.rig import ROLES, until, used_up
from tests.support.destination import DEFAULTS, Act, Destination
from tests.support.sender import Sender, sender_at

GREYLISTED = "451 4.7.1 Greylisted, come back"


async def _idle_client(run: Run) -> "asyncio.Task[str]":
    """Connected, past EHLO, waiting for whatever is said next."""
    said = asyncio.Event()

    async def listen() -> str:
        async with sender_at(run.rig.port()) as idle:
            said.set()
            return await idle.reply()

    task = asyncio.create_task(listen())
    await said.wait()
    return task


async def _in_data(sender: Sender, recipient: str, content: bytes) -> None:
    for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{recipient}>", "DATA"):
        await sender.say(line)
    await sender.put(content)


async def _let_go(sink: Destination, number: int, release: asyncio.Event) -> None:
    """The destination owed this connection a reply, gives it now, and learns that no content will come.

    The client has gone: DATA was said together with MAIL and RCPT, and RSET behind it could be content.
    """

    async def has_ended() -> bool:
        return number in sink.ended

    release.set()
    await until(has_ended, 2, "the connection stays")
    assert number not in [message.connection for message in (*sink.messages, *sink.refused)]


@case("T1", "SIGTERM to an mx: 421 to idle clients, DATA in flight ends with 250", reduced=True)
async def mx_ends(run: Run) -> None:
    rig, letter = run.rig, run.load.letter("d1")
    idle = await _idle_client(run)
    async with sender_at(rig.port()) as sender:
        await _in_data(sender, letter.recipient, letter.content)
        mx = rig.processes.pop("mx")
        run.fault()
        mx.tell(signal.SIGTERM)
        assert (await idle).startswith("421 4.3.2")
        successor = await rig.start("mx")
        other = await run.load.accepted(run.load.letter("d2"))
        letter.replies.append(await sender.say("."))
    assert letter.accepted, f"DATA in flight was answered {letter.replies}"
    assert await mx.ended() == 0
    run.recovered(30)
    assert successor.is_alive
    await rig.until_event(other.id, "delivered")


@case("T2", "SIGTERM to a worker before DATA: the lease goes back at once, nothing is counted", reduced=True)
async def worker_ends_before_data(run: Run) -> None:
    rig, sink, release = run.rig, run.rig.sinks["d1"], asyncio.Event()
    sink.script = {"RCPT": [GREYLISTED, Act(DEFAULTS["RCPT"], until=release)]}
    letter = await run.load.accepted(run.load.letter("d1"))
    await rig.until_event(letter.id, "soft-bounced", "Greylisted")
    await used_up(sink, "RCPT")
    number, _ = sink.commands[-1]
    worker = rig.processes.pop("worker")
    run.fault()
    worker.tell(signal.SIGTERM)
    await until(lambda: _is_free(run), 1, "the lease did not come back")
    await _let_go(sink, number, release)
    assert await worker.ended() == 0
    await rig.start("worker")
    await rig.until_event(letter.id, "delivered")
    run.recovered(10)
    assert run.load.arrived(letter) == 1
    kinds = [kind for kind, _, _ in await rig.events(letter.id)]
    assert kinds == ["received", "soft-bounced", "delivered"], f"{kinds}"


async def _is_free(run: Run) -> bool:
    """The one delivery that waits."""
    free: bool = await run.rig.world.value("select exists (select from delivery where lease_owner is null)")
    return free


@case("T3", "SIGTERM to a worker after the dot: it waits while its successor serves", reduced=True)
async def worker_ends_after_dot(run: Run) -> None:
    rig, sink, release = run.rig, run.rig.sinks["d1"], asyncio.Event()
    sink.script = {"RCPT": [GREYLISTED], "DOT": [Act(DEFAULTS["DOT"], until=release)]}
    letter = await run.load.accepted(run.load.letter("d1"))
    await rig.until_event(letter.id, "soft-bounced", "Greylisted")
    await sink.reach("DOT")
    worker = rig.processes.pop("worker")
    run.fault()
    worker.tell(signal.SIGTERM)
    await rig.start("worker")
    rig.sinks["d2"].script["RCPT"] = [GREYLISTED]
    other = await run.load.accepted(run.load.letter("d2"))
    await rig.until_event(other.id, "delivered")
    await asyncio.sleep(2 * rig.settings.death_after.total_seconds())
    assert worker.is_alive, "it left although a destination has its message and has not answered"
    release.set()
    assert await worker.ended() == 0
    await rig.until_event(letter.id, "delivered")
    run.recovered()
    assert run.load.arrived(letter) == 1


@case("T4", "SIGTERM to an mx with first attempts before and after the dot", reduced=True)
async def mx_ends_with_attempts(run: Run) -> None:
    rig, early_release, release = run.rig, asyncio.Event(), asyncio.Event()
    rig.sinks["d1"].script["MAIL"] = [Act(DEFAULTS["MAIL"], until=early_release)]
    rig.sinks["d2"].script["DOT"] = [Act(DEFAULTS["DOT"], until=release)]
    early = await run.load.accepted(run.load.letter("d1"))
    late = await run.load.accepted(run.load.letter("d2"))
    await rig.sinks["d1"].reach("MAIL")
    number, _ = rig.sinks["d1"].commands[-1]
    await rig.sinks["d2"].reach("DOT")
    mx = rig.processes.pop("mx")
    run.fault()
    mx.tell(signal.SIGTERM)
    await rig.until_event(early.id, "delivered", seconds=2)  # by the worker: it was given back at once
    run.recovered(10)
    await _let_go(rig.sinks["d1"], number, early_release)
    await rig.start("mx")
    release.set()
    assert await mx.ended() == 0
    await rig.until_event(late.id, "delivered")
    for letter in (early, late):
        assert run.load.arrived(letter) == 1
        kinds = [kind for kind, _, _ in await rig.events(letter.id)]
        assert kinds == ["received", "delivered"], f"{kinds}"


@case("T5", "SIGTERM to upkeep and api", reduced=True)
async def others_end(run: Run) -> None:
    flow = asyncio.create_task(run.load.flow(40, rate=20))
    for role in ("upkeep", "api"):
        await run.rig.replace(role)
    await flow


@case("T6", "rolling restart of every process under load", reduced=True)
async def rolling_restart(run: Run) -> None:
    """Each has its successor before it is told to end: nothing is refused, lost or doubled."""
    rig = run.rig
    rig.sinks["inbox"].script["RCPT"] = [GREYLISTED] * 40
    flow = asyncio.create_task(run.load.flow(600 if run.full else 160, rate=20))
    for role in ROLES:
        if role == "api":
            await rig.replace(role)
            continue
        old = rig.processes.pop(role)
        await rig.start(role)
        run.fault()
        old.tell(signal.SIGTERM)
        assert await old.ended() == 0, f"{role} did not end well"
    await flow
    await rig.idle()
    run.recovered()
    await until(lambda: _nobody_died(run), 5, "an attempt was interrupted")


async def _nobody_died(run: Run) -> bool:
    letters = [letter.id for letter in run.load.letters]
    ids = await run.rig.message_ids(*letters)
    events = await run.rig.world.logged_events("type = 'soft-bounced'")
    return not any(each.message_id in ids and each.response == "attempt interrupted" for each in events)


@case("T7", "production refuses crash points and failing disks", reduced=True)
async def refused_in_production(run: Run) -> None:
    settings = {"CLEARPOST_ENVIRONMENT": "production", "CLEARPOST_POSTMASTER_ADDRESS": "root@owners.test"}
    for name, value in (("CRASH_AT", "receiver-after-ehlo"), ("FAIL_IO", "sync:EIO")):
        process = run.rig.launch("mx", **settings, **{f"CLEARPOST_{name}": value})
        assert await process.ended() not in (0, -9), f"it started with {name}"
