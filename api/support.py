"""Support access: an account lets our staff read its log for a while, ends that, and sees each look.

Must never be opened by an app, nor hide a look or an attempt from anybody of the account.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import Body, CursorText, Limit, Page, Text, Whole, id_after, id_cursor
from api.routes import Route
from api.security import ClosesDoors, Doer, Needs, ReadsAccount, Runtime, Session
from customers import audit, support_grants
from customers.audit import AuditFilter
from customers.callers import Caller, Role, Scope
from customers.support_grants import LONGEST, NewGrant
from mailcore.models import AuditEvent, SupportGrant
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/support", route_class=Route, tags=["Support access"], responses=responses(403))

# Each writes to all owners.
_RATE: Final = Rate(10, timedelta(hours=1))
_VIEWED, _REFUSED = "support.viewed", "support.refused"
_request_cursor = id_cursor("support requests")
_view_cursor = id_cursor("support views")
# As closing doors, but for apps: nobody else consents for an account.
LetsLook = Annotated[
    Caller,
    Depends(Needs(Scope.ACCOUNT_WRITE, role=Role.ADMIN, whole_account=True, apps=False, even_suspended=True)),
]


class SupportRequestNew(Body):
    reason: Text = Field(
        min_length=1, description="What to look for; our staff read it", examples=["Mail from Ada is missing"]
    )
    domain_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=100, description="The only domains they may look at; null for all"
    )
    hours: Whole = Field(
        24, ge=1, le=int(LONGEST.total_seconds() // 3600), description="Then it ends by itself"
    )


class SupportRequestOut(BaseModel):
    """While it is `live`, our staff may read the log of these domains. Nobody makes it longer."""

    id: UUID
    reason: str = Field(examples=["Mail from Ada is missing"])
    domain_ids: list[UUID] | None = Field(description="null: all")
    opened_by: str = Field(description="A person's address or a key's name", examples=["ada@example.org"])
    opened_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    live: bool
    views: int = Field(description="How often staff looked", examples=[2])

    @classmethod
    def of(cls, grant: SupportGrant, now: datetime, views: int) -> Self:
        return cls(
            id=grant.id,
            reason=grant.reason,
            domain_ids=grant.domain_ids,
            opened_by=grant.opened_by,
            opened_at=grant.opened_at,
            expires_at=grant.expires_at,
            revoked_at=grant.revoked_at,
            live=support_grants.is_live(grant, now),
            views=views,
        )


class SupportViewOut(BaseModel):
    """A look of our staff at the log, or an attempt that was refused; in the audit log as well."""

    id: UUID
    at: datetime
    staff: str = Field(description="Who", examples=["sam@clearpost.example"])
    state: Literal["viewed", "refused"]
    support_request_id: UUID | None = Field(description="null: refused, there was none for it")
    what: Literal["list", "message"]
    message_ids: list[UUID] = Field(description="The messages that were shown, or asked for in vain")
    filters: list[str] = Field(description="By which filters they were looked for", examples=[["alias"]])

    @classmethod
    def of(cls, line: AuditEvent) -> Self:
        return cls(
            id=line.id,
            at=line.at,
            staff=line.actor,
            state="viewed" if line.action == _VIEWED else "refused",
            support_request_id=line.subject_id,
            what=line.detail["what"],
            message_ids=line.detail["messages"],
            filters=line.detail.get("by", []),
        )


@router.post(
    "/requests", status_code=201, summary="Let our staff read the log for a while", responses=responses(404)
)
async def open_support_request(
    body: SupportRequestNew, who: LetsLook, doer: Doer, session: Session, runtime: Runtime
) -> SupportRequestOut:
    """All owners get a letter; a banner stands in the portal until it ends. Content is never seen: we have
    none.
    """
    detail = "Support was asked for often lately: end what is open, and try again later."
    await runtime.rates.need("support requests", str(who.account_id), _RATE, detail)
    among = None if body.domain_ids is None else frozenset(body.domain_ids)
    new = NewGrant(body.reason, among, timedelta(hours=body.hours))
    grant = await support_grants.open_for(session, runtime.clock, who.account_id, doer, new)
    return SupportRequestOut.of(grant, runtime.clock.now(), 0)


@router.get("/requests", summary="List what our staff may or might look at, newest first")
async def list_support_requests(
    who: ReadsAccount, session: Session, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[SupportRequestOut]:
    """Those that have ended stay for 30 days."""
    now, after = runtime.clock.now(), id_after("support requests", cursor)
    rows = await support_grants.list_of(session, now, who.account_id, after=after, limit=limit + 1)
    ids = [row.id for row in rows]
    views = await audit.count_of(session, now, who.account_id, _VIEWED, ids)
    return Page[SupportRequestOut].of(
        rows,
        limit,
        lambda row: SupportRequestOut.of(row, now, views.get(row.id, 0)),
        lambda row: _request_cursor(row.id),
    )


@router.delete(
    "/requests/{support_request_id}",
    status_code=204,
    summary="End what our staff may look at, at once",
    responses=responses(404),
)
async def revoke_support_request(
    support_request_id: UUID, who: ClosesDoors, doer: Doer, session: Session, runtime: Runtime
) -> None:
    """From the answer on. One that has ended by itself stays as it is."""
    await support_grants.revoke(session, runtime.clock, who.account_id, doer, support_request_id)


@router.get("/views", summary="List each look of our staff at the log, newest first")
async def list_support_views(
    who: ReadsAccount,
    session: Session,
    runtime: Runtime,
    support_request_id: Annotated[UUID | None, Query(description="Under this one only")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[SupportViewOut]:
    """And each attempt that was refused: without a request of yours that lives, they see nothing."""
    wanted = AuditFilter(actions=(_VIEWED, _REFUSED), subject_id=support_request_id)
    after, now = id_after("support views", cursor), runtime.clock.now()
    rows = await audit.list_of(session, now, who.account_id, wanted, after=after, limit=limit + 1)
    return Page[SupportViewOut].of(rows, limit, SupportViewOut.of, lambda row: _view_cursor(row.id))
