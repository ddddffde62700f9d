"""The order in which a process makes mail last, proven from its system calls (a trace by strace).

    keys written -> key file synced, and its folder -> bytes written under them -> file synced, and its folder
    where the file is new -> COMMIT sent -> COMMIT acknowledged -> 250 said, or key and bytes overwritten

Must never take one message's calls for another's: rows are found by the 16 octets of the id, bytes by their
place in the segment, so that any number of messages may share a write, a sync and a COMMIT.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import TypeVar
from uuid import UUID

from tests.support.strace import REMOVALS, Call

T = TypeVar("T")

# Sealed records, and plain ones of releases before.
_SEALED, _PLAIN = struct.Struct("<4sIIQI16s"), struct.Struct("<4sIQ16s16s")
_CHUNK, _TAG = 64 * 1024, 16
_KEPT_BYTES = 24  # of a header, when a record is overwritten
_KEY = 32
_COMMIT = re.compile(rb"Q....COMMIT;\0", re.DOTALL)
_COMMITTED = b"C\0\0\0\x0bCOMMIT\0"


class NotProven(AssertionError):
    """The trace does not show the order that was promised; the text names the step."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record: the segment it lies in, and its place there."""

    id: UUID
    segment: str
    start: int
    end: int
    slot: int | None = None

    @property
    def keys(self) -> str:
        """What the name of its key file ends in."""
        return f"/{PurePath(self.segment).stem}.keys"


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that the server acknowledged: its statements, COMMIT, and the answer to that."""

    statements: bytes
    sent: Call
    acknowledged: Call


def records(calls: Sequence[Call]) -> list[Stored]:
    """The records that the process wrote or read, each where it was first, in the order of appearance."""
    found: dict[UUID, Stored] = {}
    for place in _places(calls):
        found.setdefault(place.id, place)
    return list(found.values())


def prove_accepted(calls: Sequence[Call], message: UUID) -> None:
    """Bytes and, for a new segment, its name are on disk before COMMIT, and COMMIT is certain before 250."""
    record = _record(calls, message)
    commit = _commit_with(calls, message)
    _prove_synced(calls, record, commit)
    name = str(message).encode()
    said = _first(
        (call for call in calls if call.is_write and call.data.startswith(b"250 2.0.0 Queued as %b" % name)),
        "250 was never said",
    )
    _prove_order(("COMMIT was acknowledged", commit.acknowledged), ("250 was said", said))


def prove_reported(calls: Sequence[Call], message: UUID, notification: UUID) -> None:
    """The notification's bytes are on disk before the COMMIT that ends its message, then those may go."""
    commit = _commit_with(calls, message, notification)
    _prove_synced(calls, _record(calls, notification), commit)
    _prove_overwritten(calls, _record(calls, message), commit)


def prove_discarded(calls: Sequence[Call], message: UUID) -> None:
    """A message's bytes are overwritten, and not before the last COMMIT about it is acknowledged."""
    commits = [commit for commit in _commits(calls) if message.bytes in commit.statements]
    if not commits:
        raise NotProven("no COMMIT ended the message")
    _prove_overwritten(calls, _record(calls, message), commits[-1])


def prove_moved(calls: Sequence[Call], message: UUID) -> None:
    """A copy is on disk before the COMMIT that points at it; the original goes once that is acknowledged."""
    original = _record(calls, message)
    copy = _first(
        (place for place in _places(calls) if place.id == message and place.segment != original.segment),
        "the record was not copied",
    )
    commit = _commit_with(calls, message, UUID(PurePath(copy.segment).stem))
    _prove_synced(calls, copy, commit)
    removed = _first(
        (call for call in calls if call.name in REMOVALS and call.target == original.segment),
        "the original was not removed",
    )
    for call in (removed, *_overwritings(calls, original)):
        _prove_order(("COMMIT was acknowledged", commit.acknowledged), ("the original went", call))


# --- the steps ---


def _prove_synced(calls: Sequence[Call], record: Stored, commit: Commit) -> None:
    """A sync that began after all of the record was written is over before COMMIT is sent."""
    about = [call for call in calls if call.target == record.segment and call.began < commit.sent.began]
    written = [call for call in about if call.is_write and any(call.data) and _overlap(call, record)]
    if sum(_overlap(call, record) for call in written) < record.end - record.start:
        raise NotProven("the record was not written before COMMIT")
    synced = [call for call in about if call.name == "fdatasync" and call.ended < commit.sent.began]
    if not synced:
        raise NotProven("the segment was not synced before COMMIT")
    for call in written:
        _prove_order(("the record was written", call), ("it was synced", synced[-1]))
    _prove_name_synced(calls, record, commit)
    if record.slot is not None:
        _prove_key_synced(calls, record, written[0])


def _prove_key_synced(calls: Sequence[Call], record: Stored, used: Call) -> None:
    """The key is on disk, and the name of its file, before anything is written under it."""
    about = [call for call in calls if call.target.endswith(record.keys) and call.ended < used.began]
    filled = [call for call in about if call.is_write and any(call.data) and _has_slot(call, record)]
    if not filled:
        raise NotProven("the key was not written before the record")
    synced = _first(
        (call for call in about if call.name == "fdatasync" and call.began > filled[0].ended),
        "the key was not synced before the record was written",
    )
    _prove_order(("the key was synced", synced), ("the record was written", used))
    folder = str(PurePath(synced.target).parent)
    if any(call.creates and call.target == synced.target for call in calls):
        named = (c for c in calls if c.name == "fsync" and c.target == folder and c.ended < used.began)
        _first(named, "the folder of a new key file was not synced")


