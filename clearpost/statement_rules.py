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
_HOUR: Final = timedelta(hours=1)
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"
_SHOWN: Final = "%Y-%m-%dT%H:00Z"


class Broken(Exception):
    """A rule is broken; the text says which, and by which statement."""


@dataclass(frozen=True, slots=True)
class Head:
    """What was seen last: its number, the SHA-256 of its text, its moment, and the public keys and the newest
    canary that it names (`number` and `sha256`; None where none was published).
    """

    number: int
    hash: str
    at: str
    keys: Sequence[str]
    canary: dict[str, Any] | None

    @classmethod
    def before_all(cls, keys: Sequence[str]) -> "Head":
        return cls(0, "0" * 64, "", keys, None)


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
    was, canary = head.canary, told.get("canary")
    goes_on = not was or canary == was or (canary and canary["number"] > was["number"])
    _need(goes_on, f"{name} changes or drops a canary")
    return Head(number, hash_of(text), at, [str(key) for key in told["keys"]], canary)


def need_recent(head: Head, now: datetime) -> None:
    """Raises Broken where the newest statement is too old, or there is none."""
    _need(head.number > 0, "the newest is too old: there is none")
    _need(now - moment(head.at) < OLDEST, f"the newest is too old: {head.at}")


def need_same(head: Head, entries: Sequence[dict[str, Any]]) -> None:
    """What the server shows now under the number of a saved head is what was seen. Raises Broken."""
    same = [hash_of(str(entry["statement"])) for entry in entries] == [head.hash]
    _need(same, f"statement {head.number} is not the one you saw: changed, replaced or dropped")


def gap(before: str, after: str) -> str:
    """Which clock hours between these two moments have no statement; empty where none is missing."""
    if not before:
        return ""
    first, end = (moment(f"{text[:13]}:00:00Z") for text in (before, after))
    first += _HOUR
    if end <= first:
        return ""
    return f"no statement from {first:{_SHOWN}} to {end:{_SHOWN}}"


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def moment(text: str) -> datetime:
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def _need(condition: object, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)
