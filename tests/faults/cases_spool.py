"""F10, F11: the disk fails or lies, and the sweep races an append whose COMMIT hangs."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from mailcore.spool_record import HEADER_BYTES
from tests.faults.case import Run, case
from tests.faults.load import SECRET, Letter
from tests.faults.proxy import ACCEPTED, PostgresProxy
from tests.faults.rig import Rig, spool_holds, until

GREYLISTED = "451 4.7.1 Greylisted, come back"
_FULL, _LATER = "452 4.3.1", "451 4.3.0"


async def _segment_of(rig: Rig, letter: Letter) -> UUID:
    """The segment that holds a letter which waits."""
    segment: UUID = await rig.world.value(
        "select segment from message where id = any($1)", list(await rig.message_ids(letter.id))
    )
    return segment


def _path_of(rig: Rig, segment: UUID) -> Path:
    return next(rig.segments.glob(f"{segment}.*"))


async def _fails_once(run: Run, order: str, answer: str, size: int = 2000) -> None:
    """One refusal for now; the file it happened on is never written again; the next message is taken."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    sink.script["RCPT"] = GREYLISTED
    await rig.replace("mx", CLEARPOST_FAIL_IO=order)
    before = await run.load.accepted(run.load.letter("d1"))
    failed = run.load.letter("d1", size=size)
    reply = await run.load.attempt(failed)
    run.fault()
    assert reply.startswith(answer), f"answered {reply or 'nothing'}"
    assert not await rig.message_ids(failed.id), "a 250 rests on bytes that were not synced"
    after = await run.load.accepted(run.load.letter("d1"))
    run.recovered()
    if size <= 2000:
        assert await _segment_of(rig, before) != await _segment_of(rig, after), "the file was trusted again"
    await run.load.deliver(failed)
    await rig.replace("mx")
    sink.script = {}
    await rig.idle()


@case("F10 EIO", "EIO once at the sync, then success", reduced=True)
async def sync_fails_once(run: Run) -> None:
    await _fails_once(run, "sync:EIO:2", _LATER)


@case("F10 write", "EIO once at the write, then success")
async def write_fails_once(run: Run) -> None:
    await _fails_once(run, "write:EIO:2", _LATER)


@case("F10 large", "EIO once at the sync of a message with a file of its own")
async def large_sync_fails_once(run: Run) -> None:
    await _fails_once(run, "sync:EIO:2", _LATER, size=400_000)
    await _fails_once(run, "write:ENOSPC:3", _FULL, size=3_000_000)


@case("F10 full", "disk full once, then room again", reduced=True)
async def full_once(run: Run) -> None:
    await _fails_once(run, "write:ENOSPC:2", _FULL)


@asynccontextmanager
async def _small_disk(folder: Path) -> AsyncIterator[bool]:
    """A file system of 8 MB where we may mount one."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    mounted = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=False)


@case("F10 disk", "a real disk runs full, then mail leaves it", alone=True)
async def disk_runs_full(run: Run) -> None:
    """The mx refuses for now; what it took is delivered; what it delivered makes room."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    await rig.stop(*rig.processes)
    async with _small_disk(rig.settings.spool_dir) as is_small:
        await rig.start_missing()
        sink.script["RCPT"] = GREYLISTED
        answers = [await run.load.attempt(run.load.letter("d1", size=200_000)) for _ in range(60)]
        taken = [answer for answer in answers if answer.startswith("250")]
        refused = {answer[:9] for answer in answers} - {"250 2.0.0"}
        assert not is_small or refused == {_FULL}, f"a full disk was answered {refused}"
        run.note = f"{len(taken)} taken, then {_FULL}" if is_small else "no right to mount: disk not full"
        run.fault()
        sink.script = {}
        await rig.idle()
        late = run.load.letter("d1", size=200_000)
        await run.load.deliver(late, seconds=90)
        await rig.idle()
        run.recovered()
        await _wait_for_sweep(rig)
        await rig.stop(*rig.processes)


async def _wait_for_sweep(rig: Rig) -> None:
    async def empty() -> bool:
        return not spool_holds(rig, SECRET.encode())

    await until(empty, 60, "bytes of finished messages are readable")


