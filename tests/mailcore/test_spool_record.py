"""A record: what was written is read back, and nothing else ever is."""

import os
import struct
from hashlib import blake2b
from pathlib import Path

import pytest

from mailcore.spool import Spool
from mailcore.spool_record import HEADER_BYTES, Damaged, Entry, Gone, KeyLost, Location
from mailcore.spool_seal import CHUNK_BYTES, TAG_BYTES
from mailcore.spool_writer import LargeEntry, SegmentWriter
from tests.support.ground import SteppedClock
from tests.support.spools import ENVELOPE, SECRET, entry, path_of

SIZES = [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 500]


def test_what_is_appended_is_read_back(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    entries = [Entry(clock.new_id(), ENVELOPE, [b"one", b"", memoryview(b" two")]), entry(clock, b"")]
    locations = writer.append(entries)
    records = [spool.read(location) for location in locations]
    assert [bytes(record.content) for record in records] == [b"one two", b""]
    assert [record.id for record in records] == [e.id for e in entries]
    assert records[0].envelope == ENVELOPE


@pytest.mark.parametrize("size", SIZES)
def test_content_of_any_size_is_read_back(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, size: int
) -> None:
    content = os.urandom(size)
    (location,) = writer.append([entry(clock, content)])
    assert bytes(spool.read(location).content) == content


def test_more_buffers_than_one_write_takes_arrive_whole(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    parts = [str(number).encode() for number in range(3000)]
    (location,) = writer.append([Entry(clock.new_id(), ENVELOPE, parts)])
    assert bytes(spool.read(location).content) == b"".join(parts)


def test_nothing_of_a_message_lies_on_the_disk_in_plain(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock, tmp_path: Path
) -> None:
    writer.append([entry(clock)])
    large = LargeEntry(spool, clock, clock.new_id())
    large.write([SECRET * 100_000])
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) > 1_000_000
    assert SECRET not in written
    assert b"ann@sender.test" not in written
    large.drop()


# --- damage ---


def test_a_flipped_byte_is_damaged_wherever_it_is(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    """Magic, slot, lengths, their checksum, id, content and envelope, and the tags of both."""
    (location,) = writer.append([entry(clock)])
    path = path_of(spool, location)
    whole = path.read_bytes()
    assert len(whole) > HEADER_BYTES + len(SECRET) + 2 * TAG_BYTES
    for position in range(len(whole)):
        for bit in (1, 128):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ bit]) + whole[position + 1 :])
            with pytest.raises(Damaged):
                spool.read(location)
    path.write_bytes(whole)
    assert bytes(spool.read(location).content) == SECRET


def test_a_flipped_byte_in_any_chunk_of_a_large_one_is_damaged(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock, os.urandom(3 * CHUNK_BYTES + 500))])
    path, step = path_of(spool, location), CHUNK_BYTES + TAG_BYTES
    whole = path.read_bytes()
    edges = [HEADER_BYTES + number * step for number in range(4)]
    for position in [*edges, *(edge - 1 for edge in edges[1:]), *(edge + 777 for edge in edges[:-1])]:
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(Damaged):
            spool.read(location)


def test_chunks_that_change_places_are_damaged(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock, os.urandom(3 * CHUNK_BYTES))])
    path, step, start = path_of(spool, location), CHUNK_BYTES + TAG_BYTES, HEADER_BYTES
    whole = path.read_bytes()
    one, two = whole[start : start + step], whole[start + step : start + 2 * step]
    for first, second in ((two, one), (one, one), (two, two)):
        path.write_bytes(whole[:start] + first + second + whole[start + 2 * step :])
        with pytest.raises(Damaged):
            spool.read(location)


