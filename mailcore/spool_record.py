"""One record of the spool, in an open file: its header in clear, content and envelope sealed.

The header tells the lengths, by which segments are walked, and the slot of the key. Must never hand out
octets that do not open under that key, nor wipe the part of a header that a walk needs.
"""

import json
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

from mailcore import crash_points, spool_plain_record
from mailcore.spool_seal import (
    CHUNK_BYTES,
    TAG_BYTES,
    Buffer,
    ContentSealer,
    Seal,
    Unsealable,
    chunks_of,
    sealed_length,
)

# magic, slot of the key, length of the envelope, length of the content, checksum of those | id
_WALKED = struct.Struct("<4sIIQI")
_CHECKED = struct.Struct("<4sIIQ")
_ID_BYTES = 16
_MAGIC = b"CPS1"
_ZEROS = bytes(1024 * 1024)
_MOST_BUFFERS = 512  # of IOV_MAX, 1024 on Linux

HEADER_BYTES = _WALKED.size + _ID_BYTES


@dataclass(frozen=True, slots=True)
class Location:
    """Where a record lies: segment, offset and length in bytes, header included."""

    segment: UUID
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Record:
    """A verified record. `envelope` is enough to rebuild the rows of the message."""

    id: UUID
    envelope: dict[str, Any]
    content: memoryview


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended: the content in buffers."""

    id: UUID
    envelope: dict[str, Any]
    content: Sequence[Buffer]


class Damaged(Exception):
    """The bytes on disk are not the bytes that were accepted."""


class KeyLost(Damaged):
    """The record stands, its key does not: the key folder is lost, cut short, or not mounted."""


class Gone(Exception):
    """No such record: its segment was reclaimed or moved, or the record discarded."""


# The key in a slot; raises Gone or KeyLost.
KeyOf = Callable[[int], bytes]


# --- the header ---


@dataclass(frozen=True, slots=True)
class Header:
    """`envelope` and `content` are lengths before sealing; `raw` is the header as it stands on disk."""

    slot: int
    envelope: int
    content: int
    raw: bytes

    @classmethod
    def of(cls, slot: int, record_id: UUID, *, envelope: int, content: int) -> "Header":
        checked = _CHECKED.pack(_MAGIC, slot, envelope, content)
        return cls(slot, envelope, content, checked + crc32(checked).to_bytes(4, "little") + record_id.bytes)

    @classmethod
    def parse(cls, raw: bytes) -> "Header | None":
        """Of the octets where a record may begin; None where none does, or its header is damaged."""
        if len(raw) < HEADER_BYTES or not raw.startswith(_MAGIC):
            return None
        _, slot, envelope, content, checksum = _WALKED.unpack_from(raw)
        if crc32(raw[: _CHECKED.size]) != checksum:
            return None
        return cls(slot, envelope, content, raw[:HEADER_BYTES])

    @property
    def id(self) -> UUID:
        return UUID(bytes=self.raw[_WALKED.size :])

    @property
    def envelope_start(self) -> int:
        return HEADER_BYTES + sealed_length(self.content)

    @property
    def length(self) -> int:
        """Of the whole record on disk."""
        return self.envelope_start + self.envelope + TAG_BYTES

    @property
    def is_wiped(self) -> bool:
        """A record is overwritten from its id on."""
        return not any(self.raw[_WALKED.size :])


def _bound(slot: int, record_id: UUID) -> bytes:
    """What content is bound to: known before its length is."""
    return _MAGIC + slot.to_bytes(4, "little") + record_id.bytes


# --- sealing ---


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record as it goes to disk."""

    parts: Sequence[bytes]
    length: int


def encode(entry: Entry, slot: int, key: bytes) -> Encoded:
    content = entry.content[0] if len(entry.content) == 1 else b"".join(entry.content)
    seal = Seal(key, _bound(slot, entry.id))
    envelope = _as_json(entry.envelope)
    header = Header.of(slot, entry.id, envelope=len(envelope), content=len(content))
    parts = [header.raw, *seal.content(content), seal.envelope(envelope, header.raw)]
    return Encoded(parts, header.length)


class Encoder:
    """Makes a record of content that comes piece by piece; the header, which counts it, is known last."""

    def __init__(self, record_id: UUID, slot: int, key: bytes) -> None:
        self._id = record_id
        self._slot = slot
        self._seal = Seal(key, _bound(slot, record_id))
        self._content = ContentSealer(self._seal)

    @property
    def next_offset(self) -> int:
        """Where what `add` or `end` returns next belongs, from the beginning of the record."""
        return HEADER_BYTES + self._content.sealed

    def add(self, buffer: Buffer) -> list[bytes]:
        return self._content.add(buffer)

    def end(self) -> bytes:
        """The content is whole: its last chunk."""
        return self._content.end()

    @property
    def content_end(self) -> int:
        """Where the content ends once it is whole, from the beginning of the record."""
        return HEADER_BYTES + sealed_length(self._content.length)

    def reader(self, descriptor: int, skip: int) -> "ContentReader":
        """Of the whole content, from its octet `skip` on, in a file that begins with this record."""
        return ContentReader(descriptor, HEADER_BYTES, self._content.length, self._seal, skip)

    def close(self, envelope: dict[str, Any]) -> tuple[bytes, bytes]:
        """The header, and the envelope as it follows the content."""
        encoded = _as_json(envelope)
        header = Header.of(self._slot, self._id, envelope=len(encoded), content=self._content.length)
        return header.raw, self._seal.envelope(encoded, header.raw)


def _as_json(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=True).encode()


# --- reading ---


