"""A From field of ours in the place of one that would be refused: "Name via alias" <token@our-domain>.

Pure: only From is replaced, and Reply-To added where there is none. Must never touch another field, show an
address as a name, or make a token from which somebody could tell an address.
"""

import base64
import hmac
import re
from email.header import Header as EncodedHeader
from typing import Final

from mailcore import content_scan
from mailcore.authenticity.author import Address, addresses
from mailcore.authenticity.canonical import Field, header_fields

_TOKEN_LENGTH: Final = 26  # base32 characters: 130 bits
_TOKEN: Final = re.compile(rf"via-[a-z2-7]{{{_TOKEN_LENGTH}}}", re.IGNORECASE | re.ASCII)
_LOOKED_AT: Final = 1024  # octets of a name, since finding its quotes takes the square of it
_LONGEST_NAME: Final = 80
_LINE_LENGTH: Final = 74

_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_SPACES: Final = re.compile(rb"\s+")
_AT_SIGNS: Final = re.compile("\\s*[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]\\s*")
_TO_ESCAPE: Final = re.compile(r'(["\\])')


def token(key: bytes, alias: str, author: str) -> str:
    """A local part that stands for who wrote to whom: the same each time, and nobody's without `key`."""
    said = f"from token v1\0{alias.lower()}\0{author.lower()}".encode()
    digest = hmac.digest(key, said, "sha256")
    return f"via-{base64.b32encode(digest).decode('ascii')[:_TOKEN_LENGTH].lower()}"


def is_token(local_part: str) -> bool:
    """Whether a local part at our domain is such a token, ours or made up: no mail is taken for any."""
    return _TOKEN.fullmatch(local_part) is not None


def rewritten(header: bytes, key: bytes, alias: str, domain: str) -> bytes | None:
    """The header section with our From in the place of the first one, each of theirs as X-Original-From,
    and a Reply-To to the first where there is none. None where there is no From.
    """
    fields = header_fields(header)
    first = next((field for field in fields if field.name == b"from"), None)
    if first is None:
        return None
    added = _from(first, key, alias, domain)
    if not any(field.name == b"reply-to" for field in fields):
        added += b"Reply-To:" + _value(first)
    pieces = []
    for field in fields:
        if field is first:
            pieces.append(added)
        pieces.append(b"X-Original-From:" + _value(field) if field.name == b"from" else field.raw)
    return b"".join(pieces)


def _value(field: Field) -> bytes:
    """As it is, its folds and its CRLF included."""
    return field.raw.partition(b":")[2]


def _from(original: Field, key: bytes, alias: str, domain: str) -> bytes:
    found = addresses(_value(original))
    author = _text(found[0]) if found else ""
    name = _spoken(_name(found[0].name) if found else "") or _spoken(author) or "Somebody"
    others = " and others" if len(found) > 1 else ""
    phrase = _phrase(f"{name[:_LONGEST_NAME].strip()}{others} via {_spoken(alias)[:_LONGEST_NAME]}")
    return f"From: {phrase}\r\n <{token(key, alias, author)}@{domain}>\r\n".encode("ascii")


def _text(address: Address) -> str:
    return f"{address.local_part.decode('utf-8', 'replace')}@{address.domain}"


def _name(octets: bytes) -> str:
    """A display name as a person reads it: quotes taken off, encoded words decoded."""
    bare = _QUOTED.sub(lambda quoted: _QUOTED_PAIR.sub(rb"\1", quoted[1]), octets[:_LOOKED_AT])
    return content_scan.from_field(b"From: " + _SPACES.sub(b" ", bare))


def _spoken(text: str) -> str:
    """On one line, without anything that is invisible, and no address: a name with an at sign in it is how
    impostors write theirs, and filters know it.
    """
    visible = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(_AT_SIGNS.sub(" at ", visible).split())


def _phrase(text: str) -> str:
    """A quoted string, or encoded words where that is not enough (RFC 2047)."""
    if text.isascii() and "=?" not in text:
        escaped = _TO_ESCAPE.sub(r"\\\1", text)
        return f'"{escaped}"'
    return EncodedHeader(text, "utf-8", _LINE_LENGTH, "From").encode(linesep="\r\n")