def test_the_content_of_another_record_is_damaged(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    """Whoever can write to the disk can't give one customer another's mail."""
    one, two = writer.append([entry(clock, b"mail of one"), entry(clock, b"mail of two")])
    path = path_of(spool, one)
    whole = path.read_bytes()
    path.write_bytes(whole[:HEADER_BYTES] + whole[two.offset + HEADER_BYTES :])
    with pytest.raises(Damaged):
        spool.read(one)


def test_a_torn_tail_is_damaged(spool: Spool, writer: SegmentWriter, clock: SteppedClock) -> None:
    first, last = writer.append([entry(clock), entry(clock)])
    path = path_of(spool, last)
    whole = path.read_bytes()
    for size in range(last.offset, last.offset + last.length, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(Damaged):
            spool.read(last)
    assert bytes(spool.read(first).content) == SECRET


def test_a_location_that_is_no_beginning_or_of_another_length_is_damaged(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    for offset, length in ((1, location.length), (0, location.length + 1), (0, 10)):
        with pytest.raises(Damaged):
            spool.read(Location(location.segment, offset, length))


# --- keys ---


def test_without_its_key_a_record_is_neither_gone_nor_read(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    first, second = writer.append([entry(clock), entry(clock, b"another")])
    file = spool.keys.path(first.segment)
    keys = file.read_bytes()
    file.write_bytes(keys[:40])
    assert bytes(spool.read(first).content) == SECRET
    with pytest.raises(KeyLost):
        spool.read(second)
    file.unlink()
    with pytest.raises(KeyLost):
        spool.read(first)
    file.write_bytes(keys)
    assert bytes(spool.read(second).content) == b"another"


def test_under_another_key_a_record_is_damaged(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    spool.keys.path(location.segment).write_bytes(os.urandom(32 * 256))
    with pytest.raises(Damaged):
        spool.read(location)


def test_a_destroyed_key_makes_a_record_gone_whatever_is_left_of_it(
    spool: Spool, writer: SegmentWriter, clock: SteppedClock
) -> None:
    (location,) = writer.append([entry(clock)])
    whole = path_of(spool, location).read_bytes()
    spool.discard(location)
    path_of(spool, location).write_bytes(whole)
    with pytest.raises(Gone):
        spool.read(location)


# --- looked at in part ---


@pytest.mark.parametrize("size", SIZES)
def test_a_slice_of_content_is_what_bytes_would_give(spool: Spool, clock: SteppedClock, size: int) -> None:
    content, trace = os.urandom(size), b"Received: by us\r\n"
    large = LargeEntry(spool, clock, clock.new_id())
    large.write([trace, content])
    large.end()
    edges = sorted({0, 1, size // 2, max(0, size - 1), size, size + 9, CHUNK_BYTES - 17, CHUNK_BYTES})
    with large.content(len(trace)) as view:
        assert len(view) == size
        for start in edges:
            assert view[start:] == content[start:]
            for end in edges:
                assert view[start:end] == content[start:end]
    large.drop()


# --- mail that waits over the update ---


def plain(identifier: bytes, content: bytes, envelope: bytes) -> bytes:
    """As releases before the sealed spool wrote it."""
    digest = blake2b(content + envelope, digest_size=16).digest()
    header = struct.pack("<4sIQ16s16s", b"CPR1", len(envelope), len(content), identifier, digest)
    return header + content + envelope


def test_a_plain_record_of_an_older_release_is_read_and_discarded(spool: Spool, clock: SteppedClock) -> None:
    segment, identifier = clock.new_id(), clock.new_id()
    raw = plain(identifier.bytes, SECRET, b'{"v":1}')
    path = spool.folder / f"{segment}.seg"
    location = Location(segment, 0, len(raw))
    for position in range(len(raw)):
        if not 16 <= position < 32:  # the id: what it names is checked by the rows
            path.write_bytes(raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :])
            with pytest.raises(Damaged):
                spool.read(location)
    path.write_bytes(raw)
    record = spool.read(location)
    assert (record.id, record.envelope, bytes(record.content)) == (identifier, {"v": 1}, SECRET)
    spool.discard(location)
    with pytest.raises(Gone):
        spool.read(location)
    assert not any(path.read_bytes()[16:])
