"""The 7-day log of the account: messages, and the timeline of one.

Must never show more than log_reader hands out, nor tell an old id of ours from one of somebody else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import (
    CursorText,
    Limit,
    Moment,
    Page,
    SearchText,
    Text,
    bad_cursor,
    decode_cursor,
    encode_cursor,
)
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ReadsLogs, Runtime, Session
from customers import queue_owner
from customers.queue_owner import Entry, Filter
from mailcore.authenticity.verdicts import VerdictWords
from mailcore.clock import time_of
from mailcore.errors import Gone, NotFound
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_reader import Cursor, Found, Listed, LogFilter
from mailcore.status_words import plain_words

router = APIRouter(prefix="/v1/logs", route_class=Route, tags=["Logs"], responses=responses(404))

ALIAS = "The address that was written to, with any tag: `hello@` finds `hello+shop@` too, not the reverse"
EventType = Literal["received", "delivered", "soft-bounced", "hard-bounced", "refused"]
Dmarc = Literal["pass", "fail", "none", "temperror", "permerror"]
# What the server said is what we said: its text ends in what was found out about the sender.
OUR_REPLIES: Final = ("received", "refused")
DeliveryState = Literal["waiting", "in-progress", "held"]
# More destinations than any plan gives an alias.
_MOST_UNFINISHED: Final = 100


class AuthenticationOut(BaseModel):
    """What was found out about who sent a message, as words of RFC 8601: `pass`, `fail`, `none`, `softfail`,
    `neutral`, `policy`, `temperror`, `permerror`.
    """

    spf: str = Field(
        description="Whether the domain of the return address lets this server send", examples=["pass"]
    )
    dkim: str = Field(description="The best of its signatures", examples=["pass"])
    dmarc: str = Field(
        description="Whether one of those two passed for the domain in From; `none`: it publishes no policy",
        examples=["pass"],
    )
    arc: str = Field(description="What servers that passed it on before have sealed", examples=["none"])
    spam: float | None = Field(
        description="The spam filter's score; null where none was asked, or none answered", examples=[1.2]
    )


class MessageOut(BaseModel):
    """What is kept of a message for 7 days. Its content is not."""

    id: UUID
    received_at: datetime
    domain_id: UUID | None
    alias: str = Field(description="As it was written to", examples=["hello+shop@example.org"])
    sender: str = Field(description="From", examples=["Ada <ada@example.com>"])
    subject: str = Field(examples=["Hello"])
    client_ip: str = Field(description="The server that brought it", examples=["192.0.2.7"])
    client_name: str = Field(description="Its reverse name (FQDN)", examples=["mail.example.com"])
    last_event: str = Field(examples=["delivered"])
    authentication: AuthenticationOut | None = Field(
        description="As it stands in the response of the event `received` or `refused`; null where a message "
        "was refused before that was asked"
    )


class EventOut(BaseModel):
    """`explanation` says in plain words what the code means."""

    at: datetime
    type: EventType
    response: str = Field(description="What the server said", examples=["250 2.0.0 Ok: queued"])
    code: str = Field(description="Enhanced status code", examples=["2.0.0"])
    server_ip: str = Field(examples=["192.0.2.25"])
    duration_ms: int = Field(examples=[112])
    attempt: int = Field(description="0 for received and refused", examples=[1])
    delivery_id: UUID | None = Field(description="One for each destination; null for received and refused")
    explanation: str = Field(examples=["The message was delivered."])


class UnfinishedOut(BaseModel):
    """A delivery that has not ended: in `/v1/queue` with all that is known of it."""

    delivery_id: UUID
    destination: str = Field(examples=["you@example.net"])
    state: DeliveryState
    attempt: int = Field(description="Attempts so far, one under way included", examples=[2])
    next_attempt_at: datetime | None = Field(description="null: under way, or held")


class MessagePage(Page[MessageOut]):
    """`searched_back_to`: what `q` was looked for in was received since then; earlier messages follow with
    `next_cursor`. A page may be short, or empty, and have more after it. null: this page is complete.
    """

    searched_back_to: datetime | None = None


class TimelineOut(MessageOut):
    """`deleted_at`: when all of this is deleted, for everybody. `unfinished`: deliveries that still wait."""

    deleted_at: datetime
    events: list[EventOut]
    unfinished: list[UnfinishedOut]


def _filter(
    domain_id: UUID | None = None,
    alias: Annotated[Text | None, Query(description=ALIAS)] = None,
    event: Annotated[EventType | None, Query(description="Messages with such an event")] = None,
    since: Annotated[Moment | None, Query(description="Received at or after, with time zone")] = None,
    until: Annotated[Moment | None, Query(description="Received before, with time zone")] = None,
    q: SearchText = None,
    dmarc: Annotated[Dmarc | None, Query(description="Messages with this result of DMARC")] = None,
    sender: Annotated[Text | None, Query(description="The address in From")] = None,
) -> LogFilter:
    return LogFilter(domain_id, alias, event, since, until, q, dmarc, sender=sender)


Wanted = Annotated[LogFilter, Depends(_filter)]


@router.get("/messages", summary="List messages, newest first")
async def list_messages(
    who: ReadsLogs, runtime: Runtime, wanted: Wanted, limit: Limit = 50, cursor: CursorText = None
) -> MessagePage:
    """`q` is looked for in subject, sender and alias, newest first: in 20,000 messages, or for half a second.
    Then the answer says how far it came (`searched_back_to`): go on with `next_cursor`.
    """
    return page_of(await runtime.reader.messages(who.tenant, wanted, cursor_after(cursor), limit))


def page_of(found: Found) -> MessagePage:
    return MessagePage(
        data=[shown_message(row) for row in found.rows],
        has_more=found.next is not None,
        next_cursor=_cursor(found.next) if found.next else None,
        searched_back_to=found.searched_back_to,
    )


@router.get("/messages/{message_id}", summary="Show a message's timeline", responses=responses(404, 410))
async def get_message(message_id: UUID, who: ReadsLogs, session: Session, runtime: Runtime) -> TimelineOut:
    """410 `gone_by_policy` for every id that is older than the log, whoever's it was."""
    _refuse_old(runtime, message_id)
    message = await runtime.reader.message(who.tenant, message_id)
    if message is None:
        raise NotFound("There is no such thing in this account.")
    events = await runtime.reader.timeline(who.tenant, message_id)
    living = await queue_owner.living_nodes(runtime.database)
    waiting = await queue_owner.list_of(
        session,
        runtime.log_keys,
        who.account_id,
        Filter(message_id=message_id),
        living,
        limit=_MOST_UNFINISHED,
    )
    return TimelineOut(
        **shown_message(listed(message, events)).model_dump(),
        deleted_at=message.received_at + runtime.settings.log_retention,
        events=[shown_event(event) for event in events],
        unfinished=[_unfinished(entry) for entry in waiting],
    )


