"""The rules of a chain of statements: what one must be to follow the one before (pure).

tools/verify_statements.py has the same rules for people without this program; the tests hold both to them.
Must never trust a key that was not known before the statement it signs.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailcore.attestation import Signed, id_of, is_signed

OLDEST: Final = timedelta(hours=2)
_AHEAD: Final = timedelta(minutes=5)
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


class Broken(Exception):
    """A rule is broken; the text says which, and by which statement."""


@dataclass(frozen=True, slots=True)
class Head:
    """What was seen last: its number, the SHA-256 of its text, its moment, and the public keys it names."""

    number: int
    hash: str
    at: str
    keys: Sequence[str]

    @classmethod
    def before_all(cls, keys: Sequence[str]) -> "Head":
        return cls(0, "0" * 64, "", keys)


def follow(head: Head, entry: dict[str, Any], now: datetime) -> Head:
    """The head that this statement makes, if it may follow. Raises Broken; ValueError, TypeError and KeyError
    for what is no statement.
    """
    text, number = str(entry["statement"]), head.number + 1
    told, name = json.loads(text), f"statement {number}"
    _need(entry["number"] == told["number"] == number, f"{name} is missing")
    known = {id_of(key): key for key in head.keys}
    signed = Signed(text, str(entry["key"]), str(entry["signature"]))
    _need(signed.key in known, f"{name} is signed by a key that nobody announced")
    _need(is_signed("statement", signed, known), f"{name} has a bad signature")
    _need(told["previous"] == head.hash, f"{name} does not follow the one before it: the chain is broken")
    at = told["at"]
    _need(moment(at) <= now + _AHEAD, f"{name} is of the future")
    _need(at[:13] > head.at[:13], f"{name} is not of a later hour than the one before it")
    return Head(number, hash_of(text), at, [str(key) for key in told["keys"]])


def need_recent(head: Head, now: datetime) -> None:
    """Raises Broken where the newest statement is too old, or there is none."""
    _need(head.number > 0, "the newest is too old: there is none")
    _need(now - moment(head.at) < OLDEST, f"the newest is too old: {head.at}")


def need_same(head: Head, entries: Sequence[dict[str, Any]]) -> None:
    """What the server shows now under the number of a saved head is what was seen. Raises Broken."""
    same = [hash_of(str(entry["statement"])) for entry in entries] == [head.hash]
    _need(same, f"statement {head.number} is not the one you saw: changed, replaced or dropped")


def gap(before: Head, after: Head) -> str:
    """What is to be said of the time between two that follow each other; empty where there is nothing."""
    if not before.at or moment(after.at) - moment(before.at) <= OLDEST:
        return ""
    return f"there is none between {before.at} and {after.at}: the service was down"


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def moment(text: str) -> datetime:
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)
