"""The folder: one identity for a node, discarded is gone, and what is not ours is let alone."""

import threading
from pathlib import Path

import pytest

from mailcore.spool import Spool, segments_in
from mailcore.spool_record import Gone, Location
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import SECRET, entry, path_of, writer_of


def is_gone(spool: Spool, location: Location) -> bool:
    try:
        spool.read(location)
    except Gone:
        return True
    return False


def test_a_record_of_no_segment_is_gone(spool: Spool, clock: SteppedClock) -> None:
    with pytest.raises(Gone):
        spool.read(Location(clock.new_id(), 0, 100))


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


def test_what_ended_is_discarded_together_and_once(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    locations = [writer.append([entry(clock, b"one of %d" % number)])[0] for number in range(6)]
    other = writer_of(spool, clock)
    locations += other.append([entry(clock), entry(clock)])
    spool.discard_soon(locations[:4], clock.monotonic())
    spool.discard_soon([locations[3], locations[7]], clock.monotonic())
    assert not is_gone(spool, locations[0]), "whoever tells waits for no disk"
    assert spool.discard_ended() == 0
    assert [is_gone(spool, location) for location in locations] == [True] * 4 + [False] * 3 + [True]
    assert len(spool.keys.sync()) == 5
    assert spool.discard_ended() == 0
    assert spool.keys.sync() == []


def test_one_segment_that_cannot_be_overwritten_keeps_no_other(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (broken,), (whole,) = (writer_of(spool, clock).append([entry(clock)]) for _ in range(2))
    path = path_of(spool, broken)
    path.unlink()
    path.mkdir()  # whatever opens it for writing fails
    spool.discard_soon([broken, whole], clock.monotonic())
    assert spool.discard_ended() == 1
    assert is_gone(spool, whole)


def test_two_processes_that_open_a_new_spool_agree_on_its_identity(
    tmp_path: Path, clock: SteppedClock
) -> None:
    spools: list[Spool] = []
    threads = [
        threading.Thread(
            target=lambda: spools.append(Spool.open(tmp_path / "spool", tmp_path / "keys", clock))
        )
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
