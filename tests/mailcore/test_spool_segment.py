"""A segment at rest: wiped around what is needed, whatever befell it."""

import pytest

from mailcore.spool import Spool
from mailcore.spool_record import Gone
from mailcore.spool_segment import LockedSegment
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import entry, path_of


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
