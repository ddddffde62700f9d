"""Content as it goes over the wire: transparency of RFC 5321 section 4.5.2, in pieces.

Pure. Must never change, drop or join anything but the doubled leading dots and a missing last line end.
"""

from collections.abc import Iterable, Iterator
from typing import Final

PIECE: Final = 128 * 1024


def dot_stuffed(content: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Pieces of about 128 to 256 kB that end in CRLF (nothing for no content), without the final dot.

    Buffers may be cut anywhere, within a line end too.
    """
    tail = b"\r\n"  # the last two octets seen: content starts at the start of a line
    waiting: list[bytes] = []
    size = 0
    for piece in _pieces(content):
        stuffed = _stuffed(tail, piece)
        tail = (tail + piece[-2:])[-2:]
        waiting.append(stuffed)
        size += len(stuffed)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if tail != b"\r\n":
        waiting.append(b"\r\n")
    if waiting:
        yield b"".join(waiting)


def _pieces(content: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    for buffer in content:
        for start in range(0, len(buffer), PIECE):
            yield bytes(buffer[start : start + PIECE])


def _stuffed(tail: bytes, piece: bytes) -> bytes:
    """One piece with its dots doubled, knowing the two octets before it."""
    if b"." not in piece:  # one octet is found much faster than three, and base64 has none
        return piece
    stuffed = piece.replace(b"\r\n.", b"\r\n..")
    if tail == b"\r\n" and piece.startswith(b"."):
        return b"." + stuffed
    if tail.endswith(b"\r") and piece.startswith(b"\n."):
        return b"\n." + stuffed[1:]
    return stuffed
