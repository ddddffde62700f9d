"""The request log: what the account's keys, apps and people asked of the API in the last 7 days."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import CursorText, Limit, Moment, Page, id_after, id_cursor
from api.routes import Route
from api.security import ReadsAccount, Runtime, Session
from customers import request_log
from customers.callers import Kind
from customers.request_log import RequestFilter
from mailcore.models import RequestLog

router = APIRouter(prefix="/v1/requests", route_class=Route, tags=["Request log"], responses=responses())

_cursor = id_cursor("requests")

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]


class RequestOut(BaseModel):
    """One request. Neither its query string nor any body is kept."""

    id: UUID
    at: datetime
    actor_kind: Kind
    actor_id: UUID = Field(description="The key, the app's grant or the person that asked")
    method: str = Field(examples=["POST"])
    path: str = Field(examples=["/v1/domains"])
    status: int = Field(examples=[201])
    duration_ms: int = Field(examples=[12])
    request_id: str = Field(description="The `X-Request-Id` of the answer")

    @classmethod
    def of(cls, row: RequestLog) -> Self:
        return cls.model_validate(row, from_attributes=True)


@router.get("", summary="List requests, newest first")
async def list_requests(
    who: ReadsAccount,
    session: Session,
    runtime: Runtime,
    status: Annotated[int | None, Query(ge=100, le=599, description="With this status")] = None,
    method: Annotated[Method | None, Query(description="With this method")] = None,
    actor_id: Annotated[UUID | None, Query(description="Of this key, app's grant or person")] = None,
    since: Annotated[Moment | None, Query(description="At or after, with time zone")] = None,
    until: Annotated[Moment | None, Query(description="Before, with time zone")] = None,
    programs: Annotated[bool, Query(description="Only those of keys and apps, not of people")] = False,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[RequestOut]:
    """A request shows up here moments after its answer."""
    wanted = RequestFilter(status, method, actor_id, since, until, programs)
    after, now = id_after("requests", cursor), runtime.clock.now()
    rows = await request_log.list_of(session, now, who.account_id, wanted, after=after, limit=limit + 1)
    return Page.of(rows, limit, RequestOut.of, lambda row: _cursor(row.id))
