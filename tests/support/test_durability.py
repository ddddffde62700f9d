"""The proof of durability is worth something: it accepts a real trace, and no trace in another order.

The traces are real ones (strace 6.1). A receiver: a message is taken, refused by its destination, reported to
its sender, overwritten. Upkeep: what waits is copied, the original removed. Only lines that say nothing about
the order were left out, and the folders renamed.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.durability import (
    NotProven,
    prove_accepted,
    prove_discarded,
    prove_moved,
    prove_reported,
    records,
)
from tests.support.strace import Unreadable, parse


def trace_of(process: str) -> list[str]:
    return Path(__file__).with_name(f"durability_{process}.strace").read_text(encoding="ascii").splitlines()


TRACE = trace_of("mx")
CREATE, _, FOLDER_SYNC, WRITE, SYNC, _, COMMIT, COMMITTED, SAY_250 = TRACE[:9]
DSN_WRITE, DSN_SYNC, _, _, SETTLE, SETTLED, _, OVERWRITE = TRACE[9:]
MESSAGE, NOTIFICATION = (record.id for record in records(parse(TRACE)))

UPKEEP = trace_of("upkeep")
_, _, _, COPY_FOLDER_SYNC, _, COPY_SYNC, COPY_SYNCED, _, MOVE, MOVED, REMOVE = UPKEEP
(WAITING,) = (record.id for record in records(parse(UPKEEP)))

Proof = Callable[[list[str]], None]


def accepted(lines: list[str]) -> None:
    prove_accepted(parse(lines), MESSAGE)


def reported(lines: list[str]) -> None:
    prove_reported(parse(lines), MESSAGE, NOTIFICATION)


def discarded(lines: list[str]) -> None:
    prove_discarded(parse(lines), MESSAGE)


def kept(lines: list[str]) -> None:
    prove_moved(parse(lines), WAITING)


def moved(line: str, *, behind: str, trace: list[str] = TRACE) -> list[str]:
    rest = [other for other in trace if other is not line]
    at = next(index for index, other in enumerate(rest) if other is behind) + 1
    return [*rest[:at], line, *rest[at:]]


def without(*lines: str, trace: list[str] = TRACE) -> list[str]:
    return [other for other in trace if all(other is not line for line in lines)]


def blocked(line: str, *, until: str) -> list[str]:
    """The call returns only after that other line, as strace shows it."""
    head, _, result = line.rpartition(") = ")
    thread, time, call = head.split(" ", 2)
    name = call.partition("(")[0]
    lines = [f"{head} <unfinished ...>" if other is line else other for other in TRACE]
    at = next(index for index, other in enumerate(lines) if other is until) + 1
    return [*lines[:at], f"{thread} {time} <... {name} resumed>) = {result}", *lines[at:]]


def test_a_real_trace_is_proven() -> None:
    for proof in (accepted, reported, discarded):
        proof(TRACE)
    kept(UPKEEP)


WRONG: dict[str, tuple[Proof, list[str]]] = {
    "250 before COMMIT": (accepted, moved(COMMIT, behind=SAY_250)),
    "250 before the answer to COMMIT": (accepted, moved(COMMITTED, behind=SAY_250)),
    "COMMIT before the sync": (accepted, moved(SYNC, behind=COMMIT)),
    "COMMIT while the sync goes on": (accepted, blocked(SYNC, until=COMMIT)),
    "no sync": (accepted, without(SYNC)),
    "written after the sync": (accepted, moved(WRITE, behind=SYNC)),
    "synced while written": (accepted, blocked(WRITE, until=SYNC)),
    "the name synced after COMMIT": (accepted, moved(FOLDER_SYNC, behind=COMMIT)),
    "the name never synced": (accepted, without(FOLDER_SYNC)),
    "the name synced before it was there": (accepted, moved(CREATE, behind=FOLDER_SYNC)),
    "no 250": (accepted, without(SAY_250)),
    "COMMIT never answered": (accepted, without(COMMITTED, SETTLED)),
    "settled before the notification is synced": (reported, moved(DSN_SYNC, behind=SETTLE)),
    "the notification written after its sync": (reported, moved(DSN_WRITE, behind=DSN_SYNC)),
    "the notification never synced": (reported, without(DSN_SYNC)),
    "overwritten before it is settled": (reported, moved(OVERWRITE, behind=DSN_SYNC)),
    "overwritten before the answer to COMMIT": (discarded, moved(SETTLED, behind=OVERWRITE)),
    "moved while the copy is not synced": (kept, moved(COPY_SYNCED, behind=MOVE, trace=UPKEEP)),
    "the copy never synced": (kept, without(COPY_SYNC, COPY_SYNCED, trace=UPKEEP)),
    "the copy's name synced after COMMIT": (kept, moved(COPY_FOLDER_SYNC, behind=MOVE, trace=UPKEEP)),
    "the original removed before COMMIT": (kept, moved(MOVE, behind=REMOVE, trace=UPKEEP)),
    "the original removed before the answer to COMMIT": (kept, moved(MOVED, behind=REMOVE, trace=UPKEEP)),
    "the original never removed": (kept, without(REMOVE, trace=UPKEEP)),
    "never overwritten": (discarded, without(OVERWRITE)),
    "not all of it overwritten": (
        discarded,
        [line.rpartition(" = ")[0] + " = 700" if line is OVERWRITE else line for line in TRACE],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_another_order_is_not_proven(what: str) -> None:
    proof, lines = WRONG[what]
    with pytest.raises(NotProven):
        proof(lines)


def test_records_are_found_with_their_places() -> None:
    first, second = records(parse(TRACE))
    assert (first.start, first.end) == (0, second.start)
    assert first.segment == second.segment


def test_octets_and_offsets_are_read_as_strace_shows_them() -> None:
    file = "/var/lib/clearpost/spool/segments/a.seg"
    vector = r'[{iov_base="a\0\33\"", iov_len=4}, {iov_base="b]\n", iov_len=3}], 2'
    calls = parse(
        [
            f"7 1.5 pwritev2(18<{file}>, {vector}, 4096, 0) = 7",
            f'7 1.6 pread64(18<{file}>, "abc"..., 900, 12) = 900',
            '8 1.7 write(14<TCP:[127.0.0.1:25->127.0.0.1:9]>, "250 OK\\r\\n", 8) = 8',
            f"8 1.8 fsync(14<{file}>) = -1 EIO (Input/output error)",
        ]
    )
    assert [(c.name, c.target, c.data, c.offset) for c in calls] == [
        ("pwritev2", file, b'a\0\33"b]\n', 4096),
        ("pread64", file, b"abc", 12),
        ("write", "TCP:[127.0.0.1:25->127.0.0.1:9]", b"250 OK\r\n", None),
    ]


def test_a_call_in_two_lines_begins_and_ends_where_they_are() -> None:
    (call, other) = parse(
        [
            "7 1.0 fsync(3</a> <unfinished ...>",
            '8 1.1 write(4</b>, "x", 1) = 1',
            "7 1.2 <... fsync resumed>) = 0",
        ]
    )
    assert (call.began, call.ended, call.target) == (0, 2, "/a")
    assert (other.began, other.ended) == (1, 1)


@pytest.mark.parametrize(
    "line", ["no thread here", "7 1.0 fsync(3</a>) is odd", "7 1.0 <... fsync resumed>) = 0"]
)
def test_a_line_that_cannot_be_read_is_not_passed_over(line: str) -> None:
    with pytest.raises(Unreadable):
        parse([line])


def test_another_message_is_not_in_the_trace() -> None:
    with pytest.raises(NotProven):
        prove_accepted(parse(TRACE), UUID(int=7))
