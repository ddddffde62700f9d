"""One pass over the chunks of DATA as they arrive: what is refused before anything is stored.

Also reads Subject and From out of the header section for the event log. Must give the same answer however
the content is cut into chunks, never loop over lines, and never use the stdlib email parser, whose time
for a hostile Subject is quadratic.
"""

import binascii
import re
from io import IncrementalNewlineDecoder

from mailcore import replies
from mailcore.replies import Reply

MAX_LINE = 65_536  # octets without the line break; RFC 5321 says 998, real mail does not keep to it
MAX_HEADER = 262_144
MAX_RECEIVED = 50
MAX_FIELDS = 2_000  # of a header section: each costs all who read it, and real mail has a hundred or two
MAX_FIELD = 4_096  # octets of a field looked at, before decoding
MAX_TEXT = 998  # characters shown, after decoding

_RECEIVED = re.compile(rb"\nreceived[ \t]*:")
_FIELD_END = re.compile(rb"\n(?![ \t])")
_FIELD_BODY = re.compile(rb"[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)")
_FOLD = re.compile(rb"(?:\r?\n[ \t]+)+")
_ENCODED_WORD = re.compile(rb"=\?([^?\s]{1,50})\?([bBqQ])\?([^?]*)\?=")
# Line breaks, other controls, bidirectional overrides and lone surrogates: never raw in a log.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Named here because Python's codec lookup would import, and remember, any name a sender makes up.
_SAME_NAME = (
    *(
        "utf-8",
        "utf-7",
        "utf-16",
        "ascii",
        "koi8-r",
        "koi8-u",
        "gbk",
        "gb18030",
        "big5",
        "big5-hkscs",
        "tis-620",
    ),
    *("shift_jis", "euc-jp", "iso-2022-jp", "cp932", "euc-kr", "iso-2022-kr", "cp437", "cp850", "cp866"),
    *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
    *(f"cp125{page}" for page in range(9)),
)
_OTHER_NAMES = {
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "latin1": "iso-8859-1",
    "iso-8859-8-i": "iso-8859-8",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "macintosh": "mac-roman",
}
_CODECS = (
    {name: name for name in _SAME_NAME}
    | {f"windows-125{page}": f"cp125{page}" for page in range(9)}
    | _OTHER_NAMES
)


class ContentScan:
    """Feed it every chunk of dot-unstuffed content, then ask `finish` for the refusal, if any."""

    def __init__(self) -> None:
        self.size = 0
        self._head = bytearray()  # the content so far, until its header section is known
        self._header: bytes | None = None
        self._header_too_large = False
        # What it decodes is thrown away. It notes which line breaks there were: one pass, not three counts.
        self._breaks = IncrementalNewlineDecoder(None, translate=False)
        self._line_length = 0  # since the last LF, its CR included
        self._has_nul = self._has_long_line = False

    @property
    def header(self) -> bytes:
        """The header section without the empty line; cut after 256 kB + 1 octet."""
        return bytes(self._head[: MAX_HEADER + 1]) if self._header is None else self._header

    @property
    def received_count(self) -> int:
        """Received fields in the header section: the hops this message has made (RFC 5321 section 6.3)."""
        return len(_RECEIVED.findall(b"\n" + self.header.lower()))

    @property
    def _field_count(self) -> int:
        return len(_FIELD_END.findall(self.header))

    def feed(self, chunk: bytes) -> None:
        """Look at the next octets; a few calls into C whatever they hold."""
        self.size += len(chunk)
        if self._header is None:
            self._feed_header(chunk)
        if b"\0" in chunk:
            self._has_nul = True
        self._breaks.decode(chunk.decode("latin-1"))
        self._feed_lines(chunk)

    def finish(self) -> Reply | None:
        """The content is over: why it is refused, or None. The worst reason comes first."""
        if self._header is None:
            self._end_header(len(self._head))
        self._breaks.decode("", final=True)
        if self._breaks.newlines not in (None, "\r\n"):
            return replies.BARE_LINE_BREAK
        if self._has_nul:
            return replies.HAS_NUL
        if self._has_long_line or self._line_length > MAX_LINE:
            return replies.LINE_OF_CONTENT_TOO_LONG
        if self._header_too_large:
            return replies.HEADER_TOO_LARGE
        if self._field_count > MAX_FIELDS:
            return replies.TOO_MANY_FIELDS
        return replies.LOOP if self.received_count > MAX_RECEIVED else None

    def _feed_header(self, chunk: bytes) -> None:
        head, known = self._head, len(self._head)
        head += chunk[: MAX_HEADER + 2 - known]
        if head.startswith(b"\r\n"):
            self._end_header(0)
        elif (end := head.find(b"\r\n\r\n", max(0, known - 3))) >= 0:
            self._end_header(end + 2)
        elif len(head) == MAX_HEADER + 2:
            self._end_header(MAX_HEADER + 1)

    def _end_header(self, length: int) -> None:
        self._header = bytes(self._head[: min(length, MAX_HEADER + 1)])
        self._header_too_large = length > MAX_HEADER
        self._head.clear()

    def _feed_lines(self, data: bytes) -> None:
        first = data.find(b"\n")
        if first < 0:
            self._line_length += len(data)
        else:
            last = data.rfind(b"\n")
            if self._line_length + first > MAX_LINE + 1 or _has_wide_gap(data, first, last):
                self._has_long_line = True
            self._line_length = len(data) - last - 1
        if self._line_length > MAX_LINE + 1:
            self._has_long_line = True


