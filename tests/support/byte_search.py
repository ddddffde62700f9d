"""Finds planted words in files, whatever wrote them: as they are, in hex, in base64 at any offset.

All words of a search begin with one random mark, so that a file is read once for all. Quoted-printable,
percent-encoding and JSON leave letters and digits as they are, or write all of them in hex. Must never miss
a word because a page of the write-ahead log ended in the middle of it.
"""

import base64
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# A kind (one letter) and a number (two digits) follow the mark.
_TAIL: Final = 3
_WAL_PAGE: Final = 8192
_WAL_HEADER: Final = 24
_Decode = Callable[[bytes, int], bytes]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a word stands: `at` is its place in the file, `form` how it was written."""

    path: Path
    at: int
    word: str
    form: str

    @property
    def kind(self) -> str:
        return self.word[-_TAIL]


@dataclass(frozen=True, slots=True)
class Words:
    """`word("s")` is a new one of the kind s. Letters and digits, so it may stand in an address."""

    mark: str = field(default_factory=lambda: f"zq{secrets.token_hex(6)}x")

    def word(self, kind: str, number: int = 1) -> str:
        return f"{self.mark}{kind}{number:02}"

    def find(self, files: Iterable[Path]) -> list[Hit]:
        """Every place of every word in these files; one that goes away meanwhile holds nothing."""
        return [hit for path in files for hit in self._in(path)]

    def _in(self, path: Path) -> Iterator[Hit]:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        yield from self.seen_in(content, path)
        if path.parent.name == "pg_wal":  # a word may go on behind the header of the next page
            for at, seam in _seams(content):
                yield from (Hit(path, at + hit.at, hit.word, hit.form) for hit in self.seen_in(seam, path))

    def seen_in(self, content: bytes, path: Path = Path()) -> Iterator[Hit]:
        for form, needle, decode in _forms(self.mark.encode()):
            for found in re.finditer(re.escape(needle), content):
                tail = decode(content, found.start())
                if re.fullmatch(rb"[A-Za-z]\d\d", tail):
                    yield Hit(path, found.start(), self.mark + tail.decode().lower(), form)


def files_in(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def holders(key: bytes, files: Iterable[Path]) -> list[Path]:
    """The files in which these octets stand, or their hex or base64."""
    needles = (key, key.hex().encode(), *(needle for _, needle, _ in _base64(key, 0)))
    contents = ((path, path.read_bytes()) for path in files if path.exists())
    return [path for path, content in contents if any(needle in content for needle in needles)]


def _seams(wal: bytes) -> Iterator[tuple[int, bytes]]:
    """Around the end of each page: what stands before it and what goes on behind the next page's header."""
    for end in range(_WAL_PAGE, len(wal), _WAL_PAGE):
        yield end - 100, wal[end - 100 : end] + wal[end + _WAL_HEADER : end + _WAL_HEADER + 100]


def _forms(mark: bytes) -> Iterator[tuple[str, bytes, _Decode]]:
    size = len(mark)
    for name, written in (("plain", mark), ("capitals", mark.upper())):
        yield name, written, lambda content, at: content[at + size : at + size + _TAIL]
        for form, digits in (("hex", written.hex()), ("HEX", written.hex().upper())):
            yield f"{name} {form}", digits.encode(), lambda content, at: _unhex(content, at + 2 * size)
        for sign in ("=", "%"):
            digits = "".join(f"{sign}{octet:02X}" for octet in written)
            yield f"{name} {sign}XX", digits.encode(), lambda content, at: _unquote(content, at + 3 * size)
    yield from _base64(mark, _TAIL)


def _unhex(content: bytes, at: int) -> bytes:
    try:
        return bytes.fromhex(content[at : at + 2 * _TAIL].decode("ascii"))
    except ValueError:
        return b""


def _unquote(content: bytes, at: int) -> bytes:
    """Where all is written in digits, what follows is, too."""
    return _unhex(re.sub(rb"[=%]", b"", content[at : at + 3 * _TAIL]), 0)


def _base64(text: bytes, tail: int) -> Iterator[tuple[str, bytes, _Decode]]:
    """With one, two or no octets of something else before it: the characters that those can't change."""
    for before, first in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(bytes(before) + text)
        certain = whole[first : (before + len(text)) * 8 // 6]
        yield f"base64+{before}", certain, _unbase64(before, first, len(text), tail)


def _unbase64(before: int, first: int, size: int, tail: int) -> _Decode:
    length = -(-(before + size + tail) // 3) * 4

    def decode(content: bytes, at: int) -> bytes:
        if at < first:
            return b""
        group = content[at - first : at - first + length]
        try:
            return base64.b64decode(group + b"=" * (-len(group) % 4))[before + size : before + size + tail]
        except ValueError:
            return b""

    return decode


def told(hits: Sequence[Hit]) -> str:
    """For the message of an assertion: each file once."""
    seen = sorted({(hit.kind, hit.path.name, hit.form, hit.word) for hit in hits})
    return "\n".join(f"{kind} in {name} as {form} ({word})" for kind, name, form, word in seen[:60])
