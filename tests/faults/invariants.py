"""I1 to I8 of a fault case: what the senders know, what the sinks have, what tables, spool and logs say.

The tables and the spool are judged by the checker of the journeys; this one adds both ends of the wire.
Must never be told what the case did, but for what it may have left behind.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio

from mailcore.event_log import Event
from tests.faults.load import SECRET, Letter, Load, id_of
from tests.faults.rig import Rig
from tests.support import invariants

_I4_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a case came to."""

    messages: int
    copies: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What the log tells of one letter: times taken, attempts whose end is unknown, and the rest."""

    taken: int = 0
    unclear: int = 0
    hard_bounced: int = 0
    waiting: int = 0


async def check(rig: Rig, load: Load, *, refusals: bool = False) -> Figures:
    """Raises AssertionError, naming the invariant. `refusals`: the case asked for 5yz replies."""
    await invariants.check(rig, discard_seconds=_I4_SECONDS)
    known = await _known(rig)
    copies = load.copies()
    for letter in load.letters:
        _not_lost(rig, letter, known.get(letter.id, _Known()), copies)
        _not_doubled(rig, letter, known.get(letter.id, _Known()), copies)
        assert refusals or not any(reply.startswith("5") for reply in letter.replies), (
            f"I8: a fault of ours was answered {letter.replies}"
        )
    _same_bytes(rig, load)
    await _nothing_kept(rig)
    return Figures(
        sum(bool(letter.accepted) for letter in load.letters),
        sum(copies.values()),
        sum(count - 1 for count in copies.values()),
    )


async def _known(rig: Rig) -> dict[str, _Known]:
    world = rig.world
    subjects = {message.id: message.subject for message in await world.logged()}
    events: dict[str, list[Event]] = defaultdict(list)
    for event in await world.logged_events():
        events[subjects.get(event.message_id, "")].append(event)
    waiting = Counter(
        subjects.get(row["message_id"], "")
        for row in await world.database.fetch("select message_id from delivery")
    )
    return {
        subject: _Known(
            sum(each.type == "received" for each in found),
            sum(map(_is_unclear, found)),
            sum(each.type == "hard-bounced" for each in found),
            waiting[subject],
        )
        for subject, found in events.items()
        if subject.startswith("load-")
    }


def _is_unclear(event: Event) -> bool:
    was_interrupted = event.response == "attempt interrupted" or event.code == "4.4.2"
    return event.type == "soft-bounced" and was_interrupted


def _not_lost(rig: Rig, letter: Letter, known: _Known, copies: Counter[tuple[str, str]]) -> None:
    """I1, seen from outside: what was answered 250 is at its sinks, bounced, waiting or held."""
    assert known.taken >= letter.accepted, f"I1: {letter.id} was answered 250 and is not in the log"
    assert known.taken <= letter.accepted + letter.unknown, (
        f"I1: {letter.id} was taken {known.taken} times, answered 250 {letter.accepted} times, "
        f"left unknown {letter.unknown} times"
    )
    if letter.accepted:
        there = [bool(copies[letter.id, to]) for to in rig.forwards[letter.recipient]]
        missing = len(there) - sum(there)
        assert missing <= known.hard_bounced + known.waiting, f"I1: {letter.id} is lost"


def _not_doubled(rig: Rig, letter: Letter, known: _Known, copies: Counter[tuple[str, str]]) -> None:
    """I2: one copy for each time it was taken, one more for each attempt whose end is not known."""
    for to in rig.forwards[letter.recipient]:
        count = copies[letter.id, to]
        assert count <= known.taken + known.unclear, (
            f"I2: {letter.id} arrived {count} times, taken {known.taken}, unclear attempts {known.unclear}"
        )


def _same_bytes(rig: Rig, load: Load) -> None:
    """I5: below what we put on top, the bytes that were sent; and nothing that nobody sent."""
    sent = {letter.id: letter.content for letter in load.letters}
    for name, sink in rig.sinks.items():
        for message in sink.messages if name != "home" else ():
            identifier = id_of(message.content)
            assert identifier in sent, f"I2: a copy at {name} of a letter that is not of this case"
            content = sent[identifier]
            assert message.content.endswith(content), f"I5: {identifier} arrived with other bytes"
            above = message.content[: -len(content)]
            fields_only = above.endswith(b"\r\n") and b"\r\n\r\n" not in above
            assert fields_only, f"I5: more than header fields on top of {identifier}"


async def _nothing_kept(rig: Rig) -> None:
    """I6: no content in a table or in Redis; neither that nor a secret in any log."""
    secrets = {"content": SECRET.encode()} | await asyncio.to_thread(_secrets, rig)
    for path in (rig.log, rig.ground.postgres.log, rig.ground.valkey.log):
        text = await asyncio.to_thread(path.read_bytes) if path.exists() else b""
        found = [what for what, secret in secrets.items() if secret in text]
        assert not found, f"I6: {found} in {path.name}"
    for table in await rig.world.database.fetch(_TABLES):
        name = table["name"]
        count = await rig.world.value(f"select count(*) from {name} t where t::text like $1", f"%{SECRET}%")
        assert count == 0, f"I6: content in table {name}"
    assert not await _redis_holds(rig.ground.valkey.url, SECRET.encode()), "I6: content in Redis"


_TABLES = """
select quote_ident(relname) as name from pg_class c
where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
"""


def _secrets(rig: Rig) -> dict[str, bytes]:
    """Keys on disk, and the passwords of the servers."""
    keys = {
        f"{path.name} {number}": line.strip()
        for path in rig.settings.key_dir.glob("*.key")
        for number, line in enumerate(path.read_bytes().splitlines())
        if len(line) > 16
    }
    urls = (rig.settings.database_url, rig.settings.redis_url)
    passwords = {f"password {n}": urlsplit(u.get_secret_value()).password for n, u in enumerate(urls)}
    return keys | {name: word.encode() for name, word in passwords.items() if word}


async def _redis_holds(url: str, secret: bytes) -> bool:
    client: Any = redis.asyncio.Redis.from_url(url)
    try:
        async for key in client.scan_iter(count=1000):
            dump = await client.dump(key) or b""
            if secret in key or secret in dump:
                return True
    finally:
        await client.aclose()
    return False
