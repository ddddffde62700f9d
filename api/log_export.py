"""The 7-day log as a file: one line for each event, in CSV or JSON.

Must never hold more than the policy names (docs/policy.md), nor be taken out without a line in the audit log.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.errors import responses
from api.logs import OUR_REPLIES, EventType, Wanted
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, ReadsLogs, Runtime
from customers import alias_csv, audit
from customers.audit import Actor, Subject
from customers.callers import Caller
from mailcore.authenticity.verdicts import VerdictWords
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_reader import Cursor, LogFilter
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/logs", route_class=Route, tags=["Logs"], responses=responses())

Format = Literal["csv", "jsonl"]
_VERDICTS: Final = tuple(each.name for each in fields(VerdictWords))
_AT_ONCE: Final = 500
_RATE: Final = Rate(20, timedelta(hours=1))
_MEDIA: Final[dict[Format, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class LogLine(BaseModel):
    """An event with the message that it belongs to. `spf` and what follows it: what stands in the response of
    an event "received" or "refused" once more, each by itself; empty for the others.
    """

    message_id: UUID
    received_at: datetime
    domain_id: UUID | None
    alias: str
    sender: str
    subject: str
    client_ip: str
    client_name: str
    at: datetime
    type: EventType
    response: str
    code: str
    server_ip: str
    duration_ms: int
    attempt: int
    delivery_id: UUID | None
    spf: str | None
    dkim: str | None
    dmarc: str | None
    arc: str | None
    spam: float | None


@router.get(
    "/export",
    summary="Take the log out as a file",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in _MEDIA.values()}}},
)
async def export_log(
    who: ReadsLogs,
    doer: Doer,
    runtime: Runtime,
    wanted: Wanted,
    format: Annotated[Format | None, Query(description="Without it as `Accept` asks; else csv")] = None,
    accept: Annotated[str, Header(max_length=1000, include_in_schema=False)] = "",
) -> StreamingResponse:
    """A line for each event, the newest messages first; JSON one object in each line. In CSV, a value that a
    spreadsheet would take for a formula begins with '.
    """
    await runtime.rates.need("log export", str(who.account_id), _RATE, "The log was taken out often lately.")
    chosen: Format = format or ("jsonl" if "json" in accept else "csv")
    await _note(runtime, who, doer, wanted, chosen)
    headers = {"Content-Disposition": f'attachment; filename="clearpost-log.{chosen}"', "Vary": "Accept"}
    return StreamingResponse(_lines(runtime, who, wanted, chosen), media_type=_MEDIA[chosen], headers=headers)


async def _note(runtime: ApiRuntime, who: Caller, doer: Actor, wanted: LogFilter, chosen: Format) -> None:
    """By what was filtered, but not for what: a subject has no place in the audit log."""
    by = [each.name for each in fields(wanted) if getattr(wanted, each.name)]
    async with runtime.database.session(who.tenant) as session:
        audit.record(
            session, runtime.clock, who.account_id, doer, "log.exported", Subject(None), format=chosen, by=by
        )


async def _lines(runtime: ApiRuntime, who: Caller, wanted: LogFilter, chosen: Format) -> AsyncIterator[str]:
    """Some messages at a time, so that a slow reader holds no transaction open."""
    after: Cursor | None = None
    if chosen == "csv":
        yield alias_csv.write([tuple(LogLine.model_fields)])
    while True:
        found = await runtime.reader.messages(who.tenant, wanted, after, _AT_ONCE)
        messages = [each.message for each in found.rows]
        events = await runtime.reader.events(who.tenant, messages)
        lines = [_line(message, event) for message in messages for event in events[message.id]]
        yield _csv(lines) if chosen == "csv" else "".join(line.model_dump_json() + "\n" for line in lines)
        if found.next is None:
            return
        after = found.next


def _csv(lines: Sequence[LogLine]) -> str:
    return alias_csv.write([tuple(map(_text, line.model_dump(mode="json").values())) for line in lines])


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _line(message: LoggedMessage, event: Event) -> LogLine:
    words = VerdictWords.of(event.response) if event.type in OUR_REPLIES else None
    return LogLine.model_validate(
        {
            "message_id": message.id,
            "received_at": message.received_at,
            "domain_id": message.domain_id,
            "alias": message.alias,
            "sender": message.sender,
            "subject": message.subject,
            "client_ip": message.client_ip,
            "client_name": message.client_name,
            "at": event.at,
            "type": event.type,
            "response": event.response,
            "code": event.code,
            "server_ip": event.server_ip,
            "duration_ms": round(event.duration.total_seconds() * 1000),
            "attempt": event.attempt,
            "delivery_id": event.delivery_id,
            **(dict.fromkeys(_VERDICTS) if words is None else asdict(words)),
        }
    )
