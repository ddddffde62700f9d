"""One record of the spool: its bytes and checksum, and how it is written, read and wiped in an open file.

A record is its lengths, the header that holds them, the content and the envelope. Must never hand out
bytes whose checksum does not match, nor wipe the lengths of a record: segments are walked by them.
"""

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from mailcore import crash_points

Buffer = bytes | bytearray | memoryview

# magic, length of the envelope, length of the content | id, checksum | content, envelope
_LENGTHS = struct.Struct("<4sIQ")
_HEADER = struct.Struct("<4sIQ16s16s")
_MAGIC = b"CPR1"
_DIGEST_BYTES = 16
_ZEROS = bytes(1024 * 1024)
_MOST_BUFFERS = 512  # of IOV_MAX, 1024 on Linux

HEADER_BYTES = _HEADER.size


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
    """What is to be appended: the content in buffers, so that nothing is joined or copied."""

    id: UUID
    envelope: dict[str, Any]
    content: Sequence[Buffer]


class Damaged(Exception):
    """The bytes on disk are not the bytes that were accepted."""


class Gone(Exception):
    """No such record: its segment was reclaimed or moved, or the record discarded."""


# --- encoding ---


class Encoder:
    """Makes a record of content that comes piece by piece; the header, which counts it, is known last."""

    def __init__(self, record_id: UUID) -> None:
        self._id = record_id
        self._digest = blake2b(digest_size=_DIGEST_BYTES)
        self._content = 0

    @property
    def content_end(self) -> int:
        """Where the content ends so far, from the beginning of the record."""
        return HEADER_BYTES + self._content

    def add(self, content: Sequence[Buffer]) -> None:
        for buffer in content:
            self._digest.update(buffer)
            self._content += len(buffer)

    def close(self, envelope: dict[str, Any]) -> tuple[bytes, bytes]:
        """The header, and the envelope as it follows the content."""
        encoded = json.dumps(envelope, separators=(",", ":"), ensure_ascii=True).encode()
        self._digest.update(encoded)
        header = _HEADER.pack(_MAGIC, len(encoded), self._content, self._id.bytes, self._digest.digest())
        return header, encoded


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record as it goes to disk."""

    parts: Sequence[Buffer]
    length: int


def encode(entry: Entry) -> Encoded:
    encoder = Encoder(entry.id)
    encoder.add(entry.content)
    header, envelope = encoder.close(entry.envelope)
    return Encoded([header, *entry.content, envelope], encoder.content_end + len(envelope))


def _verified(raw: bytes) -> Record:
    if len(raw) < HEADER_BYTES:
        raise Damaged
    magic, envelope_length, content_length, identifier, digest = _HEADER.unpack_from(raw)
    end = HEADER_BYTES + content_length
    if magic != _MAGIC or end + envelope_length != len(raw):
        raise Damaged
    if not any(digest):
        raise Gone
    body = memoryview(raw)[HEADER_BYTES:]
    if blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        raise Damaged
    return Record(UUID(bytes=identifier), json.loads(raw[end:]), memoryview(raw)[HEADER_BYTES:end])


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


def read(descriptor: int, offset: int, length: int) -> Record:
    """The verified record. Raises `Damaged`, or `Gone` where it was wiped."""
    parts = []
    while length > 0:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return _verified(parts[0] if len(parts) == 1 else b"".join(parts))


def end_of(descriptor: int, offset: int) -> int | None:
    """Where the record at `offset` ends, by its own lengths; None where no record begins."""
    lengths = os.pread(descriptor, _LENGTHS.size, offset)
    if len(lengths) < _LENGTHS.size or not lengths.startswith(_MAGIC):
        return None
    _, envelope, content = _LENGTHS.unpack(lengths)
    return offset + HEADER_BYTES + int(envelope) + int(content)


def wipe(descriptor: int, offset: int, end: int) -> None:
    """Overwrites a record with zeros, keeping its lengths so that the segment can still be walked."""
    zero(descriptor, offset + _LENGTHS.size, end)


def is_wiped(descriptor: int, end: int) -> bool:
    """A record ends in `}`, and is overwritten from its beginning: a zero there means that it is done."""
    return os.pread(descriptor, 1, end - 1) == b"\0"


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
