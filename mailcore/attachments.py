"""How many bytes of attachments a raw message holds, bounded in time and memory.

One forward pass over the lines that start with "--"; nothing is decoded but quoted-printable windows,
nothing is unpacked. Must never raise on malformed MIME, never recurse, never copy the whole content: the
stdlib email parser does all three.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

MAX_DEPTH = 100
MAX_PARTS = 20_000  # a part costs microseconds whatever its size; more of them are refused as too deep
# Lines that only look like what is searched for are cheap, but a message has room for millions of them.
MAX_DELIMITERS = 500_000
MAX_UU_BLOCKS = 100_000
_FEW_BOUNDARIES = 4  # up to here, asking for each of them is cheaper than looking at every line
_WINDOW = 1 << 20  # bytes looked at by one call into C, which holds the interpreter lock
_HEADER_STEPS = (2_048, 32_768, 262_144)  # read on only while the header section has not ended
_MAX_FIELD = 8_192  # a longer Content-Type is cut: it names no boundary a mail reader would find
_MAX_BOUNDARY = 250  # RFC 2046 section 5.1.1 says 70; readers take more

_HEADER_END = re.compile(rb"\n(?:\r?\n|(?=--))")  # a delimiter line ends a header section as well
_DELIMITER = re.compile(rb"\n--([^\r\n]{1,%d}(?<![ \t]))[ \t]*\r?(?=\n|\Z)" % (_MAX_BOUNDARY + 2))
_FIELD = re.compile(
    rb"\ncontent-(type|transfer-encoding|disposition)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_PARAMETER = re.compile(rb';[ \t]*([^=;\s"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*+"|[^;\s]*)', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_NAMES = frozenset({b"name", b"filename"})
_UU_BEGIN = re.compile(rb"\nbegin [0-7]{3,4} [^\r\n]{1,255}\r?(?=\n([!-`])([ -`]{1,62})\r?(?:\n|\Z)|\Z)")
_UU_LINES = re.compile(rb"(?:\n[ -`]{1,63}\r?(?=\n|\Z)){1,10000}+")
_LINE_BREAKS = b"\r\n"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(_BASE64)))

_INLINE_TYPES = (b"text/plain", b"text/html")


class Slices(Protocol):
    """Content that lies elsewhere: looked at a slice at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> bytes: ...


Content = bytes | memoryview | Slices
_Delimiter = tuple[
    int, bytes, int
]  # offset of the line break before, text after "--", offset of the next one


