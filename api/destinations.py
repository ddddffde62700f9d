"""Destinations: the real inboxes of the account."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.routes import Route
from api.security import ReadsAliases, Runtime, Session, WritesAliases
from mailcore import destinations
from mailcore.models import Destination

router = APIRouter(prefix="/v1/destinations", route_class=Route, tags=["Destinations"], responses=responses())

_cursor = id_cursor("destinations")


class DestinationNew(Body):
    address: Text = Field(examples=["you@example.net"])


class DestinationOut(BaseModel):
    id: UUID
    address: str = Field(examples=["you@example.net"])
    created_at: datetime

    @classmethod
    def of(cls, destination: Destination) -> Self:
        return cls(id=destination.id, address=destination.address, created_at=destination.created_at)


@router.get("", summary="List the destinations")
async def list_destinations(
    who: ReadsAliases, session: Session, limit: Limit = 50, cursor: CursorText = None
) -> Page[DestinationOut]:
    after = id_after("destinations", cursor)
    rows = await destinations.list_of(session, who.account_id, after=after, limit=limit + 1)
    return Page.of(rows, limit, DestinationOut.of, lambda row: _cursor(row.id))


@router.post("", status_code=201, summary="Add a destination", responses=responses(403, 409))
async def create_destination(
    body: DestinationNew, who: WritesAliases, session: Session, runtime: Runtime
) -> DestinationOut:
    clock, settings = runtime.clock, runtime.settings
    return DestinationOut.of(
        await destinations.create(session, clock, settings, who.account_id, body.address)
    )


@router.delete(
    "/{destination_id}", status_code=204, summary="Delete a destination", responses=responses(404, 409)
)
async def delete_destination(destination_id: UUID, who: WritesAliases, session: Session) -> None:
    """It leaves every alias. Mail that still waits for it ends as hard-bounced: cancelled.

    409 `in_use` while an alias has no other destination: `aliases` names up to 100 of them, `count` says
    how many there are.
    """
    await destinations.delete(session, who.account_id, destination_id)
