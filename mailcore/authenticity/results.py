"""Authentication-Results: what we found out, written down for those behind us (RFC 8601); and fields of that
kind that somebody else has written under our name.

Pure. Must never let a value of a sender's begin a new word, clause or line, nor take time beyond linear for
what a header holds.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from mailcore.authenticity.canonical import header_fields
from mailcore.authenticity.verdicts import DkimVerdict, Verdicts
from mailcore.envelope import normalise_domain

_FIELD: Final = b"authentication-results"
_LINE_LENGTH: Final = 78
_RESULT: Final = re.compile(r"[a-z]{1,20}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_WORD: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
# Nor a semicolon: who reads the field without its grammar parts it there.
_NOT_IN_QUOTES: Final = re.compile(r"[^ !#-:<-\[\]-~]+")
_LONGEST_NAME: Final = 253
_LONGEST_REASON: Final = 60

_SPACE: Final = re.compile(rb"(?:[ \t]|\r?\n)+")
_COMMENT_PART: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_FLAT_COMMENT: Final = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_TOKEN: Final = re.compile(rb"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f]+")
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)


def authentication_results(authserv_id: str, verdicts: Verdicts) -> bytes:
    """The field, folded, with CRLF."""
    clauses = [words for words in _clauses(verdicts) if words]
    lines = [f"Authentication-Results: {authserv_id};"]
    for number, words in enumerate(clauses, 1):
        ends = ";" if number < len(clauses) else ""
        lines += _folded([*words[:-1], words[-1] + ends])
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def _clauses(verdicts: Verdicts) -> Iterator[list[str]]:
    spf, dmarc, arc = verdicts.spf, verdicts.dmarc, verdicts.arc
    yield [_result("spf", spf.result), *_named("smtp.helo" if spf.of_helo else "smtp.mailfrom", spf.domain)]
    yield from ([_of_signature(each) for each in verdicts.dkim] or [["dkim=none"]])
    yield [
        _result("dmarc", dmarc.result),
        *_named("header.from", dmarc.from_domain),
        *([f"policy.dmarc={dmarc.policy}"] if dmarc.policy in ("none", "quarantine", "reject") else ()),
    ]
    yield [_result("arc", arc.result)] if arc.sets else []


def _of_signature(found: DkimVerdict) -> list[str]:
    algorithm = [f"header.a={found.algorithm}"] if _WORD.fullmatch(found.algorithm) else []
    reason = _NOT_IN_QUOTES.sub(" ", found.reason)[:_LONGEST_REASON].strip()
    return [
        _result("dkim", found.result),
        *([f'reason="{reason}"'] if reason else ()),
        *_named("header.d", found.domain),
        *_named("header.s", found.selector),
        *algorithm,
    ]


def _result(method: str, result: str) -> str:
    return f"{method}={result if _RESULT.fullmatch(result) else 'permerror'}"


def _named(what: str, name: str) -> list[str]:
    """A domain or a selector in A-labels; left out where it is none that DNS could hold."""
    text = name if name.isascii() else normalise_domain(name) or ""
    return [f"{what}={text}"] if len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) else []


def _folded(words: Iterable[str]) -> list[str]:
    """One clause: a line of its own, and more where it is long (RFC 5322 section 2.1.1)."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= _LINE_LENGTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return lines


# --- fields under our name ---


def forged(header: bytes, authserv_id: str) -> list[tuple[int, int]]:
    """Where in a header section (CRLF line ends) whole Authentication-Results fields stand that claim to be
    ours: (start, end), top to bottom. Nobody but us may write them, and we write none before we send.
    """
    if _FIELD not in header.lower():
        return []
    ours = _same(authserv_id)
    found: list[tuple[int, int]] = []
    at = 0
    for field in header_fields(header):
        end = at + len(field.raw)
        if field.name == _FIELD and _author(field.raw.partition(b":")[2]) == ours:
            found.append((at, min(end, len(header))))
        at = end
    return found


def without_forged(header: bytes, authserv_id: str) -> bytes:
    """The header section without those fields; all other bytes are what they were."""
    pieces, at = [], 0
    for start, end in forged(header, authserv_id):
        pieces.append(header[at:start])
        at = end
    return b"".join([*pieces, header[at:]]) if pieces else header


def _author(value: bytes) -> str:
    """Its authserv-id (section 2.2), which is a token or a quoted string behind comments and folds."""
    at = _behind_comments(value)
    if match := _QUOTED.match(value, at):
        return _same(_QUOTED_PAIR.sub(rb"\1", match[1]).decode("utf-8", "replace"))
    match = _TOKEN.match(value, at)
    return _same(match[0].decode("utf-8", "replace")) if match else ""


def _same(name: str) -> str:
    """What two spellings of one domain share."""
    bare = name.strip().removesuffix(".").lower()
    return bare if bare.isascii() else normalise_domain(bare) or bare


def _behind_comments(value: bytes) -> int:
    """Where the first word begins; the end where a comment is never closed."""
    at = 0
    while at < len(value):
        if match := _SPACE.match(value, at) or _FLAT_COMMENT.match(value, at):
            at = match.end()
        elif value[at : at + 1] == b"(":
            at = _end_of_comment(value, at)
        else:
            break
    return at


def _end_of_comment(value: bytes, start: int) -> int:
    depth = 0
    for part in _COMMENT_PART.finditer(value, start):
        depth += {b"(": 1, b")": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return len(value)