def listed(message: LoggedMessage, events: Sequence[Event]) -> Listed:
    """As in the list, of all its events."""
    return Listed(message, events[-1].type if events else "", VerdictWords.of(message.verdicts))


def _unfinished(entry: Entry) -> UnfinishedOut:
    return UnfinishedOut.model_validate(
        {
            "delivery_id": entry.id,
            "destination": entry.destination,
            "state": entry.state,
            "attempt": entry.attempt,
            "next_attempt_at": entry.next_attempt_at if entry.state == "waiting" else None,
        }
    )


def _refuse_old(runtime: ApiRuntime, message_id: UUID) -> None:
    """An id tells when it was made, and nothing else counts here: whose it was, or whether, is not asked.

    Raises Gone.
    """
    retention = runtime.settings.log_retention
    if _is_older(message_id, runtime.clock.now() - retention):
        raise Gone(
            f"What is logged of a message is deleted {retention.days} days after its receipt, for everybody "
            "and for good: that is our policy. This id is older than that, so whatever it named is gone."
        )


def _is_older(message_id: UUID, horizon: datetime) -> bool:
    if message_id.version != 7:
        return False
    try:
        return time_of(message_id) <= horizon
    except (ValueError, OverflowError):  # 48 bits of milliseconds reach further than the calendar
        return False


def _cursor(last: Cursor) -> str:
    return encode_cursor("messages", last.received_at.isoformat(), str(last.id))


def cursor_after(text: str | None) -> Cursor | None:
    if text is None:
        return None
    at, identifier = decode_cursor("messages", text, 2)
    try:
        cursor = Cursor(datetime.fromisoformat(at), UUID(identifier))
    except ValueError:
        raise bad_cursor() from None
    if cursor.received_at.utcoffset() != timedelta(0):
        raise bad_cursor()
    return cursor


def shown_message(row: Listed) -> MessageOut:
    message = row.message
    return MessageOut(
        id=message.id,
        received_at=message.received_at,
        domain_id=message.domain_id,
        alias=message.alias,
        sender=message.sender,
        subject=message.subject,
        client_ip=message.client_ip,
        client_name=message.client_name,
        last_event=row.last_event,
        authentication=_found_out(row.verdicts),
    )


def _found_out(words: VerdictWords | None) -> AuthenticationOut | None:
    return None if words is None else AuthenticationOut.model_validate(words, from_attributes=True)


def shown_event(event: Event) -> EventOut:
    return EventOut.model_validate(
        {
            "at": event.at,
            "type": event.type,
            "response": event.response,
            "code": event.code,
            "server_ip": event.server_ip,
            "duration_ms": round(event.duration.total_seconds() * 1000),
            "attempt": event.attempt,
            "delivery_id": event.delivery_id,
            "explanation": explanation(event),
        }
    )


def explanation(event: Event) -> str:
    """What happened, for the domain's owner: that may tell more than the code does."""
    cancelled, _, why = event.response.partition(": ")
    if event.type == "hard-bounced" and cancelled == "cancelled" and not event.server_ip:
        return f"We ended this delivery: {why}."
    match event.type:
        case "received":
            return "We took the message and keep it until every delivery of it has ended."
        case "refused":
            return f"We did not take the message. {plain_words(event.code)}"
        case "soft-bounced" if "greylist" in event.response.lower():
            return "Greylisted: normal for a server that meets a sender for the first time. We try again."
        case "soft-bounced":
            return f"{plain_words(event.code)} We try again."
        case _:
            return plain_words(event.code)