async def _one_waits(run: Run) -> tuple[Letter, Path]:
    """A letter that waits in a segment whose writer is dead: nobody's lock is on it."""
    run.rig.sinks["d1"].script["RCPT"] = GREYLISTED
    letter = await run.load.accepted(run.load.letter("d1"))
    await run.rig.until_event(letter.id, "soft-bounced", "Greylisted")
    await run.rig.stop("upkeep")
    await run.rig.kill("mx")
    return letter, _path_of(run.rig, await _segment_of(run.rig, letter))


@case("F10 torn", "a torn tail after a record that waits", reduced=True)
async def torn_tail(run: Run) -> None:
    """What was synced before is delivered; the torn half is reclaimed with the file."""
    rig = run.rig
    letter, path = await _one_waits(run)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    run.fault()
    await rig.start("mx", "upkeep")

    async def moved() -> bool:
        return not path.exists()

    await until(moved, 60, "the segment with the torn tail is still there")
    rig.sinks["d1"].script = {}
    await rig.until_event(letter.id, "delivered")
    run.recovered()


@case("F10 byte", "a flipped byte in a record that waits", reduced=True)
async def flipped_byte(run: Run) -> None:
    """Held with an alarm, nothing is sent; mended and released by hand, it goes out whole."""
    rig = run.rig
    await rig.stop("worker")
    letter, path = await _one_waits(run)
    whole = path.read_bytes()
    assert letter.mark not in whole, "content lies on the disk in plain"
    place = await rig.world.value("select record_offset from message") + HEADER_BYTES
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    run.fault()
    await rig.start("mx", "worker", "upkeep")

    async def held() -> bool:
        return bool(await rig.world.value("select count(*) from delivery where state = 'held'"))

    await until(held, 60, "the damaged record is not held")
    run.recovered()
    assert not run.load.arrived(letter), "damaged bytes were sent"
    await rig.until_alarm("record_damaged")
    path = _path_of(rig, await _segment_of(rig, letter))
    path.write_bytes(whole)
    await rig.world.execute("update delivery set state = 'waiting', next_attempt_at = now()")


@case("F11", "the sweep meets an append whose COMMIT hangs, its writer alive")
async def commit_hangs(run: Run) -> None:
    await _hangs(run, writer_dies=False)


@case("F11 dead", "the sweep meets an append whose COMMIT hangs, its writer dead", duplicates=1, reduced=True)
async def commit_hangs_without_writer(run: Run) -> None:
    await _hangs(run, writer_dies=True)


async def _hangs(run: Run, *, writer_dies: bool) -> None:
    """However long it hangs, its bytes are there when it happens after all."""
    rig, letter = run.rig, run.load.letter("d1")
    async with PostgresProxy(rig.settings.database_url.get_secret_value()) as proxy:
        mx = await rig.replace("mx", CLEARPOST_DATABASE_URL=proxy.proxied_url)
        proxy.order("hold", ACCEPTED)
        attempt = run.load.begin(letter)
        await proxy.reached()
        run.fault()
        if writer_dies:
            await mx.kill()
        # Longer than a segment's age, a survivor's age and two rounds of the sweep; shorter than the server's
        # own patience with a transaction that stands still.
        await asyncio.sleep(14)
        assert spool_holds(rig, letter.mark), "bytes were reclaimed although their COMMIT could still happen"
        await proxy.let_go()
        assert (await attempt).startswith("250") != writer_dies
        await rig.until_event(letter.id, "delivered", seconds=60)
        run.recovered()
        if not writer_dies:
            await rig.stop("mx")
    await rig.start_missing()
    if writer_dies:
        await run.load.deliver(letter)


@case("F11 60 s", "the same for a minute: the server gives up, the sender comes again")
async def commit_hangs_for_a_minute(run: Run) -> None:
    rig, letter = run.rig, run.load.letter("d1")
    async with PostgresProxy(rig.settings.database_url.get_secret_value()) as proxy:
        await rig.replace("mx", CLEARPOST_DATABASE_URL=proxy.proxied_url)
        proxy.order("hold", ACCEPTED)
        attempt = run.load.begin(letter)
        await proxy.reached()
        run.fault()
        assert (await attempt).startswith(_LATER)
        await asyncio.sleep(max(0.0, 60 - run.since_fault()))
        proxy.forget()
        assert not run.load.arrived(letter), "delivered without a 250"
        run.recovered()
        await run.load.deliver(letter)
        await rig.stop("mx")
