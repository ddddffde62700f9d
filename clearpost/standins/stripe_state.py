"""What the stand-in for Stripe knows: every object in Stripe's own shape, and the events of their changes.

Fields whose name begins with `_` are ours alone and never shown. With a file it survives a restart, as the
database on the other side does. Must never hold a real card, key or person.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from mailcore.clock import ShiftedClock

API_VERSION: Final = "2026-10-28.endive"  # the one stripe 16.1 asks for
KEPT_EVENTS: Final = 5000

Object = dict[str, Any]


class Refused(Exception):
    """An error as the API answers it: https://docs.stripe.com/api/errors."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "", param: str = "",
        kind: str = "invalid_request_error",
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        named = {"code": code, "param": param}
        self.error: Object = {"type": kind, "message": message} | {
            key: value for key, value in named.items() if value
        }


def card_declined() -> Refused:
    return Refused("Your card was declined.", status=402, code="card_declined", kind="card_error")


@dataclass(slots=True)
class Store:
    """All objects by id, oldest first. `tell` hears of each event right after it was stored."""

    clock: ShiftedClock = field(default_factory=ShiftedClock)
    base_url: str = "http://localhost:8037"
    file: Path | None = None
    objects: dict[str, Object] = field(default_factory=dict)
    tell: Callable[[Object], None] = lambda _: None
    _of_kind: dict[str, dict[str, None]] = field(default_factory=dict)  # ids; some may be gone

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def add(self, kind: str, prefix: str, **fields: Any) -> Object:
        """A new object with an id of its own."""
        return self.put(f"{prefix}_{secrets.token_hex(12)}", kind, **fields)

    def put(self, identifier: str, kind: str, **fields: Any) -> Object:
        base = {"id": identifier, "object": kind, "created": self.now(), "livemode": False, "metadata": {}}
        self.objects[identifier] = base | fields
        self._of_kind.setdefault(kind, {})[identifier] = None
        return self.objects[identifier]

    def find(self, identifier: object, kind: str, param: str = "id") -> Object:
        """Raises Refused: 404 resource_missing."""
        found = self.objects.get(str(identifier))
        if found is None or found["object"] != kind:
            noun = kind.rpartition(".")[2]
            message = f"No such {noun}: '{identifier}'"
            raise Refused(message, status=404, code="resource_missing", param=param)
        return found

    def all(self, kind: str, **wanted: Any) -> Iterator[Object]:
        """Newest first, as Stripe lists; with these values where any are given."""
        for identifier in reversed(list(self._of_kind.get(kind, ()))):
            item = self.objects.get(identifier)
            if item is not None and all(item.get(name) == value for name, value in wanted.items()):
                yield item

    def change(self, item: Object, event: str, **fields: Any) -> None:
        """Set these fields and tell of it, with the values that they had before."""
        before = {name: deepcopy(item.get(name)) for name, new in fields.items() if item.get(name) != new}
        item.update(fields)
        self.event(event, item, {name: old for name, old in before.items() if not name.startswith("_")})

    def event(self, kind: str, item: Object, before: Mapping[str, Any] | None = None) -> Object:
        """The object as it is now goes into the event, and never changes there."""
        data: Object = {"object": shown(item)}
        if before:
            data["previous_attributes"] = dict(before)
        made = self.add(
            "event", "evt", type=kind, data=data, api_version=API_VERSION, pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
        )  # fmt: skip
        del made["metadata"]
        self._forget_old_events()
        self.tell(made)
        return made

    def _forget_old_events(self) -> None:
        events = self._of_kind["event"]
        if len(events) < 2 * KEPT_EVENTS:
            return
        for key in list(events)[:-KEPT_EVENTS]:
            del self.objects[key], events[key]

    def save(self) -> None:
        """Written aside and renamed. Does nothing without a file."""
        if self.file is None:
            return
        draft = self.file.with_suffix(".new")
        text = json.dumps({"shift": self.clock.shift.total_seconds(), "objects": self.objects})
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
        draft.rename(self.file)

    def load(self) -> None:
        """What an earlier process saved, if any."""
        if self.file is not None and self.file.exists():
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            self.clock.shift = timedelta(seconds=kept["shift"])
            self.objects = kept["objects"]
            for identifier, item in self.objects.items():
                self._of_kind.setdefault(item["object"], {})[identifier] = None


def shown(value: Any) -> Any:
    """A copy without what is ours alone."""
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def listed(items: list[Object], url: str, *, has_more: bool = False) -> Object:
    return {"object": "list", "url": url, "has_more": has_more, "data": items}
