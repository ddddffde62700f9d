"""Server-sent events (HTML standard, section 9.2) as text: news, cursors, the beginning and the heartbeat.

Must never send what a page could not ask for by itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from api.fields import bad_cursor, decode_cursor, encode_cursor
from api.logs import shown_event, shown_message
from customers.event_feed import EventFeed, Listener
from customers.news import LogNews, News, Position
from mailcore.clock import Clock
from mailcore.log_reader import Listed

HEARTBEAT: Final = timedelta(seconds=15)
LONGEST: Final = timedelta(hours=1)
RETRY_MS: Final = 2000
_LARGEST = (2**64 - 1, 9, 2**63 - 1, 2**40)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What an event's id holds: its position, and when we gave it out."""

    position: Position
    given_at: datetime

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises Invalid."""
        parts = decode_cursor("events", text, 4)
        if not all(part.isascii() and part.isdecimal() and len(part) <= 20 for part in parts):
            raise bad_cursor()
        xid, source, row, seconds = (int(part) for part in parts)
        if any(value > most for value, most in zip((xid, source, row, seconds), _LARGEST, strict=True)):
            raise bad_cursor()
        try:
            return cls(Position(xid, source, row), datetime.fromtimestamp(seconds, UTC))
        except (ValueError, OverflowError):
            raise bad_cursor() from None


@dataclass(frozen=True, slots=True)
class EventStream:
    """One open page's stream, from its first line to its end."""

    feed: EventFeed
    clock: Clock
    listener: Listener
    cursor: Cursor | None

    async def lines(self) -> AsyncIterator[str]:
        """Until the listener is ended, or an hour is over: then the browser comes again with its last id."""
        began = self.clock.monotonic()
        yield f"retry: {RETRY_MS}\n\n"
        after = self.listener.joined
        if self.cursor is None:
            yield self._text("ready", after, {})
        elif (missed := await self._missed(self.cursor)) is None:
            yield self._text("reset", after, {})
        else:
            after = self.cursor.position
            yield self._text("ready", after, {})
            for each in missed:
                after = each.position
                yield self._news(each)
        async for line in self._live(after, began):
            yield line

    async def _missed(self, cursor: Cursor) -> list[News] | None:
        if not await self.feed.is_known(cursor.position, cursor.given_at):
            return None
        return await self.feed.missed(self.listener, cursor.position)

    async def _live(self, after: Position, began: float) -> AsyncIterator[str]:
        queue = self.listener.queue
        while self.clock.monotonic() - began < LONGEST.total_seconds():
            try:
                async with asyncio.timeout(HEARTBEAT.total_seconds()):
                    found = await queue.get()
            except TimeoutError:
                yield self._heartbeat(after)
                continue
            if found is None:
                return
            if found.position > after:
                yield self._news(found)

    def _heartbeat(self, after: Position) -> str:
        """A comment; and an id without an event, so that a quiet page's cursor stays young."""
        if not self.listener.queue.empty():
            return ": \n\n"
        return f": \nid: {self._id(max(after, self.feed.position))}\n\n"

    def _news(self, found: News) -> str:
        return self._text(found.kind, found.position, shown(found))

    def _text(self, kind: str, position: Position, data: dict[str, Any]) -> str:
        return f"event: {kind}\nid: {self._id(position)}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"

    def _id(self, position: Position) -> str:
        now = int(self.clock.now().timestamp())
        return encode_cursor("events", *map(str, (position.xid, position.source, position.id, now)))


def shown(found: News) -> dict[str, Any]:
    """An event of the log as GET /v1/logs/messages/{id} shows it; a change as it was noted."""
    if isinstance(found, LogNews):
        return {
            "message": shown_message(_listed(found)).model_dump(mode="json"),
            "event": shown_event(found.event).model_dump(mode="json"),
        }
    return {"subject_id": _text_of(found.subject_id), "at": found.at.isoformat(), "data": found.data}


def _listed(found: LogNews) -> Listed:
    return Listed(found.message, found.event.type, found.verdicts)


def _text_of(identifier: UUID | None) -> str | None:
    return str(identifier) if identifier else None
