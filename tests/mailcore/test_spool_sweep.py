"""Reclaiming segments: never too early, never too late, and never by the word of another database."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import asyncpg
import pytest

from mailcore import metrics, queue, replies
from mailcore.acceptance import Draft
from mailcore.settlement import Result
from mailcore.spool import Spool, segments_in
from mailcore.spool_keys import SpoolKeys
from mailcore.spool_record import Gone, Location
from mailcore.spool_segment import LockedSegment
from mailcore.spool_sweep import SpoolSweep
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import CONTENT, Ground, counted_writer, ground, settlement
from tests.support.tcp_proxy import PostgresProxy

SECRET = b"the secret words"


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


@pytest.fixture
def long_wait(g: Ground) -> SegmentWriter:
    return counted_writer(g.spool, g.clock, [], long_wait=True)


@pytest.fixture
def sweep(g: Ground, long_wait: SegmentWriter) -> SpoolSweep:
    return sweep_of(g, long_wait)


def sweep_of(g: Ground, long_wait: SegmentWriter) -> SpoolSweep:
    return SpoolSweep(
        database=g.database, spool=g.spool, long_wait=long_wait, clock=g.clock, settings=g.settings
    )


async def accepted(g: Ground, *names: str) -> None:
    for name in names:
        recipient = await g.recipient(name)
        submission = g.submission(recipient, content=CONTENT + name.encode())
        assert (await g.acceptance.accept(submission)).code == 250


def seal(g: Ground, seconds: float = 41) -> None:
    """The segment is sealed, and so old that survivors are due to move."""
    g.clock.step(seconds)
    g.writer.seal_if_old()


def segments(g: Ground) -> list[Path]:
    return list(segments_in(g.spool))


async def location_of(g: Ground) -> Location:
    row = await g.database.row("select segment, record_offset, record_length from message")
    return Location(row["segment"], row["record_offset"], row["record_length"])


async def end_without_discard(g: Ground, where: str = "true") -> None:
    """As if killed between the commit that closed them and the discard."""
    async with g.database.transaction() as tx:
        await tx.execute(f"delete from message where {where}")


# --- never too early ---


async def test_a_segment_with_its_writers_lock_is_left_alone(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    await end_without_discard(g)
    g.clock.step(1000)
    assert await sweep.sweep() == 0
    assert len(segments(g)) == 1


async def test_an_append_whose_transaction_is_open_keeps_its_segment(g: Ground, sweep: SpoolSweep) -> None:
    """F11: nothing is reclaimed before the outcome is known."""
    draft = await g.acceptance.store(g.submission(await g.recipient("one")))
    assert isinstance(draft, Draft)
    seal(g)
    assert await sweep.sweep() == 0
    assert bytes(g.spool.read(draft.location).content) == CONTENT
    g.acceptance.rejected([draft], replies.TRY_LATER)
    assert await sweep.sweep() == 1


async def test_nothing_is_reclaimed_while_a_dead_writers_commit_may_still_come(
    g: Ground, sweep: SpoolSweep, database_url: str
) -> None:
    """The writer is gone and its lock with it, but the server still works on what it sent."""
    draft = await g.acceptance.store(g.submission(await g.recipient("one")))
    assert isinstance(draft, Draft)
    orphan = await asyncpg.connect(database_url)
    try:
        await orphan.execute("begin")
        await orphan.fetchval("select pg_current_xact_id()")
        g.writer.settled([draft.location])  # its process died: the kernel drops the lock
        seal(g, 1000)
        for _ in range(3):
            assert await sweep.sweep() == 0
        assert bytes(g.spool.read(draft.location).content) == CONTENT
        await orphan.execute("rollback")
    finally:
        await orphan.close()
    assert await sweep.sweep() == 1
    assert segments(g) == []


async def test_what_was_known_of_a_segment_is_forgotten_while_somebody_writes_to_it(
    g: Ground, sweep: SpoolSweep, database_url: str
) -> None:
    """Met between its making and its lock; then a COMMIT for it began, and its writer died."""
    path = g.spool.folder / f"{g.clock.new_id()}.seg"
    path.touch()
    before, after = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        await before.execute("begin; select pg_current_xact_id()")
        assert await sweep.sweep() == 0  # met
        writer = LockedSegment.take(path, g.spool.keys)
        assert writer
        assert await sweep.sweep() == 0
        await after.execute("begin; select pg_current_xact_id()")
        writer.release()
        await before.execute("commit")
        assert await sweep.sweep() == 0
        await after.execute("commit")
        assert await sweep.sweep() == 1
    finally:
        await before.close()
        await after.close()


async def test_transactions_begun_after_the_writer_died_do_not_hold_the_sweep_back(
    g: Ground, sweep: SpoolSweep, database_url: str
) -> None:
    await accepted(g, "one")
    await end_without_discard(g)
    blocker, later = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        await blocker.execute("begin; select pg_current_xact_id()")
        seal(g)
        assert await sweep.sweep() == 0  # the first sight
        await later.execute("begin; select pg_current_xact_id()")
        await blocker.execute("commit")
        assert await sweep.sweep() == 1
    finally:
        await blocker.close()
        await later.close()


async def test_another_database_must_not_decide(
    g: Ground, sweep: SpoolSweep, long_wait: SegmentWriter
) -> None:
    await accepted(g, "one")
    assert await sweep.sweep() == 0  # notes whose spool this is
    await end_without_discard(g)
    seal(g)
    note = g.spool.folder.parent / "database"
    ours = note.read_text()
    note.write_text("4711 1\n1\n")
    assert await sweep_of(g, long_wait).sweep() == 0
    assert g.readable(SECRET)
    note.write_text(ours)
    assert await sweep.sweep() == 1


# --- survivors ---


async def test_survivors_move_and_the_finished_go_with_the_old_segment(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one", "two", "three")
    seal(g)
    before = await g.database.fetch("select id, segment from message order by id")
    await end_without_discard(g, "domain_id = (select id from domain where name = 'two.test')")
    assert await sweep.sweep() == 1
    (path,) = segments(g)
    assert path.suffix == ".long"
    assert {row["segment"] for row in await g.database.fetch("select segment from message")} == {
        UUID(path.stem)
    }
    assert len(before) == 3
    contents = [
        bytes(g.spool.read(Location(row["segment"], row["record_offset"], row["record_length"])).content)
        for row in await g.database.fetch("select * from message order by record_offset")
    ]
    assert contents == [CONTENT + b"one", CONTENT + b"three"]
    assert not g.readable(CONTENT + b"two")


async def test_survivors_are_copied_with_one_sync(g: Ground) -> None:
    await accepted(g, *(f"a{number}" for number in range(12)))
    seal(g)
    syncs: list[int] = []
    await sweep_of(g, counted_writer(g.spool, g.clock, syncs, long_wait=True)).sweep()
    assert len(syncs) == 1


async def test_young_survivors_stay(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    g.clock.step(11)
    g.writer.seal_if_old()
    assert await sweep.sweep() == 0
    assert [path.suffix for path in segments(g)] == [".seg"]


async def test_survivors_move_although_the_wall_clock_was_set_back(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one", "two")
    g.clock.step(11)
    g.writer.seal_if_old()
    g.clock.jump(timedelta(hours=-2))
    assert await sweep.sweep() == 0
    g.clock.step(31)
    assert await sweep.sweep() == 1
    assert [path.suffix for path in segments(g)] == [".long"]


async def test_a_message_claimed_before_the_move_is_found_after_it(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    (claimed,) = await g.claim()
    seal(g)
    assert await sweep.sweep() == 1
    with pytest.raises(Gone):
        g.spool.read(claimed.location)
    async with g.database.transaction() as tx:
        moved = await queue.locate(tx, claimed.message_id)
    assert moved
    assert bytes(g.spool.read(moved).content) == CONTENT + b"one"


async def test_settling_after_a_move_discards_the_copy(
    g: Ground, sweep: SpoolSweep, long_wait: SegmentWriter
) -> None:
    await accepted(g, "one")
    (claimed,) = await g.claim()
    seal(g)
    await sweep.sweep()
    await g.settler.settle(Result(settlement(claimed, "delivered")))
    assert not g.readable(SECRET)


async def test_a_message_that_ends_while_it_is_copied_leaves_no_copy(g: Ground) -> None:
    """It ends after the sweep read the record, before it could point the row at the copy."""
    await accepted(g, "one", "two")
    copied = threading.Event()
    long_wait = SegmentWriter(
        g.spool, g.clock, largest=1_000_000, oldest_seconds=10, long_wait=True, sync=lambda _: copied.set()
    )
    sweep = sweep_of(g, long_wait)
    seal(g, 11)
    await sweep.sweep()  # has seen the segment, whose transactions are over
    g.clock.step(30)
    async with g.database.transaction() as tx:  # holds the row, as settling does: the move must wait
        await tx.fetch(
            "select m.id from message m join domain o on o.id = m.domain_id where o.name = 'one.test' "
            "for update of m"
        )
        sweeping = asyncio.create_task(sweep.sweep())
        await asyncio.to_thread(copied.wait, 10)
        await tx.execute(
            "delete from message where domain_id = (select id from domain where name = 'one.test')"
        )
    await sweeping
    assert not g.readable(CONTENT + b"one")
    assert g.readable(CONTENT + b"two")


class StuckSpool(Spool):
    """On a disk that does not overwrite."""

    def discard(self, location: Location) -> None:
        raise OSError(errno.EIO, "the disk")


async def test_a_segment_the_disk_fails_on_does_not_keep_the_others(g: Ground) -> None:
    await accepted(g, "one", "two")
    seal(g, 11)
    await accepted(g, "three")
    await end_without_discard(g, "domain_id = (select id from domain where name = 'three.test')")
    copied = threading.Event()
    long_wait = SegmentWriter(
        g.spool, g.clock, largest=1_000_000, oldest_seconds=10, long_wait=True, sync=lambda _: copied.set()
    )
    stuck = StuckSpool.open(g.spool.folder.parent, g.settings.key_dir, g.clock)
    sweep = SpoolSweep(
        database=g.database, spool=stuck, long_wait=long_wait, clock=g.clock, settings=g.settings
    )
    await sweep.sweep()
    seal(g, 30)
    async with g.database.transaction() as tx:  # one ends while it is copied: its copy must be overwritten
        await tx.fetch(
            "select m.id from message m join domain o on o.id = m.domain_id where o.name = 'one.test' "
            "for update of m"
        )
        sweeping = asyncio.create_task(sweep.sweep())
        await asyncio.to_thread(copied.wait, 10)
        await tx.execute(
            "delete from message where domain_id = (select id from domain where name = 'one.test')"
        )
    assert await sweeping == 1
    assert not g.readable(CONTENT + b"three")
    stuck.close()


async def test_a_large_message_alone_in_its_segment_is_not_copied(g: Ground, sweep: SpoolSweep) -> None:
    recipient = await g.recipient("one")
    content = b"x" * (g.settings.memory_message + 1)
    assert (await g.acceptance.accept(g.submission(recipient, content=content))).code == 250
    seal(g)
    assert await sweep.sweep() == 0
    assert [path.suffix for path in segments(g)] == [".seg"]


# --- never too late ---


async def test_what_a_crash_left_undiscarded_goes_with_its_segment(g: Ground, sweep: SpoolSweep) -> None:
    """F18, F19."""
    await accepted(g, "one")
    await end_without_discard(g)
    g.clock.step(11)
    g.writer.seal_if_old()
    assert await sweep.sweep() == 1
    assert not g.readable(SECRET)


async def test_what_a_crash_left_undiscarded_in_a_long_wait_segment_is_wiped(
    g: Ground, sweep: SpoolSweep
) -> None:
    await accepted(g, "one", "two")
    seal(g)
    await sweep.sweep()
    await end_without_discard(g, "domain_id = (select id from domain where name = 'one.test')")
    g.clock.step(11)  # a quiet long-wait segment is sealed by the sweep itself
    await sweep.sweep()
    assert not g.readable(CONTENT + b"one")
    assert bytes(g.spool.read(await location_of(g)).content) == CONTENT + b"two"


async def test_a_copy_whose_move_was_cut_off_is_wiped(database_url: str, tmp_path: Path) -> None:
    """The COMMIT that pointed the rows at the copies never reached the server."""
    async with (
        PostgresProxy(database_url) as proxy,
        ground(proxy.url, tmp_path, look_on=database_url) as g,
    ):
        await accepted(g, "one", "two")
        seal(g)
        long_wait = counted_writer(g.spool, g.clock, [], long_wait=True)
        sweep = sweep_of(g, long_wait)
        proxy.cut_next("before", after=b"update message")
        await sweep.sweep()
        assert proxy.cuts == 1
        assert {path.suffix for path in segments(g)} == {".seg", ".long"}
        assert await g.count("message") == 2
        assert g.count_of(SECRET) == 2, "the copies can't be read"
        assert await sweep.sweep() == 1
        (one, two) = await g.claim()
        assert {bytes(g.spool.read(c.location).content) for c in (one, two)} == {
            CONTENT + b"one",
            CONTENT + b"two",
        }


async def test_a_full_disk_does_not_stop_the_reclaiming_of_what_is_finished(g: Ground) -> None:
    """Survivors can't be copied; finished segments behind them must go, or the disk stays full for ever."""
    await accepted(g, "one", "two")
    seal(g)
    await accepted(g, "three")
    seal(g)
    await end_without_discard(g, "domain_id = (select id from domain where name = 'three.test')")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    long_wait = SegmentWriter(
        g.spool, g.clock, largest=1_000_000, oldest_seconds=10, long_wait=True, sync=full
    )
    assert len(segments(g)) == 2
    sweep = sweep_of(g, long_wait)
    assert await sweep.sweep() == 1
    assert len(segments(g)) == 1
    assert await g.count("message") == 2
    assert g.readable(CONTENT + b"one")
    await end_without_discard(g, "domain_id = (select id from domain where name = 'one.test')")
    await sweep.sweep()
    assert not g.readable(CONTENT + b"one"), "wiped where it lies"
    assert g.readable(CONTENT + b"two")


