"""What must hold after every journey (FAULTS.md I1, I3, I4): one checker, asked at the end of each.

Reads the tables and the segments alone. Must never be told what the journey did.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from mailcore import ledger
from mailcore.database import Database
from tests.support.stack import until
from tests.support.world import World

_LENGTHS = struct.Struct("<4sIQ")
_HEADER_BYTES = 48
_TERMINAL = ("delivered", "hard-bounced")
_DISCARD_SECONDS = 5.0


class Checked(Protocol):
    """What is looked at: the tables, and the folder of segments."""

    @property
    def world(self) -> World: ...

    @property
    def segments(self) -> Path: ...


async def check(stack: Checked, *, discard_seconds: float = _DISCARD_SECONDS) -> None:
    """Raises AssertionError, naming the rule that is broken.

    `discard_seconds`: where a process was killed, the sweep has to find what it left (I4: within 60 s).
    """
    database = stack.world.database
    await _ledger_agrees(database)
    await _one_terminal_event(database)
    await _nothing_readable(stack, discard_seconds)


async def _ledger_agrees(database: Database) -> None:
    for line in await ledger.balance(database):
        assert line.difference == 0, f"I1: the ledger misses {line.difference} of {line.origin}: {line}"


async def _one_terminal_event(database: Database) -> None:
    """Ended deliveries have exactly one, waiting ones none; as many ended as the ledger says."""
    waiting: set[Any] = set()
    attempts: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    rows = await database.fetch(
        "select delivery_id, attempt, type, "
        "exists (select from delivery d where d.id = delivery_id) as waits "
        "from log_event where delivery_id is not null order by id"
    )
    for row in rows:
        if row["waits"]:
            waiting.add(row["delivery_id"])
        attempts[row["delivery_id"]].append((row["attempt"], row["type"]))
    for delivery, events in attempts.items():
        numbers, types = [number for number, _ in events], [kind for _, kind in events]
        assert numbers == list(range(1, len(numbers) + 1)), f"I3: attempts are numbered {numbers}"
        ended = sum(kind in _TERMINAL for kind in types)
        assert ended == (delivery not in waiting), f"I3: terminal events of one delivery: {types}"
        assert not ended or types[-1] in _TERMINAL, f"I3: an event after the end: {types}"
    ended, counted = await _ended(database)
    assert ended == counted, f"I3: {ended} terminal events, {counted} in the ledger"


async def _ended(database: Database) -> tuple[int, int]:
    """Terminal events, and how many of them the ledger has, at a moment when nothing ended."""
    while True:
        before = await _counted(database)
        ended = await database.value("select count(*) from log_event where type = any($1)", list(_TERMINAL))
        if await _counted(database) == before:
            return ended, before


async def _counted(database: Database) -> int:
    return sum(line.delivered + line.hard_bounced for line in await ledger.balance(database))


async def _nothing_readable(stack: Checked, seconds: float) -> None:
    """Bytes go right after the commit that ended their message, so at most a moment later."""

    async def all_gone() -> bool:
        try:
            return not await _readable(stack)
        except FileNotFoundError:  # a segment was moved or removed under our eyes: look again
            return False

    try:
        await until(all_gone, seconds)
    except TimeoutError:
        raise AssertionError(f"I4: finished but readable: {await _readable(stack)}") from None


async def _readable(stack: Checked) -> list[str]:
    """Records that no message needs and that still hold a byte of content."""
    rows = await stack.world.database.fetch("select segment, record_offset from message")
    needed = {(str(row["segment"]), row["record_offset"]) for row in rows}
    return [
        f"{path.name} at {offset}"
        for path in stack.segments.glob("*.*")
        for offset, content in _records(path)
        if (path.stem, offset) not in needed and content.strip(b"\0")
    ]


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each record, its lengths left out."""
    raw = path.read_bytes()
    offset = 0
    while offset + _HEADER_BYTES <= len(raw):
        magic, envelope, content = _LENGTHS.unpack_from(raw, offset)
        if magic != b"CPR1":
            yield offset, raw[offset:]
            return
        end = offset + _HEADER_BYTES + envelope + content
        yield offset, raw[offset + _LENGTHS.size : end]
        offset = end