@dataclass(frozen=True, slots=True)
class AttachmentCount:
    """`depth` counts containers around the deepest part, `parts` containers and leaves alike.

    With `too_deep`, or above `stop_above`, counting ended early and the other figures are lower bounds.
    """

    decoded_bytes: int
    depth: int
    parts: int
    too_deep: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What the header section of one part says. `boundary` is empty for leaves."""

    media_type: bytes
    encoding: bytes
    boundary: bytes
    is_attachment: bool


@dataclass(slots=True)
class _Multipart:
    """A multipart that is still open. `shadowed` is the outer level with the same boundary, or -1."""

    boundary: bytes
    shadowed: int
    depth: int
    is_digest: bool
    start: int
    has_parts: bool = False


def count(content: Content, *, stop_above: int | None = None, max_depth: int = MAX_DEPTH) -> AttachmentCount:
    """Decoded bytes of every leaf but text/plain and text/html without a file name or disposition.

    Blocking and linear; run it in a thread above 64 kB. Stops once `stop_above` bytes are passed.
    """
    scan = _Scan(content, max_depth)
    scan.open_part(-1, 0, b"text/plain")
    if scan.pass_over(len(content) if stop_above is None else stop_above):
        scan.finish()
    too_deep = scan.too_deep or scan.patience.is_over
    return AttachmentCount(scan.decoded_bytes, scan.depth, scan.parts, too_deep)


def is_one_leaf(header: bytes) -> bool:
    """Whether a message of this header section has no parts: then `count` finds no depth, and no more than
    its octets. A cheap first look, which says False where it is not sure.
    """
    lower = header.lower()
    return b"multipart/" not in lower and b"message/" not in lower


@dataclass(slots=True)
class _Patience:
    """How many more lines of a message are looked at that may delimit parts, or begin a uuencoded block."""

    delimiters: int = MAX_DELIMITERS
    uu_blocks: int = MAX_UU_BLOCKS

    @property
    def is_over(self) -> bool:
        return self.delimiters < 0 or self.uu_blocks < 0


class _Scan:
    """The stack of open multiparts and the leaf that is being passed over."""

    def __init__(self, content: Content, max_depth: int) -> None:
        self.content = content
        self.max_depth = max_depth
        self.open: list[_Multipart] = []
        self.decoded_bytes = self.depth = self.parts = 0
        self.too_deep = False
        self.patience = _Patience()
        self.levels: dict[bytes, int] = {}  # boundary -> innermost open level
        self._leaf: tuple[_Part, int] | None = None

    def open_part(self, newline: int, depth: int, media_type: bytes) -> None:
        """Read the header section after `newline`; an attached message opens at once, level after level."""
        while True:
            self.parts += 1
            self.depth = max(self.depth, depth)
            if depth > self.max_depth or self.parts > MAX_PARTS:
                self.too_deep = True
                return
            header, start = _header_section(self.content, newline)
            part = _read_header(header, media_type)
            if part.boundary:
                self._push(part, depth, start)
                return
            if not _is_attached_message(part):
                self._leaf = (part, start)
                return
            newline, depth, media_type = start - 1, depth + 1, b"text/plain"

    def pass_over(self, stop_above: int) -> bool:
        """Go through the parts of an outermost multipart; False where there is no need to go on."""
        if self.open:
            for start, text, end in _delimiters(self.content, self.open[0].start, self.levels, self.patience):
                self.meet(start, text, end)
                if self.too_deep or self.patience.is_over or self.decoded_bytes > stop_above:
                    return False
                if not self.open:
                    break  # the rest is epilogue
        return not (self.too_deep or self.patience.is_over)

    def meet(self, newline: int, text: bytes, end: int) -> None:
        """Act on a line "--text" that delimits an open multipart; what is open inside it ends unclosed."""
        is_close = text not in self.levels
        level = self.levels[text[:-2] if is_close else text]
        before = newline - 1 if newline and self.content[newline - 1 : newline] == b"\r" else newline
        self._close_leaf(before)
        self._pop(level if is_close else level + 1, before)
        if not is_close:
            multipart = self.open[level]
            multipart.has_parts = True
            media_type = b"message/rfc822" if multipart.is_digest else b"text/plain"
            self.open_part(end, multipart.depth + 1, media_type)

    def finish(self) -> None:
        """The content is over: what is open ends here."""
        self._close_leaf(len(self.content))
        self._pop(0, len(self.content))

    def _push(self, part: _Part, depth: int, start: int) -> None:
        shadowed = self.levels.get(part.boundary, -1)
        self.levels[part.boundary] = len(self.open)
        is_digest = part.media_type == b"multipart/digest"
        self.open.append(_Multipart(part.boundary, shadowed, depth, is_digest, start))

    def _pop(self, level: int, end: int) -> None:
        while len(self.open) > level:
            multipart = self.open.pop()
            if multipart.shadowed < 0:
                del self.levels[multipart.boundary]
            else:
                self.levels[multipart.boundary] = multipart.shadowed
            if not multipart.has_parts:  # its boundary never came: it is one opaque leaf
                self.decoded_bytes += max(0, end - multipart.start)

    def _close_leaf(self, end: int) -> None:
        if self._leaf is not None:
            part, start = self._leaf
            self._leaf = None
            self.decoded_bytes += _decoded_bytes(self.content, part, start, max(start, end), self.patience)


def _is_attached_message(part: _Part) -> bool:
    """An encoded one is left as a leaf: nothing is unpacked (RFC 2046 section 5.2.1 forbids it anyway)."""
    is_encoded = part.encoding in (b"base64", b"quoted-printable")
    return part.media_type in (b"message/rfc822", b"message/global") and not is_encoded


def _decoded_bytes(content: Content, part: _Part, start: int, end: int, patience: _Patience) -> int:
    if part.media_type in _INLINE_TYPES and not part.is_attachment:
        if part.media_type == b"text/html" or part.encoding == b"base64":
            return 0
        return _uuencoded(content, start, end, patience)
    if part.encoding == b"base64":
        return _base64(content, start, end)
    if part.encoding == b"quoted-printable":
        return _quoted_printable(content, start, end)
    if part.encoding in (b"x-uuencode", b"x-uue", b"uuencode"):
        return _uuencoded(content, start, end, patience)
    return end - start


def _base64(content: Content, start: int, end: int) -> int:
    letters = 0
    for position in range(start, end, _WINDOW):
        window = bytes(content[position : min(position + _WINDOW, end)])
        letters += len(window.translate(None, _NOT_BASE64))
    return letters * 3 // 4


def _quoted_printable(content: Content, start: int, end: int) -> int:
    """A window starts with the line break of the line before: it is moved to where it belongs."""
    total = 0
    for position, window in _windows(content, start - 1, end):
        is_last = position + len(window) >= end
        total += len(binascii.a2b_qp(window[1:] if is_last else window[1:] + b"\n"))
    return total


def _uuencoded(content: Content, start: int, end: int, patience: _Patience) -> int:
    """Decoded bytes of uuencoded blocks in plain text; at most 2 too many for each block."""
    total, is_inside = 0, False
    for _, window in _windows(content, start - 1, end):
        at = 0
        while at < len(window):
            if not is_inside:
                at = _uu_block(window, at, patience)
                if at < 0:
                    break
            lines = _UU_LINES.match(window, at)
            if lines is not None:
                total += _uu_letters(lines[0])
                at = lines.end()
            is_inside = lines is not None
    return total * 3 // 4


def _uu_block(window: bytes, at: int, patience: _Patience) -> int:
    """Where the lines of the next block start, -1 if there is none; its first line must keep its word."""
    while (at := window.find(b"\nbegin ", at)) >= 0:
        patience.uu_blocks -= 1
        if patience.is_over:
            return -1
        begin = _UU_BEGIN.match(window, at)
        if begin is not None and _keeps_its_word(begin[1], begin[2]):
            return begin.end()
        at += 1
    return -1


def _keeps_its_word(length: bytes | None, letters: bytes) -> bool:
    """Whether the first line is as long as it says; None: it is in the next window."""
    return length is None or len(letters) <= ((length[0] - 32) & 63) // 3 * 4 + 5


def _uu_letters(lines: bytes) -> int:
    return len(lines.translate(None, _LINE_BREAKS)) - lines.count(b"\n")


def _windows(content: Content, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Cut at line breaks: each window starts with one (the first too: it is the one before the body)."""
    position = max(start, 0)
    while position < end:
        window = bytes(content[position : min(position + _WINDOW, end)])
        if position + len(window) < end and (cut := window.rfind(b"\n")) > 0:
            window = window[:cut]
        yield position, window
        position += len(window)


