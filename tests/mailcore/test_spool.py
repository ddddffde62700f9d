"""Content on disk: what is acknowledged is synced, discarded is gone, damaged is never read."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from mailcore.spool import (
    Damaged,
    Entry,
    Gone,
    LargeEntry,
    Location,
    LockedSegment,
    SegmentWriter,
    Spool,
    SpoolFault,
    segments_in,
)
from tests.support.ground import SteppedClock

ENVELOPE = {"v": 1, "reverse_path": "ann@sender.test"}
SECRET = b"the secret words"


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def spool(tmp_path: Path, clock: SteppedClock) -> Iterator[Spool]:
    spool = Spool.open(tmp_path / "spool", clock)
    yield spool
    spool.close()


@pytest.fixture
def writer(spool: Spool, clock: SteppedClock) -> Iterator[SegmentWriter]:
    writer = writer_of(spool, clock)
    yield writer
    writer.close()


def writer_of(
    spool: Spool, clock: SteppedClock, sync: Callable[[int], None] = os.fdatasync, largest: int = 1_000_000
) -> SegmentWriter:
    return SegmentWriter(spool, clock, largest=largest, oldest_seconds=10, sync=sync)


def entry(clock: SteppedClock, content: bytes = SECRET) -> Entry:
    return Entry(clock.new_id(), ENVELOPE, [content])


def path_of(spool: Spool, location: Location) -> Path:
    return spool.path(location.segment)


def is_locked(path: Path) -> bool:
    segment = LockedSegment.take(path)
    if segment:
        segment.release()
    return segment is None


# --- append and read ---


def test_what_is_appended_is_read_back(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    entries = [Entry(clock.new_id(), ENVELOPE, [b"one", b"", memoryview(b" two")]), entry(clock, b"")]
    locations = writer.append(entries)
    records = [spool.read(location) for location in locations]
    assert [bytes(record.content) for record in records] == [b"one two", b""]
    assert [record.id for record in records] == [e.id for e in entries]
    assert records[0].envelope == ENVELOPE


def test_more_buffers_than_one_write_takes_arrive_whole(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    parts = [str(number).encode() for number in range(3000)]
    (location,) = writer.append([Entry(clock.new_id(), ENVELOPE, parts)])
    assert bytes(spool.read(location).content) == b"".join(parts)


def test_entries_of_one_append_share_one_sync(spool: Spool, clock: SteppedClock) -> None:
    syncs: list[int] = []
    writer = writer_of(spool, clock, syncs.append)
    writer.append([entry(clock) for _ in range(50)])
    assert len(syncs) == 1


def test_a_flipped_byte_is_damaged_wherever_it_is(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    path = path_of(spool, location)
    whole = path.read_bytes()
    for position in range(len(whole)):
        if 16 <= position < 32:
            continue  # the id: what it names is checked by the rows
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(Damaged):
            spool.read(location)
    path.write_bytes(whole)
    assert bytes(spool.read(location).content) == SECRET


def test_a_torn_tail_is_damaged(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    first, last = writer.append([entry(clock), entry(clock)])
    path = path_of(spool, last)
    for size in (last.offset, last.offset + 3, last.offset + last.length - 1):
        os.truncate(path, size)
        with pytest.raises(Damaged):
            spool.read(last)
    assert bytes(spool.read(first).content) == SECRET


def test_a_record_of_no_segment_is_gone(spool: Spool, clock: SteppedClock) -> None:
    with pytest.raises(Gone):
        spool.read(Location(clock.new_id(), 0, 100))


# --- discard ---


def test_a_discarded_record_is_gone_and_its_neighbours_stay(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    first, middle, last = writer.append([entry(clock, b"one"), entry(clock), entry(clock, b"three")])
    spool.discard(middle)
    with pytest.raises(Gone):
        spool.read(middle)
    assert [bytes(spool.read(location).content) for location in (first, last)] == [b"one", b"three"]
    left = path_of(spool, middle).read_bytes()
    assert SECRET not in left
    assert b"ann@sender.test" not in left[middle.offset : last.offset]


def test_discarding_twice_or_after_the_segment_went_does_nothing(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    spool.discard(location)
    spool.discard(location)
    path_of(spool, location).unlink()
    spool.discard(location)


# --- segments and their locks ---


def test_a_full_segment_is_followed_by_another(spool: Spool, clock: SteppedClock) -> None:
    writer = writer_of(spool, clock, largest=100)
    locations = [writer.append([entry(clock, b"x" * 100)])[0] for _ in range(3)]
    names = {location.segment for location in locations}
    assert len(names) == 3
    assert names == {UUID(path.stem) for path in segments_in(spool)}


def test_an_old_segment_is_sealed_even_when_it_is_quiet(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    writer.settled([location])
    clock.step(9)
    writer.seal_if_old()
    assert is_locked(path_of(spool, location))
    clock.step(2)
    writer.seal_if_old()
    assert not is_locked(path_of(spool, location))


def test_the_lock_stays_until_every_append_is_settled(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    first, second = writer.append([entry(clock), entry(clock)])
    writer.close()
    writer.settled([first])
    assert is_locked(path_of(spool, first))
    writer.settled([second])
    assert not is_locked(path_of(spool, first))


def test_settling_does_not_wait_for_a_slow_sync(spool: Spool, clock: SteppedClock) -> None:
    syncing, go_on = threading.Event(), threading.Event()
    slow = [False]

    def sync(_: int) -> None:
        if slow[0]:
            syncing.set()
            assert go_on.wait(10)

    writer = writer_of(spool, clock, sync)
    first = writer.append([entry(clock)])
    slow[0] = True
    thread = threading.Thread(target=writer.append, args=([entry(clock)],))
    thread.start()
    assert syncing.wait(10)
    writer.settled(first)  # the event loop does this
    writer.seal_if_old()
    clock.step(11)
    writer.seal_if_old()
    assert is_locked(path_of(spool, first[0])), "an append is on its way into it"
    go_on.set()
    thread.join()


def test_a_writer_takes_another_segment_where_the_sweep_was_faster_to_lock_it(
    spool: Spool, clock: SteppedClock
) -> None:
    """The sweep may lock a new file between its creation and the writer's lock, and reclaim it."""
    stop = threading.Event()

    def reclaim_empty_segments() -> None:
        while not stop.is_set():
            for path in list(segments_in(spool)):
                segment = LockedSegment.take(path)
                if segment and segment.size == 0:
                    segment.unlink()
                if segment:
                    segment.release()

    thread = threading.Thread(target=reclaim_empty_segments)
    thread.start()
    try:
        for _ in range(200):
            writer = writer_of(spool, clock, sync=lambda _: None)
            (location,) = writer.append([entry(clock)])
            assert bytes(spool.read(location).content) == SECRET
            writer.settled([location])
            writer.close()
    finally:
        stop.set()
        thread.join()


