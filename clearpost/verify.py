"""`clearpost verify`: fetch a server's statements and hold them to the rules and to what was seen last.

Must never write a head that did not pass.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from clearpost.progress import complain, say
from clearpost.statement_rules import Broken, Head, follow, gap, moment, need_recent, need_same
from mailcore.clock import Clock

GOOD, BAD, USAGE, UNREACHABLE = 0, 1, 2, 3
_PATIENCE: Final = 60.0
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Found:
    """`first` is the number that was checked first; 0: nothing new since the saved head."""

    head: Head
    first: int = 0
    notes: list[str] = field(default_factory=list)


class Statements:
    """What a server says under /statements."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self._url = f"{url.rstrip('/')}/statements"
        self._client = client

    def keys(self) -> list[str]:
        return [str(each["key"]) for each in self._data("/keys")]

    def one(self, number: int) -> list[dict[str, Any]]:
        return self._data(f"?after={number - 1}&limit=1")

    def after(self, number: int) -> Iterator[dict[str, Any]]:
        while page := self._data(f"?after={number}&limit={_AT_ONCE}"):
            yield from page
            number += len(page)

    def _data(self, path: str) -> list[dict[str, Any]]:
        answer = self._client.get(self._url + path, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return list(answer.json()["data"])


def main(url: str, file: Path | None, *, as_json: bool) -> int:
    """0 all follow each other, 1 not and why, 2 the file is none of ours, 3 the server does not answer."""
    try:
        saved = _saved(file) if file and file.exists() else None
    except (ValueError, TypeError, OSError):
        complain(f"{file} holds no head of statements: name another file")
        return USAGE
    try:
        with httpx.Client(timeout=_PATIENCE) as client:
            found = check(Statements(url, client), saved, Clock().now())
    except (Broken, AttributeError, KeyError, TypeError, ValueError) as reason:
        return _failed(
            str(reason) if isinstance(reason, Broken) else "this is no list of statements", as_json
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        complain(f"{url} does not answer as it should ({type(error).__name__})")
        return UNREACHABLE
    if file:
        file.write_text(json.dumps(asdict(found.head)), encoding="utf-8")
    say(_document(found) if as_json else _text(found))
    return GOOD


def check(server: Statements, saved: Head | None, now: datetime) -> Found:
    """Everything since the saved head, or since the first. Raises Broken, httpx.HTTPError."""
    if saved:
        need_same(saved, server.one(saved.number))
    found = Found(saved or Head.before_all(server.keys()))
    for entry in server.after(found.head.number):
        head = follow(found.head, entry, now)
        found.notes += filter(None, [gap(found.head.at, head.at)])
        found.first = found.first or head.number
        found.head = head
    need_recent(found.head, now)
    found.notes += filter(None, [gap(found.head.at, now.isoformat())])
    return found


def _saved(file: Path) -> Head:
    head = Head(**json.loads(file.read_text(encoding="utf-8")))
    if not isinstance(head.number, int) or head.number < 1:
        raise ValueError("no number")
    moment(head.at)
    return head


def _failed(reason: str, as_json: bool) -> int:
    if as_json:
        say(json.dumps({"ok": False, "reason": reason}))
    else:
        complain(f"FAILED: {reason}")
    return BAD


def _text(found: Found) -> str:
    new = f"checked now from {found.first} on" if found.first else "nothing is new"
    line = f"ok: statements 1 to {found.head.number} follow each other, {new}"
    notes = [f"  note: {note}" for note in found.notes]
    return "\n".join([*notes, f"  {line}; the newest is of {found.head.at}"])


def _document(found: Found) -> str:
    return json.dumps(
        {"ok": True, "first": found.first, "head": asdict(found.head), "notes": found.notes}, indent=2
    )