def _delimiters(
    content: Content, body: int, boundaries: Mapping[bytes, int], patience: _Patience
) -> Iterator[_Delimiter]:
    """The lines that delimit one of the `boundaries`, which may change between two of them."""
    for position, window in _windows(content, body - 1, len(content)):
        if len(boundaries) <= _FEW_BOUNDARIES and not any(b"\n--" + b in window for b in boundaries):
            continue
        for match in _DELIMITER.finditer(window):
            patience.delimiters -= 1
            if patience.is_over:
                return
            text = match[1]
            if text in boundaries or (text[-2:] == b"--" and text[:-2] in boundaries):
                yield position + match.start(), text, position + match.end()


def _header_section(content: Content, newline: int) -> tuple[bytes, int]:
    """The header section after the line break at `newline` (-1: there is none), and where the body starts."""
    for size in _HEADER_STEPS:
        text = bytes(content[max(newline, 0) : newline + size])
        if newline < 0:
            text = b"\n" + text
        end = _HEADER_END.search(text)
        if end is not None:
            return text[: end.start()], newline + end.end()
        if newline + size >= len(content):
            break
    return text, min(newline + len(text), len(content))


def _read_header(header: bytes, media_type: bytes) -> _Part:
    """The three fields that matter; of doubled ones the first, as mail readers do."""
    fields: dict[bytes, bytes] = {}
    lower = header.lower()
    at = lower.find(b"\ncontent-")
    while at >= 0:
        field = _FIELD.match(header, at)
        if field is not None:
            fields.setdefault(field[1].lower(), _FOLD.sub(b"", field[2][:_MAX_FIELD]).strip())
        at = lower.find(b"\ncontent-", field.end() if field else at + 1)
    if not fields:
        return _Part(media_type, b"", b"", False)
    return _part(fields, media_type)


def _part(fields: dict[bytes, bytes], media_type: bytes) -> _Part:
    content_type = fields.get(b"type", b"")
    disposition = fields.get(b"disposition", b"")
    encoding = fields.get(b"transfer-encoding", b"").partition(b";")[0].strip().lower()
    named = content_type.partition(b";")[0].strip().lower()
    if b"/" in named:  # RFC 2045 section 5.2: what cannot be read is plain text
        media_type = named
    parameters = _parameters(content_type)
    names = parameters | _parameters(disposition)
    is_attachment = disposition[:10].lower() == b"attachment" or any(
        value and key.partition(b"*")[0] in _NAMES for key, value in names.items()
    )
    is_multipart = media_type.startswith(b"multipart/") and encoding != b"base64"
    return _Part(media_type, encoding, _boundary(parameters) if is_multipart else b"", is_attachment)


def _parameters(value: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(value):
        text = match[2]
        if text[:1] == b'"':
            text = _QUOTED_PAIR.sub(rb"\1", text[1:-1] if len(text) > 1 and text[-1:] == b'"' else text[1:])
        found.setdefault(match[1].lower(), text)
    return found


def _boundary(parameters: dict[bytes, bytes]) -> bytes:
    """RFC 2231: in one piece, or as boundary*0, boundary*1, ...; a trailing star means percent-encoded."""
    boundary = parameters.get(b"boundary") or _extended(parameters.get(b"boundary*", b""), True)
    number = 0
    while not boundary or number:
        key = b"boundary*%d" % number
        if key in parameters:
            boundary += parameters[key]
        elif key + b"*" in parameters:
            boundary += _extended(parameters[key + b"*"], number == 0)
        else:
            break
        number += 1
    boundary = boundary.rstrip(b" \t")
    return boundary if len(boundary) <= _MAX_BOUNDARY else b""


def _extended(value: bytes, has_charset: bool) -> bytes:
    text = value.split(b"'", 2)[-1] if has_charset else value
    return unquote_to_bytes(text)