# --- failing disks ---


def failing_once(number: int, at: int = 1) -> Callable[[int], None]:
    calls = 0

    def sync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(number, os.strerror(number))
        os.fdatasync(descriptor)

    return sync


@pytest.mark.parametrize(
    ("number", "disk_full"), [(errno.EIO, False), (errno.ENOSPC, True), (errno.EDQUOT, True)]
)
def test_a_failed_sync_seals_the_segment_for_good(
    spool: Spool, clock: SteppedClock, number: int, disk_full: bool
) -> None:
    synced: list[str] = []
    fails = failing_once(number, at=2)

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        fails(descriptor)

    writer = writer_of(spool, clock, sync)
    (before,) = writer.append([entry(clock, b"before")])
    with pytest.raises(SpoolFault) as fault:
        writer.append([entry(clock)])
    assert fault.value.disk_full is disk_full
    (after,) = writer.append([entry(clock, b"after")])
    assert after.segment != before.segment
    assert synced[0] == synced[1] != synced[2], "a failed sync is never tried again on that file"
    assert bytes(spool.read(before).content) == b"before"
    assert bytes(spool.read(after).content) == b"after"
    assert SECRET not in path_of(spool, before).read_bytes(), "what was not accepted goes at once"
    assert is_locked(path_of(spool, before)), "its transaction is still open"
    writer.settled([before])
    assert not is_locked(path_of(spool, before))


def test_a_segment_whose_first_sync_failed_is_removed(spool: Spool, clock: SteppedClock) -> None:
    writer = writer_of(spool, clock, failing_once(errno.EIO))
    with pytest.raises(SpoolFault):
        writer.append([entry(clock)])
    assert list(segments_in(spool)) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writes beyond `size` fail with EFBIG, really, in the kernel."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_cut_short_by_the_kernel_is_not_accepted(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (before,) = writer.append([entry(clock, b"before")])
    size = path_of(spool, before).stat().st_size
    with largest_file(size + 100), pytest.raises(SpoolFault):
        writer.append([entry(clock, SECRET * 100)])
    assert path_of(spool, before).stat().st_size == size
    (after,) = writer.append([entry(clock)])
    assert after.segment != before.segment