def subject(header: bytes) -> str:
    """The Subject as a person reads it, at most 998 characters, on one line; empty if there is none."""
    return _shown(_field(header, b"subject"))


def from_field(header: bytes) -> str:
    """The From field as a person reads it, at most 998 characters, on one line; empty if there is none."""
    return _shown(_field(header, b"from"))


def subject_forms(header: bytes) -> tuple[str, ...]:
    """The Subject as it is read and as it is written, which differ where words of it are encoded."""
    return _forms(_field(header, b"subject"))


def from_forms(header: bytes) -> tuple[str, ...]:
    """The same of From."""
    return _forms(_field(header, b"from"))


def _forms(value: bytes) -> tuple[str, ...]:
    read, written = _shown(value), _as_text(value)
    return (read,) if read == written else (read, written)


def _has_wide_gap(data: bytes, newline: int, last: int) -> bool:
    """Whether two line breaks lie too far apart; jumps as far as a line may reach."""
    while newline < last and last - newline > MAX_LINE + 2:
        newline = data.rfind(b"\n", newline + 1, newline + MAX_LINE + 3)
        if newline < 0:
            return True
    return False


def _field(header: bytes, name: bytes) -> bytes:
    """The unfolded body of the first field of that name, cut after 4 kB."""
    lines = b"\n" + header
    lower = lines.lower()
    at = lower.find(b"\n" + name)
    while at >= 0:
        start = at + 1 + len(name)
        body = _FIELD_BODY.match(lines[start : start + MAX_FIELD])
        if body is not None:
            return _FOLD.sub(b" ", body[1]).strip()
        at = lower.find(b"\n" + name, start)
    return b""


def _shown(value: bytes) -> str:
    text = _decoded(value) if b"=?" in value else _as_text(value)
    if not text.isprintable():
        text = _INVISIBLE.sub(_escaped, text)
    return text[:MAX_TEXT]


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _as_text(raw: bytes) -> str:
    """RFC 6532 text; octets that are no UTF-8 are shown as \\xNN."""
    return raw.decode("utf-8", "backslashreplace")


def _decoded(value: bytes) -> str:
    """RFC 2047: neighbours of one charset are joined before decoding, as many a sender cuts characters."""
    parts: list[str] = []
    charset, joined, end = "", b"", 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        name, octets = _word(word)
        if between.strip() or not charset or name != charset:
            parts.append(_in_charset(joined, charset))
            parts.append(_as_text(between) if between.strip() or not charset or not name else "")
            joined = b""
        charset, joined, end = name, joined + octets, word.end()
    parts.append(_in_charset(joined, charset))
    return "".join(parts) + _as_text(value[end:])


def _word(word: re.Match[bytes]) -> tuple[str, bytes]:
    """Codec and octets of an encoded word; no codec and the word itself where it cannot be read."""
    codec = _CODECS.get(word[1].partition(b"*")[0].decode("latin-1").lower(), "")
    if not codec:
        return "", word[0]
    try:
        if word[2] in b"bB":
            return codec, binascii.a2b_base64(word[3] + b"==")
        return codec, binascii.a2b_qp(word[3], header=True)
    except binascii.Error:
        return "", word[0]


def _in_charset(octets: bytes, codec: str) -> str:
    if not codec:
        return _as_text(octets)
    return octets.decode(codec, "replace")
