"""Content on its way in: in memory, to disk, refused; and that nothing of it stays where it must not."""

import asyncio
import base64
import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore import replies
from mailcore.clock import Clock
from mailcore.content_scan import ContentScan
from mailcore.intake import Intake, MemoryBudget
from mailcore.replies import Reply
from mailcore.spool import Spool
from mailcore.spool_segment import LockedSegment
from mailcore.spool_writer import LargeEntry

TRACE = b"Received: from client.test\r\n"
BUDGET = 100_000
PART = base64.encodebytes(b"x" * 30_000).replace(b"\n", b"\r\n")
PHOTO = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + PART


class HeldClock(Clock):
    """Holds the thread that wants to name a segment, until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def new_id(self) -> UUID:
        self.entered.set()
        assert self.go_on.wait(10)
        return super().new_id()


class Door:
    """A spool and a budget, and intakes that share them."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.spool = Spool.open(folder / "spool", folder / "keys", self.clock)
        self.budget = MemoryBudget(BUDGET)

    def intake(self, *, limit: int = 10**9, memory: int = 10**9, clock: Clock | None = None) -> Intake:
        return Intake(
            record_id=self.clock.new_id(),
            trace=TRACE,
            limit=limit,
            memory_limit=memory,
            budget=self.budget,
            spool=self.spool,
            clock=clock or self.clock,
            scan=ContentScan(),
        )

    @property
    def segments(self) -> list[Path]:
        return list(self.spool.folder.iterdir())

    @property
    def all_memory_is_free(self) -> bool:
        free = self.budget.take(BUDGET)
        if free:
            self.budget.give_back(BUDGET)
        return free


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


async def fed(intake: Intake, chunks: Sequence[bytes]) -> Reply | None:
    for chunk in chunks:
        await intake.feed(chunk)
    return await intake.finish()


def stored(intake: Intake) -> bytes:
    """What acceptance is handed."""
    content = intake.content
    if isinstance(content, LargeEntry):
        with content.content() as whole:
            return whole[:]
    return b"".join(content)


# --- what is kept ---


async def test_a_small_message_waits_in_memory_behind_its_trace(door: Door) -> None:
    intake = door.intake()
    assert await fed(intake, [b"Subject: a\r\n", b"\r\nbody\r\n"]) is None
    assert stored(intake) == TRACE + b"Subject: a\r\n\r\nbody\r\n"
    assert intake.size == len(b"Subject: a\r\n\r\nbody\r\n")
    assert door.segments == []


@pytest.mark.parametrize("memory", [10**9, 5_000], ids=["memory", "disk"])
async def test_a_filter_is_given_the_whole_message_and_not_our_trace(door: Door, memory: int) -> None:
    intake = door.intake(memory=memory)
    message = PHOTO * 2
    assert await fed(intake, [message[at : at + 1000] for at in range(0, len(message), 1000)]) is None
    assert b"".join([bytes(piece) async for piece in intake.pieces()]) == message
    assert intake.size == len(message)


@pytest.mark.parametrize("memory", [10**9, 5_000], ids=["memory", "disk"])
async def test_attachments_and_beginning_are_the_same_in_memory_and_on_disk(door: Door, memory: int) -> None:
    intake = door.intake(memory=memory)
    assert await fed(intake, [PHOTO[at : at + 1000] for at in range(0, len(PHOTO), 1000)]) is None
    assert isinstance(intake.content, LargeEntry) is (memory == 5_000)
    assert (await intake.count_attachments(stop_above=10**9)).decoded_bytes == 30_000
    assert await intake.beginning(100) == PHOTO[:100]
    assert stored(intake) == TRACE + PHOTO
    intake.drop()
    assert door.segments == []


@pytest.mark.parametrize("memory", [10**9, 5_000], ids=["memory", "disk"])
@pytest.mark.parametrize("start", [0, 1, 999, 1_000, 20_000, 10**6])
async def test_the_body_is_the_same_in_memory_and_on_disk(door: Door, memory: int, start: int) -> None:
    intake = door.intake(memory=memory)
    assert await fed(intake, [PHOTO[at : at + 1000] for at in range(0, len(PHOTO), 1000)]) is None
    assert b"".join(intake.body(start, threading.Event())) == PHOTO[start:]


async def test_a_body_that_is_being_read_when_it_is_dropped_only_ends(door: Door) -> None:
    door.budget = MemoryBudget(10**9)
    intake = door.intake(memory=5_000)
    assert await fed(intake, [b"\r\n", *[b"a line of text\r\n" * 60] * 400]) is None
    reading = intake.body(0, threading.Event())
    first = next(reading)
    intake.drop()
    assert len(first) + len(b"".join(reading)) < intake.size
    assert door.segments == []