# --- large messages ---


def test_a_large_message_streams_into_its_own_segment(spool: Spool, clock: SteppedClock) -> None:
    identifier = clock.new_id()
    large = LargeEntry(spool, clock, identifier)
    for _ in range(10):
        large.write([b"x" * 1000, SECRET])
    location = large.finish(ENVELOPE)
    assert is_locked(path_of(spool, location))
    large.keep()
    assert not is_locked(path_of(spool, location))
    record = spool.read(location)
    assert (record.id, record.envelope) == (identifier, ENVELOPE)
    assert bytes(record.content) == (b"x" * 1000 + SECRET) * 10


def test_an_unfinished_large_message_never_looks_like_a_record(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id())
    large.write([SECRET * 100])
    (path,) = segments_in(spool)
    with pytest.raises(Damaged):
        spool.read(Location(UUID(path.stem), 0, path.stat().st_size))
    large.drop()
    assert list(segments_in(spool)) == []


def test_a_large_message_whose_sync_fails_is_not_accepted(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id(), sync=failing_once(errno.ENOSPC))
    large.write([SECRET])
    with pytest.raises(SpoolFault) as fault:
        large.finish(ENVELOPE)
    assert fault.value.disk_full
    large.drop()
    assert list(segments_in(spool)) == []


def test_a_large_message_cut_short_by_the_kernel_is_not_accepted(spool: Spool, clock: SteppedClock) -> None:
    large = LargeEntry(spool, clock, clock.new_id())
    with largest_file(1000), pytest.raises(SpoolFault):
        large.write([b"x" * 2000])
    large.drop()


# --- wiping ---


def test_wiping_leaves_only_what_is_needed(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    locations = writer.append([entry(clock, f"secret {number}".encode()) for number in range(5)])
    writer.settled(locations)
    writer.close()
    segment = LockedSegment.take(path_of(spool, locations[0]))
    assert segment
    segment.wipe_except([locations[1], locations[3]])
    segment.release()
    left = segment.path.read_bytes()
    assert [number for number in range(5) if f"secret {number}".encode() in left] == [1, 3]
    assert bytes(spool.read(locations[3]).content) == b"secret 3"
    for location in (locations[0], locations[2], locations[4]):
        with pytest.raises(Gone):  # lengths are still there: the segment can be walked
            spool.read(location)


def test_wiping_gets_past_damaged_lengths(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    locations = writer.append([entry(clock, f"secret {number}".encode()) for number in range(4)])
    writer.settled(locations)
    writer.close()
    path = path_of(spool, locations[0])
    with path.open("r+b") as file:
        file.seek(locations[1].offset + 4)
        file.write(b"\xff" * 12)
    segment = LockedSegment.take(path)
    assert segment
    segment.wipe_except([locations[3]])
    segment.release()
    left = path.read_bytes()
    assert b"secret 3" in left
    assert not any(f"secret {number}".encode() in left for number in range(3))


def test_a_discard_that_was_cut_off_is_finished_by_wiping(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    dead, alive = writer.append([entry(clock), entry(clock, b"alive")])
    writer.settled([dead, alive])
    writer.close()
    path = path_of(spool, dead)
    with path.open("r+b") as file:
        file.seek(dead.offset + 16)
        file.write(bytes(34))  # killed after the header and two letters
    segment = LockedSegment.take(path)
    assert segment
    segment.wipe_except([alive])
    segment.release()
    assert b"secret words" not in path.read_bytes()
    assert bytes(spool.read(alive).content) == b"alive"


# --- the node ---


def test_two_processes_that_open_a_new_spool_agree_on_its_identity(
    tmp_path: Path, clock: SteppedClock
) -> None:
    spools: list[Spool] = []
    threads = [
        threading.Thread(target=lambda: spools.append(Spool.open(tmp_path / "spool", clock)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({spool.node_id for spool in spools}) == 1
    for spool in spools:
        spool.close()
    assert [path.name for path in (tmp_path / "spool").glob("node*")] == ["node"], "no draft is left over"


def test_files_of_others_are_no_segments(spool: Spool, clock: SteppedClock) -> None:
    (spool.folder / "notes.seg").write_text("not ours")
    (spool.folder / f"{clock.new_id()}.txt").write_text("not ours")
    assert list(segments_in(spool)) == []
