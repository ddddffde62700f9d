"""A message as somebody saved it: its bytes as they came over the wire, and who seems to have sent it.

Must never take something else for mail without saying so, nor change a byte silently.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailcore import rewriting
from mailcore.authenticity.canonical import Field, header_fields
from mailcore.envelope import MAX_PATH_OCTETS
from mailcore.plans import LARGEST_MESSAGE

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NAME: Final = re.compile(rb"[!-9;-~]+")
_MAIL_HAS: Final = frozenset({b"from", b"received", b"date", b"subject", b"message-id", b"return-path"})
_IP: Final = re.compile(r"[\[(](?:IPv6:)?([0-9A-Fa-f:.]{2,45})[\])]", re.IGNORECASE)
_FROM_CLAUSE: Final = re.compile(r"\s*from\s+(\S{1,255})(.*?)(?:\sby\s|\Z)", re.DOTALL | re.IGNORECASE)
_HELO: Final = re.compile(r"\bhelo[ =]([^\s()]{1,255})", re.IGNORECASE)
_RETURN_PATH: Final = re.compile(r"\s*<([^<>]*)>\s*")
_OUTLOOK: Final = b"\xd0\xcf\x11\xe0"


class NoMail(Exception):
    """The file holds no message that could be read; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class SavedMail:
    """`ip`, `helo` and `reverse_path` as its header tells them, None where it does not; "" is the null
    reverse-path. `notes` say what was changed on reading.
    """

    content: bytes
    header: bytes
    ip: str | None
    helo: str | None
    reverse_path: str | None
    notes: tuple[str, ...]


def read(file: Path) -> SavedMail:
    """Raises NoMail, OSError."""
    with file.open("rb") as opened:
        raw = opened.read(LARGEST_MESSAGE + 1)
    if len(raw) > LARGEST_MESSAGE:
        raise NoMail(f"it is larger than any message that we take ({LARGEST_MESSAGE} octets)")
    content, notes = _as_sent(raw)
    header = rewriting.header_section(content)
    fields = header_fields(header)
    _insist_on_mail(raw, fields)
    return SavedMail(content, header, *_client(fields), _reverse_path(fields), tuple(notes))


def _as_sent(raw: bytes) -> tuple[bytes, list[str]]:
    notes = []
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
        notes.append("the first line was left out: it is of a mailbox file, not of the message")
    if _BARE_LF.search(raw):
        raw = _BARE_LF.sub(b"\r\n", raw)
        notes.append("lines end in LF, as programs save them; they were read as CRLF, as they are sent")
    if raw and not raw.endswith(b"\r\n"):
        raw += b"\r\n"
        notes.append("the last line has no end; it was given one")
    return raw, notes


def _insist_on_mail(raw: bytes, fields: list[Field]) -> None:
    if not raw:
        raise NoMail("it is empty")
    if raw.startswith(_OUTLOOK):
        raise NoMail("it is a message as Outlook keeps it: save it as .eml, or show its source and save that")
    if not fields or not _NAME.fullmatch(fields[0].name):
        raise NoMail("its first line is no header field, such as `Received: ...` or `From: ...`")
    if not any(field.name in _MAIL_HAS for field in fields):
        raise NoMail("none of its first lines is From, Date, Subject or another field that mail has")


def _client(fields: list[Field]) -> tuple[str | None, str | None]:
    """Of the topmost Received field that names an IP (RFC 5321 section 4.4, and how others write it)."""
    for field in fields:
        clause = _FROM_CLAUSE.match(_text(field)) if field.name == b"received" else None
        if clause and (ip := _first_ip(clause[0])):
            said = _HELO.search(clause[2])
            return ip, (said[1] if said else clause[1]).strip("[]()")
    return None, None


def _first_ip(text: str) -> str | None:
    for match in _IP.finditer(text):
        try:
            return str(ipaddress.ip_address(match[1]))
        except ValueError:
            continue
    return None


def _reverse_path(fields: list[Field]) -> str | None:
    first = next((field for field in fields if field.name == b"return-path"), None)
    match = _RETURN_PATH.fullmatch(_text(first)) if first else None
    return match[1] if match and len(match[1]) <= MAX_PATH_OCTETS else None


def _text(field: Field) -> str:
    return field.raw.partition(b":")[2].replace(b"\r\n", b"").decode("utf-8", "replace")
