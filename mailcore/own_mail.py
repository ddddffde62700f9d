"""The bytes of mail that we write ourselves (DSNs, letters): header fields and text parts, 7-bit, CRLF only.

Pure and deterministic. Must never let a value end its line, and never touch a message that passes through.
"""

import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from uuid import UUID

_LINE_CAP = 998  # RFC 5322 section 2.1.1
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TEXTS = frozenset({"Subject"})  # fields of ours that hold what somebody wrote
_SEVEN_BIT_LINE = re.compile(rb"[\t -~]*")


def field(name: str, value: str) -> bytes:
    """One header field with its CRLF. Control characters become "?"; an EAI address stays UTF-8, which needs
    SMTPUTF8; a text never needs it (RFC 2047).
    """
    shown = one_line(value)
    if name in _TEXTS and not (shown.isascii() and "=?" not in shown):
        shown = Header(shown, "utf-8", 74, name).encode(linesep="\r\n")
    return f"{name}: {shown}\r\n".encode()


def fields(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(field(name, value) for name, value in pairs)


def one_line(value: str) -> str:
    """The value with each run of control characters and line breaks replaced by a "?"."""
    return _CONTROL.sub("?", value)


def date_time(at: datetime) -> str:
    """RFC 5322 section 3.3, in UTC."""
    return format_datetime(at.astimezone(UTC))


def text_part(text: str) -> bytes:
    """A text/plain entity: its header, the empty line, the text with CRLF line ends."""
    lines = [line.encode("utf-8", "replace") for line in text.strip("\n").split("\n")]
    charset = "us-ascii" if all(line.isascii() for line in lines) else "utf-8"
    return encoded_part(f"text/plain; charset={charset}", lines)


def encoded_part(content_type: str, lines: list[bytes]) -> bytes:
    """An entity of these lines: as they are where 7bit allows it (RFC 2045 section 2.7), else encoded."""
    plain = all(len(line) <= _LINE_CAP and _SEVEN_BIT_LINE.fullmatch(line) for line in lines)
    encoding = "7bit" if plain else "quoted-printable"
    body = lines if plain else [_quoted_printable(line) for line in lines]
    head = fields([("Content-Type", content_type), ("Content-Transfer-Encoding", encoding)])
    return head + b"\r\n" + b"".join(line + b"\r\n" for line in body)


def _quoted_printable(line: bytes) -> bytes:
    """RFC 2045 section 6.7; a CR or LF inside the line is encoded like any other octet."""
    return binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n")


def letter(
    *,
    to: str,
    subject: str,
    lines: Sequence[str],
    service_name: str,
    from_address: str,
    letter_id: UUID,
    at: datetime,
) -> bytes:
    """A whole message from us to a person, signed with the service's name."""
    head = fields(
        [
            ("From", formataddr((one_line(service_name), from_address))),
            ("To", f"<{to}>"),
            ("Subject", subject),
            ("Date", date_time(at)),
            ("Message-ID", f"<{letter_id}@{from_address.rpartition('@')[2]}>"),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
        ]
    )
    text = [one_line(line) for line in lines]
    return head + text_part("\n".join([*text, "", "-- ", one_line(service_name)]))
