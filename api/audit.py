"""The audit log of the account: who changed what in the last 30 days, in pages or as a file."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import CursorText, Limit, Moment, Page, Text, id_after, id_cursor
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ReadsAccount, Runtime, Session
from customers import alias_csv, audit
from customers.audit import AuditFilter
from customers.callers import Caller, Kind
from mailcore.models import AuditEvent

router = APIRouter(prefix="/v1/audit", route_class=Route, tags=["Audit log"], responses=responses())

_cursor = id_cursor("audit")
_AT_ONCE: Final = 500
Format = Literal["csv", "jsonl"]
_MEDIA: Final[dict[Format, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class AuditOut(BaseModel):
    """One change. Names are as they were then."""

    id: UUID
    at: datetime
    actor_kind: Kind = Field(description="`service`: we did it ourselves")
    actor_id: UUID | None
    actor: str = Field(
        description="A person's address, a key's or an app's name", examples=["ada@example.org"]
    )
    action: str = Field(examples=["alias.created"])
    subject_id: UUID | None
    subject: str = Field(description="What was changed, as you call it", examples=["hello@example.org"])
    detail: dict[str, Any] = Field(description="What it was changed to", examples=[{"enabled": False}])
    request_id: str = Field(description="The request that changed it, in `/v1/requests`")

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        return cls.model_validate(event, from_attributes=True)


def _filter(
    action: Annotated[
        Text | None, Query(description="`alias.created`, or `alias` for all that happened to aliases")
    ] = None,
    actor: Annotated[Text | None, Query(description="The name of who did it")] = None,
    subject: Annotated[Text | None, Query(description="The name of what was changed")] = None,
    since: Annotated[Moment | None, Query(description="At or after, with time zone")] = None,
    until: Annotated[Moment | None, Query(description="Before, with time zone")] = None,
) -> AuditFilter:
    return AuditFilter(action, actor, subject, since, until)


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("", summary="List changes, newest first")
async def list_audit(
    who: ReadsAccount,
    session: Session,
    runtime: Runtime,
    wanted: Wanted,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[AuditOut]:
    after, now = id_after("audit", cursor), runtime.clock.now()
    rows = await audit.list_of(session, now, who.account_id, wanted, after=after, limit=limit + 1)
    return Page.of(rows, limit, AuditOut.of, lambda row: _cursor(row.id))


@router.get(
    "/export",
    summary="Take the audit log out as a file",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.partition(";")[0]: {} for kind in _MEDIA.values()}}},
)
async def export_audit(
    who: ReadsAccount,
    runtime: Runtime,
    wanted: Wanted,
    format: Annotated[Format, Query(description="csv, or one JSON object in each line")] = "csv",
) -> StreamingResponse:
    """All of it, newest first. In CSV, a value that a spreadsheet would take for a formula begins with '."""
    headers = {"Content-Disposition": f'attachment; filename="clearpost-audit.{format}"'}
    lines = _lines(runtime, who, wanted, _csv if format == "csv" else _jsonl)
    return StreamingResponse(lines, media_type=_MEDIA[format], headers=headers)


async def _lines(runtime: ApiRuntime, who: Caller, wanted: AuditFilter, write: Any) -> AsyncIterator[str]:
    """Some rows in each transaction, so that a slow reader holds none open."""
    now, after, more = runtime.clock.now(), None, True
    while more:
        async with runtime.database.session(who.tenant) as session:
            rows = await audit.list_of(session, now, who.account_id, wanted, after=after, limit=_AT_ONCE)
        yield write([AuditOut.of(row) for row in rows], first=after is None)
        more = len(rows) == _AT_ONCE
        after = rows[-1].id if rows else after


def _jsonl(rows: Sequence[AuditOut], *, first: bool) -> str:
    return "".join(row.model_dump_json() + "\n" for row in rows)


def _csv(rows: Sequence[AuditOut], *, first: bool) -> str:
    header = [tuple(AuditOut.model_fields)] if first else []
    cells = [tuple(map(_text, row.model_dump(mode="json").values())) for row in rows]
    return alias_csv.write(header + cells)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)
