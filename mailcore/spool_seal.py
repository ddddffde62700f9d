"""How the content and the envelope of a record are sealed under its own key (pure).

AES-256-GCM in chunks of 64 KiB, so that any place of a large content is opened by itself. Each chunk is bound
to its place: the nonce tells its number and whether it is the last (STREAM; Hoang, Reyhanitabar, Rogaway and
Vizar, CRYPTO 2015), so chunks that are swapped, repeated, left out or cut off don't open. Must never seal two
things under one key and nonce: a key is used for one record, once.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Buffer = bytes | bytearray | memoryview

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES

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

    def chunk_into(self, place: memoryview, number: int, content: Buffer) -> None:
        """One that is not the last, in `SEALED_CHUNK` octets."""
        self._cipher.encrypt_into(_NONCE.pack(_CONTENT, number, False), content, self._bound, place)

    def open_chunk(self, number: int, sealed: Buffer, *, is_last: bool) -> bytes:
        """Raises `Unsealable`."""
        return self._open(_NONCE.pack(_CONTENT, number, is_last), sealed, self._bound)

    def open_chunk_into(self, place: memoryview, number: int, sealed: Buffer, *, is_last: bool) -> None:
        """Fills `place`, whose octets mean nothing where it raises `Unsealable`."""
        if len(sealed) != len(place) + TAG_BYTES:
            raise Unsealable
        try:
            self._cipher.decrypt_into(_NONCE.pack(_CONTENT, number, is_last), sealed, self._bound, place)
        except InvalidTag:
            raise Unsealable from None

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
        return self._number * SEALED_CHUNK

    def add(self, buffers: Sequence[Buffer]) -> memoryview:
        """The chunks that are sure not to be the last, one behind the other: memory for each by itself takes
        longer than its sealing.
        """
        size = sum(map(len, buffers))
        sealed = memoryview(bytearray(max(0, len(self._held) + size - 1) // CHUNK_BYTES * SEALED_CHUNK))
        at = 0
        for chunk in self._chunks(buffers):
            self._seal.chunk_into(sealed[at : at + SEALED_CHUNK], self._number, chunk)
            self._number += 1
            at += SEALED_CHUNK
        self.length += size
        return sealed

    def _chunks(self, buffers: Iterable[Buffer]) -> Iterator[Buffer]:
        """Only what completes or begins a chunk is copied."""
        for buffer in buffers:
            view = memoryview(buffer)
            if self._held and len(self._held) + len(view) > CHUNK_BYTES:
                missing = CHUNK_BYTES - len(self._held)
                yield self._held + view[:missing]
                self._held, view = bytearray(), view[missing:]
            while len(view) > CHUNK_BYTES:
                yield view[:CHUNK_BYTES]
                view = view[CHUNK_BYTES:]
            self._held += view

    def end(self) -> bytes:
        """The last chunk; nothing is added after it."""
        last = self._seal.chunk(self._number, self._held, is_last=True)
        self._held = bytearray()
        return last
