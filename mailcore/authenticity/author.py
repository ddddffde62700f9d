"""Who wrote a message, by its From fields: addresses out of raw header bytes (RFC 5322 section 3.4).

Pure and linear in time. Must never hide an address that a mail program could show: where the grammar is
broken, everything that looks like one counts. Must never use the stdlib email parser, which decodes encoded
words into addresses and can be made to take minutes.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from mailcore.authenticity.canonical import Field, header_fields
from mailcore.envelope import MAX_DOMAIN_OCTETS, normalise_domain
from mailcore.values import value

LONGEST_FIELD: Final = (
    32 * 1024
)  # octets looked at; RFC 5322 knows no such field, and no mail program shows it
MOST_ADDRESSES: Final = 100
MOST_FIELDS: Final = 5  # of a kind that must be there once

_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TOKEN: Final = re.compile(
    rb"(?P<literal>\[[^\[\]\\]*+\])"
    rb"|(?P<word>[^\x00-\x20\"(),.:;<>@\[\]\\]++)"
    rb"|(?P<special>[\x00-\xff])",
    re.DOTALL,
)
# What nearly all From fields are: a name of plain words or none, one address, in brackets or alone.
_PLAIN: Final = re.compile(
    rb"[ \t\r\n]*+(?:(?P<name>[A-Za-z0-9 \t\r\n]*+)<)?"
    rb"(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++)@(?P<domain>[A-Za-z0-9.-]++)(?(name)>)[ \t\r\n]*+"
)
_COMMENT_PART: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_IN_DNS: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}")


@value
class Address:
    """One address as it stands in a field. `domain` in A-labels, empty where it has none that DNS could hold;
    `name` is the display name's octets, spaces made one, encoded words and quotes left as they are.
    """

    local_part: bytes
    domain: str
    name: bytes = b""


@value
class Authors:
    """Of all From fields, in order. `fields`: how many there are; RFC 5322 wants one. `more`: there is more
    than is read, so others may stand there.
    """

    addresses: tuple[Address, ...] = ()
    fields: int = 0
    more: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(each.domain for each in self.addresses if each.domain))


def authors(header: bytes) -> Authors:
    """Of a header section with CRLF line ends."""
    return authors_of([field for field in header_fields(header) if field.name == b"from"])


def authors_of(from_fields: Sequence[Field]) -> Authors:
    values = [field.raw.partition(b":")[2] for field in from_fields[:MOST_FIELDS]]
    found = [addresses(value) for value in values]
    more = (
        len(from_fields) > MOST_FIELDS
        or any(len(value) > LONGEST_FIELD for value in values)
        or any(len(each) == MOST_ADDRESSES for each in found)
    )
    return Authors(tuple(address for each in found for address in each), len(from_fields), more)


def addresses(value: bytes) -> tuple[Address, ...]:
    """Of an address list: mailboxes, those inside groups too."""
    if (plain := _PLAIN.fullmatch(value)) and len(value) <= LONGEST_FIELD:
        name = b" ".join((plain["name"] or b"").split())
        return (Address(plain["local"], _a_labels(plain["domain"].strip(b".")), name),)
    found: list[Address] = []
    for element in _elements(_tokens(value[:LONGEST_FIELD])):
        found += _of_element(element)
        if len(found) >= MOST_ADDRESSES:
            break
    return tuple(found[:MOST_ADDRESSES])


Token = tuple[str, bytes, bool]  # kind, octets, whether white space or a comment stood before it


def _tokens(value: bytes) -> Iterator[Token]:
    """Comments and white space left out. What is opened and never closed is an octet like another; nor is
    any later one of its kind closed then, and to look once for each kind keeps this linear.
    """
    at, spaced = 0, False
    closed = {b"(": True, b'"': True}
    while at < len(value):
        first = value[at : at + 1]
        if closed.get(first):
            end = _end_of_comment(value, at) if first == b"(" else _end(_QUOTED, value, at)
            closed[first] = end is not None
            if end is not None and first == b'"':
                yield "quoted", value[at:end], spaced
            if end is not None:
                at, spaced = end, first == b"("
                continue
        if space := _SPACE.match(value, at):
            at, spaced = space.end(), True
            continue
        match = _TOKEN.match(value, at)
        assert match is not None  # its last branch takes any octet
        yield str(match.lastgroup), match[0], spaced
        at, spaced = match.end(), False


def _end(pattern: re.Pattern[bytes], value: bytes, at: int) -> int | None:
    match = pattern.match(value, at)
    return match.end() if match else None


def _end_of_comment(value: bytes, start: int) -> int | None:
    depth = 0
    for part in _COMMENT_PART.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return None


def _elements(tokens: Iterator[Token]) -> Iterator[list[Token]]:
    """What stands between commas; the name of a group and its semicolon end one too."""
    element: list[Token] = []
    inside = False
    for token in tokens:
        kind, text, _ = token
        if kind == "special" and text in b"<>":
            inside = text == b"<"
        if kind == "special" and text in b",;:" and not inside:
            yield element
            element = []
        else:
            element.append(token)
    yield element


def _of_element(element: list[Token]) -> list[Address]:
    """`name <a@b>`, or `a@b`. Where there are several, each of them."""
    opened = [index for index, token in enumerate(element) if token[:2] == ("special", b"<")]
    if not opened:
        return _plain(element)
    name = _text(element[: opened[0]])
    found = []
    for start, end in zip(opened, [*opened[1:], len(element)], strict=True):
        inside = element[start + 1 : end]
        closed = next((i for i, token in enumerate(inside) if token[:2] == ("special", b">")), len(inside))
        found += [Address(each.local_part, each.domain, name) for each in _in_brackets(inside[:closed])]
    return found or _plain(element)


def _in_brackets(tokens: list[Token]) -> list[Address]:
    """A source route stands before its address (RFC 5322 section 4.4)."""
    is_route = bool(tokens) and tokens[0][:2] == ("special", b"@")
    return _plain(tokens)[-1:] if is_route else _plain(tokens)


def _text(tokens: list[Token]) -> bytes:
    return b"".join((b" " if spaced else b"") + text for _, text, spaced in tokens).strip()


def _plain(tokens: list[Token]) -> list[Address]:
    """Each local part, "@" and domain among the tokens, whatever stands between them."""
    at_signs = (index for index, token in enumerate(tokens) if token[:2] == ("special", b"@"))
    return [
        Address(_local_part(tokens, index), _domain(tokens, index))
        for index in islice(at_signs, MOST_ADDRESSES)
    ]


def _local_part(tokens: list[Token], at_sign: int) -> bytes:
    """The words and dots that end right there."""
    parts: list[bytes] = []
    for index in range(at_sign - 1, -1, -1):
        kind, text, _ = tokens[index]
        if kind == "special" and text != b".":
            break
        if parts and kind != "special" and parts[-1] != b".":
            break  # two words without a dot: the first one belongs to something else
        parts.append(text)
    return b"".join(reversed(parts))


def _domain(tokens: list[Token], at_sign: int) -> str:
    """The words and dots that begin right there, in A-labels; nothing for an address literal."""
    parts: list[bytes] = []
    for index in range(at_sign + 1, len(tokens)):
        kind, text, _ = tokens[index]
        is_dot = (kind, text) == ("special", b".")
        if (kind != "word" and not is_dot) or (parts and not is_dot and parts[-1] != b"."):
            break
        parts.append(text)
    return _a_labels(b"".join(parts).strip(b"."))


def _a_labels(name: bytes) -> str:
    try:
        text = name.decode().lower()
    except UnicodeDecodeError:
        return ""
    if len(text) > MAX_DOMAIN_OCTETS:
        return ""
    if text.isascii():
        return text if _IN_DNS.fullmatch(text) else ""
    return normalise_domain(text) or ""
