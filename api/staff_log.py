"""The log as our staff see it: grants that customers have opened, and what those let be seen.

No part of the public document. Must never read a log but through granted_log.py.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from api.errors import responses
from api.fields import CursorText, Limit
from api.logs import (
    EventOut,
    MessageOut,
    MessagePage,
    Wanted,
    cursor_after,
    listed,
    page_of,
    shown_event,
    shown_message,
)
from api.security import Runtime
from api.staff import StaffDoer, StaffSession
from customers import support_grants
from customers.granted_log import StaffLog, Whose
from customers.support_grants import Held

router = APIRouter(prefix="/staff/v1", include_in_schema=False, responses=responses(403, 404))

_MOST_HELD = 500


class GrantedDomainOut(BaseModel):
    id: UUID
    name: str


class GrantOut(BaseModel):
    """What a customer lets staff look at, and why. `domains` null: all."""

    id: UUID
    account_id: UUID
    account: str
    domains: list[GrantedDomainOut] | None
    reason: str
    opened_by: str
    opened_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, held: Held) -> "GrantOut":
        names = None if held.domains is None else held.domains.items()
        return cls(
            id=held.grant.id,
            account_id=held.grant.account_id,
            account=held.account,
            domains=names and [GrantedDomainOut(id=id, name=name) for id, name in names],
            reason=held.grant.reason,
            opened_by=held.grant.opened_by,
            opened_at=held.grant.opened_at,
            expires_at=held.grant.expires_at,
        )


class GrantList(BaseModel):
    data: list[GrantOut]


class GrantedTimelineOut(MessageOut):
    """What waits, and for whom, is no part of the log: staff do not see it."""

    deleted_at: datetime
    events: list[EventOut]


def _whose(account_id: UUID, grant_id: Annotated[UUID | None, Query()] = None) -> Whose:
    return Whose(account_id, grant_id)


def _log(runtime: Runtime) -> StaffLog:
    return StaffLog(runtime.database, runtime.clock, runtime.reader)


WhoseLog = Annotated[Whose, Depends(_whose)]
Log = Annotated[StaffLog, Depends(_log)]


@router.get("/grants")
async def list_grants(session: StaffSession, runtime: Runtime) -> GrantList:
    """All that live."""
    found = await support_grants.held(session, runtime.clock.now(), _MOST_HELD)
    return GrantList(data=[GrantOut.of(each) for each in found])


@router.get("/accounts/{account_id}/log/messages")
async def list_granted_messages(
    doer: StaffDoer, log: Log, whose: WhoseLog, wanted: Wanted, limit: Limit = 50, cursor: CursorText = None
) -> MessagePage:
    """As /v1/logs/messages, as far as the grant reaches. The account reads that it was seen."""
    return page_of(await log.messages(doer, whose, wanted, cursor_after(cursor), limit))


@router.get("/accounts/{account_id}/log/messages/{message_id}")
async def show_granted_message(
    doer: StaffDoer, log: Log, runtime: Runtime, whose: WhoseLog, message_id: UUID
) -> GrantedTimelineOut:
    message, events = await log.message(doer, whose, message_id)
    return GrantedTimelineOut(
        **shown_message(listed(message, events)).model_dump(),
        deleted_at=message.received_at + runtime.settings.log_retention,
        events=[shown_event(event) for event in events],
    )
