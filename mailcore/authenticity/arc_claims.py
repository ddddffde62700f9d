"""What a hop says it saw of a message: an ARC-Authentication-Results field, read (RFC 8601 section 2.2).

Pure. Must never find a result in a comment, in a quoted string or in a field that does not follow the
grammar: what stands there may be a sender's own words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailcore.authenticity.tag_lists import domain

MOST_SIGNERS: Final = 10

_TOKEN: Final = re.compile(r'\\.|[()"\\]|[^()"\\]+')
_AROUND_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_PLAIN: Final = re.compile(r"[\w.@-]*")


@dataclass(frozen=True, slots=True)
class Claims:
    """`author`: the domain for which DMARC passed, or empty. `signers`: domains whose signature passed."""

    author: str = ""
    signers: tuple[str, ...] = ()


def claims(value: bytes) -> Claims:
    """Of what stands behind the colon of the field."""
    try:
        text = _without_comments(value.replace(b"\r\n", b"").decode())
    except UnicodeDecodeError:
        return Claims()
    results = list(_results(text)) if text is not None else []
    policies = [(result, properties) for method, result, properties in results if method == "dmarc"]
    author = ""
    if len(policies) == 1 and policies[0][0] == "pass":
        author = _domain_of(policies[0][1].get("header.from", ""))
    signers = [
        _domain_of(properties.get("header.d") or properties.get("header.i", ""))
        for method, result, properties in results
        if method == "dkim" and result == "pass"
    ]
    return Claims(author, tuple(dict.fromkeys(signer for signer in signers if signer))[:MOST_SIGNERS])


def _results(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, result and properties of each clause; i= and the name of the hop are none."""
    for clause in text.lower().split(";"):
        words = _AROUND_EQUALS.sub("=", clause).split()
        method, equals, result = words[0].partition("=") if words else ("", "", "")
        if equals:
            pairs = (word.partition("=") for word in words[1:])
            yield method.partition("/")[0], result, {name: value for name, _, value in pairs}


def _without_comments(text: str) -> str | None:
    """The text with comments gone and quoted strings as their content, or as `?` where that is no plain word.
    None where either is not closed.
    """
    kept: list[str] = []
    quoted: list[str] | None = None
    depth = 0
    for token in _TOKEN.findall(text):
        if quoted is not None and token == '"':
            content = "".join(quoted)
            kept.append(content if _PLAIN.fullmatch(content) else "?")
            quoted = None
        elif quoted is not None:
            quoted.append(token)
        elif token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0 and token == '"':
            quoted = []
        elif depth == 0:
            kept.append(token)
        if depth < 0:
            return None
    return "".join(kept) if quoted is None and depth == 0 else None


def _domain_of(value: str) -> str:
    """Of a domain, an address or an i=."""
    return domain(value.rpartition("@")[2]) or ""
