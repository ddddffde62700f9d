"""A message in the forms that signatures are made over: header fields, and the hash of a body (RFC 6376 3.4).

Pure. Must never hold a whole body, nor change what it is given: bodies come as buffers, cut anywhere.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from mailcore.values import value

Canonicalisation = Literal["simple", "relaxed"]
Buffer = bytes | bytearray | memoryview

_PIECE: Final = 64 * 1024
_FIELD_END: Final = re.compile(rb"\r\n(?![ \t])")
_EMPTY_LINES_BACKWARDS: Final = re.compile(
    rb"\r?(?:\n\r)*+"
)  # possessive: a stack of ways back would be large


@value
class Field:
    """A header field: its name in lower case (empty where there is no colon), and all of its bytes, the last
    CRLF included.
    """

    name: bytes
    raw: bytes


def header_fields(section: bytes) -> list[Field]:
    """The fields of a header section, top to bottom. Lines end in CRLF; an empty line ends the section."""
    fields = []
    for line in _FIELD_END.split(section):
        if not line:
            break
        name, colon, _ = line.partition(b":")
        fields.append(Field(_name(name) if colon else b"", line + b"\r\n"))
    return fields


def _name(before_colon: bytes) -> bytes:
    """Folded before its colon it follows no grammar, yet who unfolds first reads it as that field."""
    return before_colon.replace(b"\r\n", b"").rstrip(b" \t").lower()


def canonical_field(raw: bytes, canonicalisation: Canonicalisation) -> bytes:
    return relaxed_header(raw) if canonicalisation == "relaxed" else simple_header(raw)


def simple_header(raw: bytes) -> bytes:
    """RFC 6376 section 3.4.1: as it is."""
    return raw


def relaxed_header(raw: bytes) -> bytes:
    """RFC 6376 section 3.4.2: name in lower case, unfolded, white space as single spaces; with CRLF."""
    name, _, value = raw.partition(b":")
    unfolded = _single_spaces(value.replace(b"\r\n", b""))
    return _name(name) + b":" + unfolded.strip(b" ") + b"\r\n"


@value
class BodyKind:
    """Which hash of a body: of its form, cut after `length` canonical octets (l=) if that is said."""

    form: Canonicalisation
    length: int | None = None


def body_hashes(buffers: Iterable[Buffer], kinds: Iterable[BodyKind]) -> dict[BodyKind, bytes | None]:
    """All of these in one pass; a body that nobody asks about is not read."""
    wanted = set(kinds)
    if isinstance(buffers, tuple | list) and sum(map(len, buffers)) <= _PIECE:
        return _of_small(b"".join(buffers), wanted)
    digests = {
        form: BodyDigest(
            form, {kind.length for kind in wanted if kind.form == form and kind.length is not None}
        )
        for form in {kind.form for kind in wanted}
    }
    for buffer in buffers if wanted else ():
        for digest in digests.values():
            digest.update(buffer)
    found = {form: digest.finish() for form, digest in digests.items()}
    return {kind: found[kind.form][kind.length] for kind in wanted}


def _of_small(body: bytes, kinds: Iterable[BodyKind]) -> dict[BodyKind, bytes | None]:
    found = {}
    for kind in kinds:
        text = canonical_body(body, kind.form)
        is_short = kind.length is not None and len(text) < kind.length
        found[kind] = None if is_short else hashlib.sha256(text[: kind.length]).digest()
    return found


def canonical_body(body: bytes, form: Canonicalisation) -> bytes:
    """All of a body at once: what `BodyDigest` makes of it in pieces."""
    if form == "relaxed":
        body = _without_needless_spaces(body).removesuffix(b" ")
    if body.endswith(b"\r"):
        return body + b"\r\n"
    end = len(body) - _length_of_last_line_ends(body)
    return body[:end] + b"\r\n" if end or form == "simple" else b""


def body_hash(
    buffers: Iterable[Buffer], canonicalisation: Canonicalisation, length: int | None = None
) -> bytes | None:
    """SHA-256 of a body, or of its first `length` canonical octets (l=); None where it has fewer."""
    kind = BodyKind(canonicalisation, length)
    return body_hashes(buffers, (kind,))[kind]


class BodyDigest:
    """SHA-256 of one body in one canonicalisation, also cut at each of `lengths`, in one pass."""

    def __init__(self, canonicalisation: Canonicalisation, lengths: Iterable[int] = ()) -> None:
        self._sum = _CutSum(lengths)
        self._lines = _WithoutLastEmptyLines(self._sum.update)
        self._spaces = _WithoutNeedlessSpaces(self._lines.update) if canonicalisation == "relaxed" else None

    def update(self, buffer: Buffer) -> None:
        take = self._lines.update if self._spaces is None else self._spaces.update
        for start in range(0, len(buffer), _PIECE):
            take(bytes(buffer[start : start + _PIECE]))

    def finish(self) -> dict[int | None, bytes | None]:
        """Of the whole body at None, of each cut at its length: None if the body is shorter. Call it once."""
        if self._spaces is not None:
            self._spaces.finish()
        self._lines.finish(even_if_empty=self._spaces is None)
        return self._sum.finish()


class _WithoutNeedlessSpaces:
    """RFC 6376 section 3.4.4 (a): white space ends no line, and is one space elsewhere."""

    def __init__(self, give: Callable[[bytes], None]) -> None:
        self._give = give
        self._held = b""  # what cannot be told before the next octets: a space, or one before a CR

    def update(self, piece: bytes) -> None:
        text = _without_needless_spaces(self._held + piece)
        end = len(text)
        if text.endswith(b" "):
            end -= 1
        elif text.endswith(b" \r"):
            end -= 2
        self._held = text[end:]
        self._give(text[:end])

    def finish(self) -> None:
        self._give(self._held.removesuffix(b" "))


class _WithoutLastEmptyLines:
    """RFC 6376 section 3.4.3: empty lines at the end are ignored, and the last line has its CRLF."""

    def __init__(self, give: Callable[[bytes], None]) -> None:
        self._give = give
        self._half = b""  # a CR whose LF may come
        self._line_ends = 0
        self._empty = True

    def update(self, piece: bytes) -> None:
        text = self._half + piece
        end = len(text) - _length_of_last_line_ends(text)
        self._half = b"\r" if text.endswith(b"\r") else b""
        if end:
            self._give_line_ends()
            self._give(text[:end])
            self._empty = False
        self._line_ends += (len(text) - end) // 2

    def finish(self, *, even_if_empty: bool) -> None:
        if self._half:
            self._give_line_ends()
            self._give(self._half)
            self._empty = False
        if even_if_empty or not self._empty:
            self._give(b"\r\n")

    def _give_line_ends(self) -> None:
        """What was held back was not the end."""
        whole, rest = divmod(self._line_ends * 2, _PIECE)
        for _ in range(whole):
            self._give(b"\r\n" * (_PIECE // 2))
        self._give(b"\r\n" * (rest // 2))
        self._line_ends = 0


class _CutSum:
    """SHA-256 of a stream, and of its beginnings."""

    def __init__(self, lengths: Iterable[int]) -> None:
        self._sum: Any = hashlib.sha256()
        self._seen = 0
        self._cuts = sorted(set(lengths), reverse=True)  # the next one last
        self._found: dict[int | None, bytes | None] = {}

    def update(self, text: bytes) -> None:
        while self._cuts and self._cuts[-1] <= self._seen + len(text):
            cut = self._cuts.pop()
            beginning = self._sum.copy()
            beginning.update(memoryview(text)[: cut - self._seen])
            self._found[cut] = beginning.digest()
        self._sum.update(text)
        self._seen += len(text)

    def finish(self) -> dict[int | None, bytes | None]:
        self.update(b"")
        return {**dict.fromkeys(self._cuts), **self._found, None: self._sum.digest()}


def _length_of_last_line_ends(text: bytes) -> int:
    """Octets of the CRLFs that `text` ends with, and of a CR after them."""
    last = text[len(text.rstrip(b"\r\n")) :]
    match = _EMPTY_LINES_BACKWARDS.match(last[::-1])
    return match.end() if match else 0


def _without_needless_spaces(text: bytes) -> bytes:
    """Single spaces, and none before a CRLF. Base64 has none at all, which is seen fastest."""
    text = _single_spaces(text)
    return text.replace(b" \r\n", b"\r\n") if b" " in text else text


def _single_spaces(text: bytes) -> bytes:
    """Each run of spaces and tabs as one space: some passes in C instead of one in Python."""
    text = text.replace(b"\t", b" ")
    while b" " in text and b"  " in text:
        text = text.replace(b"  ", b" ")
    return text
