"""Records as releases before the sealed spool wrote them, in plain: mail that waits over the update.

Only read, and walked. Must never be written anew: the sweep's copies are sealed.
"""

import json
import os
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

MAGIC = b"CPR1"

# magic, length of the envelope, length of the content | id, checksum | content, envelope
_LENGTHS = struct.Struct("<4sIQ")
_HEADER = struct.Struct("<4sIQ16s16s")
_DIGEST_BYTES = 16

LENGTHS_BYTES = _LENGTHS.size


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """`is_wiped`: it was discarded, the rest is zeros."""

    id: UUID
    envelope: dict[str, Any]
    content: memoryview
    is_wiped: bool = False


def read(descriptor: int, offset: int, length: int) -> PlainRecord | None:
    """The verified record; None where it is damaged."""
    raw = _read(descriptor, offset, length)
    if len(raw) < _HEADER.size:
        return None
    magic, envelope_length, content_length, identifier, digest = _HEADER.unpack_from(raw)
    end = _HEADER.size + content_length
    if magic != MAGIC or end + envelope_length != len(raw):
        return None
    if not any(digest):
        return PlainRecord(UUID(bytes=identifier), {}, memoryview(b""), is_wiped=True)
    if blake2b(memoryview(raw)[_HEADER.size :], digest_size=_DIGEST_BYTES).digest() != digest:
        return None
    return PlainRecord(UUID(bytes=identifier), json.loads(raw[end:]), memoryview(raw)[_HEADER.size : end])


def end_of(descriptor: int, offset: int) -> int | None:
    """Where the record at `offset` ends, by its own lengths; None where none begins."""
    lengths = os.pread(descriptor, _LENGTHS.size, offset)
    if len(lengths) < _LENGTHS.size or not lengths.startswith(MAGIC):
        return None
    _, envelope, content = _LENGTHS.unpack(lengths)
    return offset + _HEADER.size + int(envelope) + int(content)


def _read(descriptor: int, offset: int, length: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(descriptor, length, offset)):
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
