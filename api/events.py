"""Live events: what GET would show, the moment it is true. One stream for a browser is enough.

Must never be buffered, by us or by a proxy.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from api.errors import responses
from api.event_stream import Cursor, EventStream
from api.fields import Text
from api.routes import Route
from api.security import Runtime, Who
from customers.callers import Caller, Scope
from customers.event_feed import Listener
from mailcore.errors import Forbidden

# What a caller must be allowed to read to hear of it.
SCOPES: Final[dict[str, Scope]] = {
    "log": Scope.LOGS_READ,
    "queue": Scope.LOGS_READ,
    "domain": Scope.DOMAINS_READ,
    "alias": Scope.ALIASES_READ,
    "destination": Scope.ALIASES_READ,
    "account": Scope.ACCOUNT_READ,
    "plan": Scope.ACCOUNT_READ,
    "support": Scope.ACCOUNT_READ,
    "export": Scope.ACCOUNT_READ,
}
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until you close it, an hour is over, or the key is revoked",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}

router = APIRouter(
    prefix="/v1/events", tags=["Live events"], responses=responses(429) | _STREAM, route_class=Route
)


def heard_by(who: Caller) -> frozenset[str]:
    """The kinds of events that this caller may hear of."""
    return frozenset(kind for kind, scope in SCOPES.items() if scope in who.scopes)


async def listener(who: Who, runtime: Runtime) -> AsyncIterator[Listener]:
    """Listens from before the first line until after the last one."""
    if not (kinds := heard_by(who)):
        raise Forbidden("This needs a scope to read something.", code="scope_missing", scope=Scope.LOGS_READ)
    async with runtime.feed.listening(who, kinds) as opened:
        yield opened


async def cursor(
    after: Annotated[Text | None, Query(description="The id of the last event seen", max_length=200)] = None,
    last_event_id: Annotated[Text | None, Header(description="The same, as browsers send it")] = None,
) -> Cursor | None:
    given = last_event_id or after
    return Cursor.parse(given) if given else None


@router.get("", summary="Hear what changes", response_class=StreamingResponse)
async def stream_events(
    since: Annotated[Cursor | None, Depends(cursor)],
    opened: Annotated[Listener, Depends(listener)],
    runtime: Runtime,
) -> StreamingResponse:
    """Server-sent events. `log` brings a message and its newest event, as the log shows them; `domain`,
    `alias`, `destination`, `account`, `plan`, `support` and `queue` say what changed (`subject_id`): ask for
    it anew. `ready` comes first. With the id of the last event seen, everything since then follows, without
    gap or repetition; where that is too long ago comes `reset`: load the page's data again.
    """
    stream = EventStream(runtime.feed, runtime.clock, opened, since)
    return StreamingResponse(stream.lines(), media_type="text/event-stream", headers=_HEADERS)
