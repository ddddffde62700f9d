"""F10 on the key folder: lost, cut short, read-only. Mail waits, nothing is lost, nothing stays readable."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.case import Run, case
from tests.faults.load import Letter
from tests.faults.rig import Rig, until

GREYLISTED = "451 4.7.1 Greylisted, come back"
_LATER = "451 4.3.0"


async def _one_waits(run: Run) -> Letter:
    """A letter that waits in a segment at rest; the mx that took it is gone, another one serves."""
    run.rig.sinks["d1"].script["RCPT"] = GREYLISTED
    letter = await run.load.accepted(run.load.letter("d1"))
    await run.rig.until_event(letter.id, "soft-bounced", "Greylisted")
    await run.rig.replace("mx")
    return letter


async def _is_held(rig: Rig) -> bool:
    return bool(await rig.world.value("select count(*) from delivery where state = 'held'"))


async def _held_then_delivered(run: Run, letter: Letter, folder: Path, back: Path) -> None:
    """With `folder` as the fault left it the letter is held; with `back` in its place it goes out whole."""
    rig = run.rig
    rig.sinks["d1"].script = {}
    await rig.world.execute("update delivery set next_attempt_at = now() where lease_owner is null")
    await until(lambda: _is_held(rig), 60, "mail whose key is missing is not held")
    await rig.until_alarm("key-lost")
    assert not run.load.arrived(letter), "sent without its key"
    await asyncio.to_thread(_put_back, folder, back)
    await rig.world.execute("update delivery set state = 'waiting', next_attempt_at = now()")
    await rig.until_event(letter.id, "delivered", seconds=60)
    run.recovered()


def _put_back(folder: Path, back: Path) -> None:
    if folder.exists():
        folder.rename(folder.with_name("cut"))
    back.rename(folder)


async def _keys(rig: Rig) -> Path:
    return rig.settings.key_dir / "spool" / str(await rig.node())


@case("F10 no keys", "the key folder is away while mail waits, and comes back", reduced=True)
async def keys_lost(run: Run) -> None:
    """New mail is answered 451 as soon as it needs new keys; what waits is held, and goes on by release."""
    rig = run.rig
    letter = await _one_waits(run)
    folder = await _keys(rig)
    away = folder.with_name("away")
    folder.rename(away)
    run.fault()
    refused = run.load.letter("d2")
    assert (await run.load.attempt(refused)).startswith(_LATER), "taken without a key on disk"
    await _held_then_delivered(run, letter, folder, away)
    await run.load.deliver(refused)
    await rig.idle()


@case("F10 cut keys", "key files cut short while mail waits", alone=True)
async def keys_cut(run: Run) -> None:
    rig = run.rig
    letter = await _one_waits(run)
    folder = await _keys(rig)
    await rig.stop(*rig.processes)
    whole = folder.with_name("whole")
    folder.rename(whole)
    folder.mkdir(mode=0o700)
    for path in whole.glob("*.keys"):
        (folder / path.name).write_bytes(path.read_bytes()[:31])
    run.fault()
    await rig.start_missing()
    await _held_then_delivered(run, letter, folder, whole)


@asynccontextmanager
async def _read_only(folder: Path) -> AsyncIterator[bool]:
    """The folder as if its disk had been mounted read-only, where we may mount."""
    commands = (
        ["mount", "--bind", str(folder), str(folder)],
        ["mount", "-o", "remount,ro,bind", str(folder)],
    )
    codes = [
        (await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)).returncode
        for command in commands
    ]
    try:
        yield not any(codes)
    finally:
        if codes[0] == 0:
            await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=False)


@case("F10 ro keys", "the key folder becomes read-only, then writable again", alone=True)
async def keys_read_only(run: Run) -> None:
    """Mail waits at its senders; what is delivered meanwhile keeps its key until it can be overwritten."""
    rig, sink = run.rig, run.rig.sinks["d1"]
    sink.script["RCPT"] = GREYLISTED
    letter = await run.load.accepted(run.load.letter("d1"))
    await rig.until_event(letter.id, "soft-bounced", "Greylisted")
    async with _read_only(await _keys(rig)) as is_read_only:
        run.fault()
        if not is_read_only:
            run.note = "no right to mount: the key folder stayed writable"
        sink.script = {}
        await rig.until_event(letter.id, "delivered", seconds=60)
        refused = run.load.letter("d2")
        if is_read_only:
            await rig.until_alarm("keys_not_destroyed")
            await rig.stop("mx")  # the next one needs a segment with keys of its own
            await rig.start("mx")
            assert (await run.load.attempt(refused)).startswith(_LATER), "taken without a key on disk"
    await run.load.deliver(refused)
    await rig.idle()
    run.recovered()


@case("F10 key room", "no room for new keys once, then room again")
async def keys_full(run: Run) -> None:
    rig = run.rig
    await rig.replace("mx", CLEARPOST_FAIL_IO="key:ENOSPC:1")
    letter = run.load.letter("d1")
    run.fault()
    assert (await run.load.attempt(letter)).startswith("452 4.3.1")
    await run.load.deliver(letter)
    run.recovered()
    await rig.replace("mx")
