"""What must hold after every journey (FAULTS.md I1, I3, I4): one checker, asked at the end of each.

Reads the tables, the segments and their keys alone. Must never be told what the journey did.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from mailcore import ledger
from mailcore.database import Database
from mailcore.settings import Settings
from mailcore.spool_keys import KEY_BYTES
from mailcore.spool_record import HEADER_BYTES, Header
from tests.support.stack import until
from tests.support.world import World

_WALKED_BYTES = 24
_TERMINAL = ("delivered", "hard-bounced")
_DISCARD_SECONDS = 5.0


class Checked(Protocol):
    """What is looked at: the tables, the folder of segments, and the key folder that the settings name."""

    @property
    def world(self) -> World: ...

    @property
    def segments(self) -> Path: ...

    @property
    def settings(self) -> Settings: ...


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
    """Records that no message needs and that still hold a byte of content, or a key."""
    rows = await stack.world.database.fetch("select segment, record_offset from message")
    needed = {(str(row["segment"]), row["record_offset"]) for row in rows}
    return [
        f"{path.name} at {offset}"
        for path in stack.segments.glob("*.*")
        for offset, left in _records(path, _keys(stack, path))
        if (path.stem, offset) not in needed and left.strip(b"\0")
    ]


def _keys(stack: Checked, path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in stack.settings.key_dir.glob(f"spool/*/{path.stem}.keys"))


def _records(path: Path, keys: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset of each record; its bytes, what a walk needs left out, and its key."""
    raw, offset = path.read_bytes(), 0
    while offset < len(raw):
        header = Header.parse(raw[offset : offset + HEADER_BYTES])
        if header is None:
            yield offset, raw[offset:]
            return
        end, slot = offset + header.length, header.slot * KEY_BYTES
        yield offset, raw[offset + _WALKED_BYTES : end] + keys[slot : slot + KEY_BYTES]
        offset = end
