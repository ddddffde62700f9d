"""What somebody can read who has an image of the disks: the segments of a spool, and the files of its keys.

Must never ask the code under test whether a message is there: it takes the files as they lie, looks for
records at every place, and opens what any key opens.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mailcore.spool_keys import KEY_BYTES
from mailcore.spool_record import HEADER_BYTES, Header
from mailcore.spool_seal import CHUNK_BYTES, TAG_BYTES, Seal, Unsealable, chunks_of, sealed_length

_MAGIC = b"CPS1"


def holds(spool_dir: Path, key_dir: Path, words: bytes) -> bool:
    """Whether the words can be read; where a file goes meanwhile, all are read again."""
    return any(words in text for text in texts(spool_dir, key_dir))


def texts(spool_dir: Path, key_dir: Path) -> list[bytes]:
    """All segments as they lie, then every content and envelope that can be opened."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            segments = {path.stem: path.read_bytes() for path in (spool_dir / "segments").glob("*.*")}
            keys = {path.stem: path.read_bytes() for path in (key_dir / "spool").glob("*/*.keys")}
            opened = [text for name, raw in segments.items() for text in _opened(raw, keys.get(name, b""))]
            return [*segments.values(), *opened]


def _opened(raw: bytes, keys: bytes) -> Iterator[bytes]:
    at = raw.find(_MAGIC)
    while at >= 0:
        if header := Header.parse(raw[at : at + HEADER_BYTES]):
            key = keys[header.slot * KEY_BYTES : (header.slot + 1) * KEY_BYTES]
            if len(key) == KEY_BYTES and any(key):
                yield from _of_record(header, raw[at : at + header.length], key)
        at = raw.find(_MAGIC, at + 1)


def _of_record(header: Header, raw: bytes, key: bytes) -> Iterator[bytes]:
    """Chunk by chunk: one that is damaged does not hide the others."""
    seal = Seal(key, _MAGIC + header.slot.to_bytes(4, "little") + header.id.bytes)
    sealed, content = raw[HEADER_BYTES : HEADER_BYTES + sealed_length(header.content)], b""
    chunks = chunks_of(header.content)
    for number in range(chunks):
        start = number * (CHUNK_BYTES + TAG_BYTES)
        chunk = sealed[start : start + CHUNK_BYTES + TAG_BYTES]
        with contextlib.suppress(Unsealable):
            content += seal.open_chunk(number, chunk, is_last=number == chunks - 1)
    yield content
    with contextlib.suppress(Unsealable):
        yield seal.open_envelope(raw[header.envelope_start : header.length], header.raw)