async def test_a_body_is_read_no_further_once_nobody_waits(door: Door) -> None:
    door.budget = MemoryBudget(10**9)
    intake = door.intake(memory=5_000)
    assert await fed(intake, [b"\r\n", *[b"a line of text\r\n" * 60] * 400]) is None
    given_up = threading.Event()
    reading = intake.body(0, given_up)
    next(reading)
    given_up.set()
    assert list(reading) == []


@given(st.binary(max_size=3000), st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
async def test_what_is_kept_does_not_depend_on_the_cuts(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], memory: int
) -> None:
    door = Door(tmp_path_factory.mktemp("cut"))
    whole, cut = door.intake(), door.intake(memory=memory)
    at = 0
    chunks: list[bytes] = []
    while at < len(content):
        size = cuts[len(chunks) % len(cuts)]
        chunks.append(content[at : at + size])
        at += size
    refusal = await fed(whole, [content] if content else [])
    assert await fed(cut, chunks) == refusal
    if refusal is None:
        assert stored(cut) == stored(whole) == TRACE + content
    whole.drop()
    cut.drop()
    assert door.segments == []
    assert door.all_memory_is_free
    door.spool.close()


# --- what is refused ---


async def test_content_above_every_plan_is_552_with_nothing_stored(door: Door) -> None:
    intake = door.intake(limit=2_000, memory=500)
    assert await fed(intake, [b"X: a\r\n" * 50] * 10) is replies.TOO_LARGE_FOR_ALL
    assert door.segments == []
    assert door.all_memory_is_free


async def test_more_than_the_memory_for_data_is_452_and_leaves_room_for_others(door: Door) -> None:
    first, second = door.intake(), door.intake()
    await first.feed(b"a" * (BUDGET - 10))
    assert await fed(second, [b"Subject: b\r\n"]) is replies.OUT_OF_MEMORY
    first.drop()
    assert door.all_memory_is_free


async def test_a_streamed_message_counts_its_buffers_only(door: Door) -> None:
    door.budget = MemoryBudget(2_000_000)
    intake = door.intake(memory=10_000)
    assert await fed(intake, [b"\r\n" + b"a line\r\n" * 8000] * 100) is None  # 6 MB through 2 MB
    assert intake.size > 6_000_000
    intake.drop()
    assert door.budget.take(2_000_000)


async def test_a_bad_message_on_disk_is_refused_and_gone(door: Door) -> None:
    intake = door.intake(memory=100)
    assert await fed(intake, [b"Subject: a\r\n\r\n" + b"line\r\n" * 100, b"\0\r\n"]) is replies.HAS_NUL
    assert door.segments == []
    assert door.all_memory_is_free


async def test_a_spool_that_cannot_be_written_is_451(door: Door) -> None:
    door.spool.folder.rename(door.spool.folder.with_name("away"))
    intake = door.intake(memory=100)
    assert await fed(intake, [b"Subject: a\r\n\r\n" + b"line\r\n" * 100] * 3) is replies.TRY_LATER
    assert door.all_memory_is_free


# --- clients that leave ---


async def test_a_client_that_leaves_while_a_segment_is_made_leaves_none(door: Door) -> None:
    clock = HeldClock()
    intake = door.intake(memory=100, clock=clock)
    feeding = asyncio.create_task(intake.feed(b"line\r\n" * 100))
    await asyncio.to_thread(clock.entered.wait, 10)
    feeding.cancel()
    await asyncio.wait({feeding})
    intake.drop()
    assert intake._writing
    assert not intake._writing.done()
    clock.go_on.set()
    await asyncio.wait({intake._writing})
    await asyncio.sleep(0)  # the callback that drops runs in this turn of the loop
    assert door.segments == []
    assert door.all_memory_is_free


async def test_what_was_handed_on_outlives_the_intake(door: Door) -> None:
    intake = door.intake(memory=100)
    await fed(intake, [b"Subject: a\r\n\r\n" + b"line\r\n" * 100])
    entry = intake.content
    assert isinstance(entry, LargeEntry)
    intake.release()
    intake.drop()
    assert len(door.segments) == 1
    entry.drop()
    assert door.segments == []


async def test_what_acceptance_broke_on_is_left_to_the_sweep(door: Door) -> None:
    intake = door.intake(memory=100)
    await fed(intake, [b"Subject: a\r\n\r\n" + b"line\r\n" * 100])
    intake.abandon()
    intake.drop()
    (path,) = door.segments
    segment = LockedSegment.take(path, door.spool.keys)
    assert segment
    assert segment.size > 600
    segment.release()
