"""A segment at rest: wiped around what is needed, whatever befell it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Gone, Location
from mailcore.spool_segment import LockedSegment
from mailcore.spool_writer import SegmentWriter
from tests.support import disk_image
from tests.support.ground import SteppedClock
from tests.support.spools import entry, path_of


def closed(writer: SegmentWriter, clock: SteppedClock, count: int) -> list[Location]:
    """Records "secret 0", "secret 1", ... in one segment at rest."""
    locations = writer.append([entry(clock, f"secret {number}".encode()) for number in range(count)])
    writer.settled(locations)
    writer.close()
    return locations


def wiped_except(spool: Spool, path: Path, needed: Sequence[Location]) -> None:
    segment = LockedSegment.take(path, spool.keys)
    assert segment
    segment.wipe_except(needed)
    segment.release()


def readable(tmp_path: Path, count: int) -> list[int]:
    texts = disk_image.texts(tmp_path / "spool", tmp_path / "keys")
    return [number for number in range(count) if f"secret {number}".encode() in texts]


def test_wiping_leaves_only_what_is_needed(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    locations = closed(writer, clock, 5)
    assert readable(tmp_path, 5) == [0, 1, 2, 3, 4]
    wiped_except(spool, path_of(spool, locations[0]), [locations[1], locations[3]])
    assert readable(tmp_path, 5) == [1, 3]
    assert bytes(spool.read(locations[3]).content) == b"secret 3"
    for location in (locations[0], locations[2], locations[4]):
        with pytest.raises(Gone):  # lengths are still there: the segment can be walked
            spool.read(location)


def test_wiping_destroys_keys_although_the_bytes_were_wiped_before(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    """The bytes went, and the power, before the key did; an older image of the segment is still about."""
    locations = closed(writer, clock, 2)
    path, key_file = path_of(spool, locations[0]), spool.keys.path(locations[0].segment)
    image, keys = path.read_bytes(), key_file.read_bytes()
    spool.discard(locations[0])
    key_file.write_bytes(keys)
    wiped_except(spool, path, [locations[1]])
    path.write_bytes(image)
    assert readable(tmp_path, 2) == [1]


def test_wiping_gets_past_damaged_lengths(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    locations = closed(writer, clock, 4)
    path = path_of(spool, locations[0])
    with path.open("r+b") as file:
        file.seek(locations[1].offset + 4)
        file.write(b"\xff" * 12)
    wiped_except(spool, path, [locations[3]])
    assert readable(tmp_path, 4) == [3]


def test_a_damaged_slot_destroys_nobody_elses_key(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    one, two = closed(writer, clock, 2)
    path = path_of(spool, one)
    raw = bytearray(path.read_bytes())
    raw[one.offset + 4] ^= 1  # slot 0 says that it is slot 1
    path.write_bytes(raw)
    with pytest.raises(Damaged):
        spool.read(one)
    spool.discard(one)
    wiped_except(spool, path, [two])
    assert bytes(spool.read(two).content) == b"secret 1"


def test_a_discard_that_was_cut_off_is_finished_by_wiping(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    dead, alive = closed(writer, clock, 2)
    path = path_of(spool, dead)
    with path.open("r+b") as file:
        file.seek(dead.offset + 24)
        file.write(bytes(34))  # killed after the header and some of the content
    wiped_except(spool, path, [alive])
    assert readable(tmp_path, 2) == [1]
    assert not any(path.read_bytes()[dead.offset + 24 : alive.offset])
    assert bytes(spool.read(alive).content) == b"secret 1"


def test_a_segment_goes_with_its_keys_and_they_go_first(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = closed(writer, clock, 1)
    keys = spool.keys.path(location.segment)
    segment = LockedSegment.take(path_of(spool, location), spool.keys)
    assert segment
    with keys.open("rb") as before:
        segment.unlink()
        assert not any(before.read()), "overwritten before it was unlinked"
    segment.release()
    assert not keys.exists()
    assert not segment.path.exists()
    spool.keys.sync()
    assert spool.keys.take_count() == 1, "one key of a record was destroyed, the others were never used"
