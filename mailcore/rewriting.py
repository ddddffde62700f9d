"""What we add to a message on its way through: trace header fields, as bytes, on top of the content.

Pure: bytes in, bytes out. Must never touch or re-serialise a byte below what it adds, and must never write
a destination, or one recipient's address, where another one can read it.
"""

import hmac
import ipaddress
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from uuid import UUID

Content = bytes | bytearray | memoryview

HEADER_CAP = 256 * 1024
_HELO_CAP = 255
_LINE_LENGTH = 78
_CHUNK = 64 * 1024

_NOT_IN_A_DOMAIN = re.compile(r"[^A-Za-z0-9._-]+")
_ADDRESS_LITERAL = re.compile(r"\[[A-Za-z0-9.:]+\]")
_CLIENT = re.compile(
    rb"Received: from [^\s(]*\s+\((?:([A-Za-z0-9._?-]+) )?\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]\)\s"
)
_FWS = rb"(?:[ \t]|\r?\n[ \t])+"
_MAYBE_FWS = rb"(?:[ \t]|\r?\n[ \t])*"
_LOOP_MARK = re.compile(
    rb"^clearpost-loop[ \t]*:"
    + _MAYBE_FWS
    + rb"v1"
    + _FWS
    + rb"([0-9a-f]{20})"
    + _FWS
    + rb"([0-9a-f]{32})[ \t]*\r?$",
    re.MULTILINE | re.IGNORECASE,
)


def received_header(
    *,
    helo: str,
    client_ip: str,
    client_name: str | None,
    by: str,
    protocol: str,
    message_id: str,
    at: datetime,
) -> bytes:
    """The Received field of RFC 5321 section 4.4, folded, ending in CRLF.

    `helo` and `client_name` come from the client and are hostile. `protocol` is a word of RFC 3848 or
    RFC 6531 (ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS). No `for` clause: it would tell one recipient of another.
    """
    parts = [
        *_from_clause(helo, client_ip, client_name),
        f"by {by}",
        f"with {protocol}",
        f"id {message_id};",
        _written(at.astimezone(UTC).replace(microsecond=0)),
    ]
    return _folded(parts)


@lru_cache(1024)  # clients come again
def _from_clause(helo: str, client_ip: str, client_name: str | None) -> tuple[str, str]:
    name = f"{_printable_domain(client_name)} " if client_name else ""
    return f"Received: from {_printable_domain(helo)}", f"({name}{_address_literal(client_ip)})"


@lru_cache(8)  # many come in one second
def _written(second: datetime) -> str:
    return format_datetime(second)


def client_of(header: bytes) -> tuple[str, str]:
    """Address and reverse name ("" where there was none in time) as `received_header` wrote them on top of a
    header section; both empty where something else stands there.
    """
    found = _CLIENT.match(header)
    return (found[2].decode("ascii"), (found[1] or b"").decode("ascii")) if found else ("", "")


def loop_mark(key: bytes, alias_id: UUID) -> bytes:
    """The header field that says "this passed this alias": opaque to everyone without `key`, ends in CRLF."""
    token, mac = _loop_token(key, alias_id)
    return b"Clearpost-Loop: v1 " + token + b" " + mac + b"\r\n"


def count_loop_marks(header: bytes, key: bytes, alias_id: UUID) -> int:
    """How many marks of this alias, made with `key`, a header section holds. Forged ones count nothing.

    Folding and letter case may have been changed by a relay on the way.
    """
    wanted = b"".join(_loop_token(key, alias_id))
    found = (match[1].lower() + match[2].lower() for match in _LOOP_MARK.finditer(header))
    return sum(hmac.compare_digest(mark, wanted) for mark in found)


def may_have_loop_mark(header: bytes) -> bool:
    """A cheap first look, so that mail without any mark costs nothing more."""
    return b"clearpost-loop" in header.lower()


def header_section(content: Content, cap: int = HEADER_CAP) -> bytes:
    """The header section with the CRLF of its last field, without the empty line; at most `cap` bytes.

    A message without an empty line is all header (RFC 5322 section 2.1).
    """
    start = bytes(content[: cap + 4])
    if start.startswith(b"\r\n"):
        return b""
    end = start.find(b"\r\n\r\n")
    return (start if end < 0 else start[: end + 2])[:cap]


def is_eight_bit(content: Content) -> bool:
    """Does the content hold a byte above 127, so that it needs 8BITMIME (RFC 6152)?"""
    if not isinstance(content, memoryview):
        return not content.isascii()
    pieces = range(0, len(content), _CHUNK)
    return any(not bytes(content[at : at + _CHUNK]).isascii() for at in pieces)


def needs_smtputf8_headers(header: bytes) -> bool:
    """Does the header section hold non-ASCII bytes, so that it needs SMTPUTF8 (RFC 6531 section 3.3)?"""
    return not header.isascii()


def _loop_token(key: bytes, alias_id: UUID) -> tuple[bytes, bytes]:
    token = hmac.digest(key, b"loop alias\0" + alias_id.bytes, "sha256")[:10].hex().encode()
    mac = hmac.digest(key, b"loop mark v1\0" + token, "sha256")[:16].hex().encode()
    return token, mac


def _printable_domain(claimed: str) -> str:
    """A claimed name fit for a header: a comment, a semicolon or a line break would end the clause."""
    capped = claimed[:_HELO_CAP]
    if _ADDRESS_LITERAL.fullmatch(capped):
        return capped
    return _NOT_IN_A_DOMAIN.sub("?", capped) or "unknown"


def _address_literal(client_ip: str) -> str:
    address = ipaddress.ip_address(client_ip.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _folded(parts: list[str]) -> bytes:
    """Joins parts with spaces, breaking before one that would pass 78 characters (RFC 5322 section 2.1.1)."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) > _LINE_LENGTH:
            lines.append(f" {part}")
        else:
            lines[-1] += f" {part}"
    return "\r\n".join(lines).encode("ascii") + b"\r\n"