def read(descriptor: int, location: Location, key_of: KeyOf) -> Record:
    """The verified record. Raises `Damaged`, or `Gone` where it was discarded."""
    if _magic(descriptor, location.offset) == spool_plain_record.MAGIC:
        return _read_plain(descriptor, location)
    header = Header.parse(os.pread(descriptor, HEADER_BYTES, location.offset))
    if header is None or header.length != location.length:
        raise Damaged
    if header.is_wiped:
        raise Gone
    seal = Seal(key_of(header.slot), _bound(header.slot, header.id))
    try:
        sealed = os.pread(descriptor, header.envelope + TAG_BYTES, location.offset + header.envelope_start)
        envelope = json.loads(seal.open_envelope(sealed, header.raw))
        start = location.offset + HEADER_BYTES
        content = ContentReader(descriptor, start, header.content, seal).all()
    except Unsealable:
        raise Damaged from None
    return Record(header.id, envelope, content)


def _read_plain(descriptor: int, location: Location) -> Record:
    found = spool_plain_record.read(descriptor, location.offset, location.length)
    if found is None:
        raise Damaged
    if found.is_wiped:
        raise Gone
    return Record(found.id, found.envelope, found.content)


class ContentReader:
    """Sealed content in an open file, opened where it is looked at: `len` and slices, as bytes has them.

    Not for two threads at once. Raises `Unsealable` where the file is not what was written.
    """

    def __init__(self, descriptor: int, start: int, length: int, seal: Seal, skip: int = 0) -> None:
        """The sealed content begins at `start` of the file; its first `skip` octets are not shown."""
        self._descriptor = descriptor
        self._start = start
        self._length = length
        self._seal = seal
        self._skip = skip
        self._last = chunks_of(length) - 1
        self._opened: tuple[int, bytes] = (-1, b"")

    def __len__(self) -> int:
        return max(0, self._length - self._skip)

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(len(self))
        if start >= stop:
            return b""
        start, stop = start + self._skip, stop + self._skip
        first, last = start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES
        joined = b"".join(self._chunk(number) for number in range(first, last + 1))
        return joined[start - first * CHUNK_BYTES : stop - first * CHUNK_BYTES]

    def all(self) -> memoryview:
        """The whole of it, in memory once."""
        if self._last == 0:
            return memoryview(self._chunk(0))
        whole = bytearray(self._length)
        for number in range(self._last + 1):
            start = number * CHUNK_BYTES
            whole[start : start + CHUNK_BYTES] = self._chunk(number)
        return memoryview(whole).toreadonly()

    def _chunk(self, number: int) -> bytes:
        """The one that was opened last is kept: who looks at small slices goes from one to the next."""
        if self._opened[0] != number:
            size = min(CHUNK_BYTES, self._length - number * CHUNK_BYTES) + TAG_BYTES
            sealed = os.pread(self._descriptor, size, self._start + number * (CHUNK_BYTES + TAG_BYTES))
            self._opened = number, self._seal.open_chunk(number, sealed, is_last=number == self._last)
        return self._opened[1]


# --- in an open file ---


def write(descriptor: int, buffers: Sequence[Buffer], offset: int) -> None:
    """All of the buffers, one behind the other. Nothing of it is durable before a sync."""
    crash_points.fail_io("write")
    for start in range(0, len(buffers), _MOST_BUFFERS):
        chunk = list(buffers[start : start + _MOST_BUFFERS])
        while chunk:
            written = os.pwritev(descriptor, chunk, offset)
            offset += written
            chunk = _after(chunk, written)


def _after(buffers: list[Buffer], written: int) -> list[Buffer]:
    """What is left of the buffers once the first `written` bytes are out (a write may be short)."""
    for index, buffer in enumerate(buffers):
        if written < len(buffer):
            return [memoryview(buffer)[written:], *buffers[index + 1 :]]
        written -= len(buffer)
    return []


def header_at(descriptor: int, offset: int) -> Header | None:
    """None where no sealed record begins, or its header is damaged: then nobody knows its slot."""
    return Header.parse(os.pread(descriptor, HEADER_BYTES, offset))


def end_of(descriptor: int, offset: int) -> int | None:
    """Where the record at `offset` ends, by its own lengths; None where no record begins."""
    if header := header_at(descriptor, offset):
        return offset + header.length
    return spool_plain_record.end_of(descriptor, offset)


def wipe(descriptor: int, offset: int, end: int) -> None:
    """Overwrites a record with zeros, keeping its lengths so that the segment can still be walked."""
    kept = {_MAGIC: _WALKED.size, spool_plain_record.MAGIC: spool_plain_record.LENGTHS_BYTES}
    zero(descriptor, offset + kept.get(_magic(descriptor, offset), 0), end)


def is_wiped(descriptor: int, end: int) -> bool:
    """A record ends in a tag (a plain one in `}`), and is overwritten from its beginning: zeros there mean
    that it is done.
    """
    return not any(os.pread(descriptor, TAG_BYTES, end - TAG_BYTES))


def zero(descriptor: int, start: int, end: int) -> None:
    """Overwrites what the file has of this range; it never grows."""
    end = min(end, os.fstat(descriptor).st_size)
    while start < end:
        start += os.pwrite(descriptor, _ZEROS[: min(len(_ZEROS), end - start)], start)


def after_zeros(descriptor: int, offset: int) -> int:
    """Wiped ranges may have lost their lengths; what follows them begins with a byte that is not zero."""
    while chunk := os.pread(descriptor, len(_ZEROS), offset):
        rest = chunk.lstrip(b"\0")
        offset += len(chunk) - len(rest)
        if rest:
            break
    return offset


def _magic(descriptor: int, offset: int) -> bytes:
    return os.pread(descriptor, len(_MAGIC), offset)
