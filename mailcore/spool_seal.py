"""How the content and the envelope of a record are sealed under its own key (pure).

AES-256-GCM in chunks of 64 KiB, so that any place of a large content is opened by itself. Each chunk is bound
to its place: the nonce tells its number and whether it is the last (STREAM; Hoang, Reyhanitabar, Rogaway and
Vizar, CRYPTO 2015), so chunks that are swapped, repeated, left out or cut off don't open. Must never seal two
things under one key and nonce: a key is used for one record, once.
"""

import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Buffer = bytes | bytearray | memoryview

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16

# What it is (content or envelope), number of the chunk, whether it is the last; 12 octets.
_NONCE = struct.Struct(">B6xI?")
_CONTENT, _ENVELOPE = 1, 2


class Unsealable(Exception):
    """The octets are not what was sealed there, or not under this key."""


def sealed_length(length: int) -> int:
    """What a content of `length` octets takes; an empty one has a chunk too."""
    return length + TAG_BYTES * chunks_of(length)


def chunks_of(length: int) -> int:
    return max(1, -(-length // CHUNK_BYTES))


class Seal:
    """Of one record: its key, and `bound`, what its content can't be parted from."""

    def __init__(self, key: bytes, bound: bytes) -> None:
        self._cipher = AESGCM(key)
        self._bound = bound

    def chunk(self, number: int, content: Buffer, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(_NONCE.pack(_CONTENT, number, is_last), content, self._bound)

    def open_chunk(self, number: int, sealed: Buffer, *, is_last: bool) -> bytes:
        """Raises `Unsealable`."""
        return self._open(_NONCE.pack(_CONTENT, number, is_last), sealed, self._bound)

    def content(self, content: Buffer) -> Iterator[bytes]:
        """All chunks of a content that is there whole."""
        view, last = memoryview(content), chunks_of(len(content)) - 1
        for number in range(last + 1):
            start = number * CHUNK_BYTES
            yield self.chunk(number, view[start : start + CHUNK_BYTES], is_last=number == last)

    def envelope(self, envelope: bytes, header: bytes) -> bytes:
        """Binds the whole header too: what it says of lengths is known last."""
        return self._cipher.encrypt(_NONCE.pack(_ENVELOPE, 0, True), envelope, header)

    def open_envelope(self, sealed: Buffer, header: bytes) -> bytes:
        """Raises `Unsealable`."""
        return self._open(_NONCE.pack(_ENVELOPE, 0, True), sealed, header)

    def _open(self, nonce: bytes, sealed: Buffer, bound: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, bound)
        except InvalidTag:
            raise Unsealable from None


class ContentSealer:
    """Seals content that comes piece by piece: it holds back up to one chunk, for any may be the last."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._held = bytearray()
        self._number = 0
        self.length = 0

    @property
    def sealed(self) -> int:
        """How many octets came out so far."""
        return self._number * (CHUNK_BYTES + TAG_BYTES)

    def add(self, buffer: Buffer) -> list[bytes]:
        """The chunks that are sure not to be the last. Only what completes or begins a chunk is copied."""
        view, chunks = memoryview(buffer), []
        self.length += len(view)
        if self._held and len(self._held) + len(view) > CHUNK_BYTES:
            missing = CHUNK_BYTES - len(self._held)
            self._held += view[:missing]
            view = view[missing:]
            chunks.append(self._next(self._held))
            self._held = bytearray()
        while len(view) > CHUNK_BYTES:
            chunks.append(self._next(view[:CHUNK_BYTES]))
            view = view[CHUNK_BYTES:]
        self._held += view
        return chunks

    def _next(self, content: Buffer) -> bytes:
        chunk = self._seal.chunk(self._number, content, is_last=False)
        self._number += 1
        return chunk

    def end(self) -> bytes:
        """The last chunk; nothing is added after it."""
        last = self._seal.chunk(self._number, self._held, is_last=True)
        self._held = bytearray()
        return last