async def test_a_damaged_record_is_held_and_its_neighbours_move_on(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one", "two", "three")
    damaged = await g.database.row(
        "select * from message where domain_id = (select id from domain where name = 'two.test')"
    )
    seal(g)
    (path,) = segments(g)
    with path.open("r+b") as file:
        file.seek(damaged["record_offset"] + 60)
        file.write(b"!")
    assert await sweep.sweep() == 0
    assert await g.count("delivery", "state = 'held'") == 1
    counted = metrics.DAMAGED._value.get()
    assert await sweep.sweep() == 0
    assert metrics.DAMAGED._value.get() == counted, "one damaged record is counted once"
    assert await g.count("message", f"segment = '{path.stem}'") == 1
    for name in (b"one", b"three"):
        assert g.count_of(CONTENT + name) == 1, "moved, so it must not be readable where it was"


async def test_a_mostly_empty_long_wait_segment_is_rewritten_after_an_hour(
    g: Ground, sweep: SpoolSweep
) -> None:
    await accepted(g, "one", "two", "three")
    seal(g)
    await sweep.sweep()
    (before,) = segments(g)
    size = before.stat().st_size
    await end_without_discard(g, "domain_id <> (select id from domain where name = 'two.test')")
    g.clock.step(60)
    assert await sweep.sweep() == 0
    g.clock.step(3600)
    assert await sweep.sweep() == 1
    (after,) = segments(g)
    assert after != before
    assert after.stat().st_size < size // 2
    assert bytes(g.spool.read(await location_of(g)).content) == CONTENT + b"two"


async def test_two_sweeps_at_once_lose_nothing(g: Ground) -> None:
    await accepted(g, *(f"a{number}" for number in range(6)))
    seal(g)
    sweeps = [sweep_of(g, counted_writer(g.spool, g.clock, [], long_wait=True)) for _ in range(2)]
    assert sum(await asyncio.gather(*(sweep.sweep() for sweep in sweeps))) == 1
    for row in await g.database.fetch("select * from message"):
        location = Location(row["segment"], row["record_offset"], row["record_length"])
        assert bytes(g.spool.read(location).content).startswith(CONTENT)


async def test_a_segment_in_somebodys_hands_is_taken_next_time(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    await end_without_discard(g)
    seal(g)
    (path,) = segments(g)
    other = LockedSegment.take(path, g.spool.keys)
    assert other
    assert await sweep.sweep() == 0
    other.release()
    assert await sweep.sweep() == 1


# --- keys ---


async def test_a_reclaimed_segment_takes_its_keys_along(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    await end_without_discard(g)
    seal(g)
    assert len(g.spool.keys.segments()) == 1
    assert await sweep.sweep() == 1
    assert g.spool.keys.segments() == set()


async def test_a_survivor_has_a_new_key_and_its_old_one_is_gone(g: Ground, sweep: SpoolSweep) -> None:
    await accepted(g, "one")
    before = await location_of(g)
    old = g.spool.keys.read(before.segment, 0)
    seal(g)
    assert await sweep.sweep() == 1
    after = await location_of(g)
    assert g.spool.keys.read(after.segment, 0) != old
    assert g.spool.keys.segments() == {after.segment}
    assert g.count_of(CONTENT + b"one") == 1


async def test_key_files_without_a_segment_are_removed(g: Ground, sweep: SpoolSweep) -> None:
    """A reclaim was cut off between the two, or a message too large was refused while it came in."""
    await accepted(g, "one")
    orphan = g.clock.new_id()
    g.spool.keys.create(orphan, 3).close()
    await sweep.sweep()
    assert g.spool.keys.segments() == {(await location_of(g)).segment}


async def test_an_unmounted_spool_costs_no_key(g: Ground, sweep: SpoolSweep, tmp_path: Path) -> None:
    await accepted(g, "one")
    location, spool = await location_of(g), g.spool.folder.parent
    spool.rename(tmp_path / "away")
    (spool / "segments").mkdir(parents=True)
    await sweep.sweep()
    shutil.rmtree(spool)
    (tmp_path / "away").rename(spool)
    assert bytes(g.spool.read(location).content) == CONTENT + b"one"


async def test_mail_whose_key_is_missing_is_held_and_goes_on_when_it_is_back(
    g: Ground, sweep: SpoolSweep
) -> None:
    await accepted(g, "one")
    location = await location_of(g)
    file = g.spool.keys.path(location.segment)
    keys = file.read_bytes()
    file.unlink()
    seal(g)
    assert await sweep.sweep() == 0
    assert await g.count("delivery", "state = 'held'") == 1
    file.write_bytes(keys)
    assert await sweep.sweep() == 1
    assert bytes(g.spool.read(await location_of(g)).content) == CONTENT + b"one"


async def test_mail_whose_key_cannot_be_read_now_is_left_to_the_next_round(
    g: Ground, sweep: SpoolSweep, tmp_path: Path
) -> None:
    """A passing fault of the key disk: nothing is held for it, and the failure is counted once."""
    await accepted(g, "one")
    file = g.spool.keys.path((await location_of(g)).segment)
    whole = file.rename(tmp_path / "whole")
    file.mkdir()  # opens, and fails to be read
    seal(g)
    failed = metrics.SEGMENTS_FAILED._value.get()
    for _ in range(2):
        assert await sweep.sweep() == 0
        assert await g.count("delivery", "state = 'held'") == 0
        assert metrics.SEGMENTS_FAILED._value.get() == failed + 1
    file.rmdir()
    whole.rename(file)
    assert await sweep.sweep() == 1
    assert bytes(g.spool.read(await location_of(g)).content) == CONTENT + b"one"


class NotedKeys(SpoolKeys):
    """Notes which thread erases."""

    erasing: ClassVar[list[threading.Thread]] = []

    def erase(self, segment: UUID) -> None:
        self.erasing.append(threading.current_thread())
        super().erase(segment)


async def test_the_keys_of_a_segment_are_not_destroyed_in_the_event_loop(
    g: Ground, long_wait: SegmentWriter
) -> None:
    await accepted(g, "one")
    await end_without_discard(g)
    seal(g)
    g.spool.keys = NotedKeys.open(g.settings.key_dir, g.spool.node_id, g.clock)
    assert await sweep_of(g, long_wait).sweep() == 1
    assert len(NotedKeys.erasing) == 1
    assert threading.main_thread() not in NotedKeys.erasing
