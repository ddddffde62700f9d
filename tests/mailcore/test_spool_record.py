"""A record: what was written is read back, and damage is never read."""

import os

import pytest

from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Entry
from mailcore.spool_writer import SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import ENVELOPE, SECRET, entry, path_of


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