def _has_slot(call: Call, record: Stored) -> bool:
    start, place = call.offset or 0, (record.slot or 0) * _KEY
    return start <= place and place + _KEY <= start + call.result


def _prove_key_destroyed(calls: Sequence[Call], record: Stored, commit: Commit) -> None:
    zeros = [
        call
        for call in calls
        if call.is_write
        and call.target.endswith(record.keys)
        and not any(call.data)
        and _has_slot(call, record)
    ]
    if not zeros:
        raise NotProven("the key was not overwritten")
    for call in zeros:
        _prove_order(("COMMIT was acknowledged", commit.acknowledged), ("the key was overwritten", call))
    synced = (c for c in calls if c.name == "fdatasync" and c.target == zeros[0].target)
    _first((c for c in synced if c.began > zeros[0].ended), "the overwritten key was not synced")


def _prove_name_synced(calls: Sequence[Call], record: Stored, commit: Commit) -> None:
    created = [call for call in calls if call.creates and call.target == record.segment]
    if not created:
        return  # an earlier message's COMMIT proved it
    folder = str(PurePath(record.segment).parent)
    synced = _first(
        (c for c in calls if c.name == "fsync" and c.target == folder and c.began > created[0].ended),
        "the folder of a new segment was not synced",
    )
    _prove_order(("the folder was synced", synced), ("COMMIT was sent", commit.sent))


def _prove_overwritten(calls: Sequence[Call], record: Stored, commit: Commit) -> None:
    wiped = _overwritings(calls, record)
    if sum(_overlap(call, record) for call in wiped) < record.end - record.start - _KEPT_BYTES:
        raise NotProven("the record was not overwritten")
    for call in wiped:
        _prove_order(("COMMIT was acknowledged", commit.acknowledged), ("the record was overwritten", call))
    if record.slot is not None:
        _prove_key_destroyed(calls, record, commit)


def _overwritings(calls: Sequence[Call], record: Stored) -> list[Call]:
    writes = [call for call in calls if call.is_write and call.target == record.segment]
    return [call for call in writes if not any(call.data) and _overlap(call, record)]


def _prove_order(*steps: tuple[str, Call]) -> None:
    for (before, first), (after, second) in pairwise(steps):
        if first.ended >= second.began:
            raise NotProven(f"{after} before {before}")


# --- finding calls ---


def _places(calls: Sequence[Call]) -> Iterator[Stored]:
    """Wherever a whole header of a record was written or read."""
    for call in calls:
        if call.offset is None or not call.target.endswith((".seg", ".long")):
            continue
        at = 0
        while (found := _header(call.data, at)) is not None:
            identifier, slot, length = found
            if any(identifier):  # not of a record that was overwritten
                start = call.offset + at
                yield Stored(UUID(bytes=identifier), call.target, start, start + length, slot)
            at += length


def _header(data: bytes, at: int) -> tuple[bytes, int | None, int] | None:
    """Id, slot and length of the record that begins there."""
    if data.startswith(b"CPS1", at) and len(data) - at >= _SEALED.size:
        _, slot, envelope, content, _, identifier = _SEALED.unpack_from(data, at)
        sealed = content + _TAG * max(1, -(-content // _CHUNK)) + envelope + _TAG
        return identifier, slot, _SEALED.size + sealed
    if data.startswith(b"CPR1", at) and len(data) - at >= _PLAIN.size:
        _, envelope, content, identifier, _ = _PLAIN.unpack_from(data, at)
        return identifier, None, _PLAIN.size + envelope + content
    return None


def _overlap(call: Call, record: Stored) -> int:
    """How many octets of the record a write or read covers."""
    start = call.offset or 0
    return max(0, min(start + call.result, record.end) - max(start, record.start))


def _record(calls: Sequence[Call], identifier: UUID) -> Stored:
    return _first((r for r in records(calls) if r.id == identifier), "the record is not in the trace")


def _commit_with(calls: Sequence[Call], *identifiers: UUID) -> Commit:
    """The first transaction whose statements name all of these."""
    return _first(
        (c for c in _commits(calls) if all(i.bytes in c.statements for i in identifiers)),
        "no acknowledged COMMIT names the message",
    )


def _commits(calls: Sequence[Call]) -> list[Commit]:
    """Each connection to the database talks on its own; a COMMIT without an answer is none."""
    commits = []
    statements: dict[str, bytes] = {}
    sent: dict[str, Call] = {}
    for call in calls:
        if call.is_write and call.target.startswith("TCP"):
            statements[call.target] = statements.get(call.target, b"") + call.data
            if _COMMIT.search(call.data):
                sent[call.target] = call
        elif call.is_read and call.target in sent and _COMMITTED in call.data:
            commits.append(Commit(statements.pop(call.target), sent.pop(call.target), call))
    return commits


def _first(found: Iterable[T], otherwise: str) -> T:
    for one in found:
        return one
    raise NotProven(otherwise)
