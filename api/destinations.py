"""Destinations: the real inboxes of the account."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.routes import Route
from api.security import Doer, ReadsDestinations, Runtime, Session, WritesDestinations
from customers import accounts, audit, confirmations, destinations
from customers.audit import Subject
from customers.destinations import State
from mailcore import changes
from mailcore.errors import Conflict, TooMany
from mailcore.models import Destination

router = APIRouter(prefix="/v1/destinations", route_class=Route, tags=["Destinations"], responses=responses())

_cursor = id_cursor("destinations")


class DestinationNew(Body):
    address: Text = Field(examples=["you@example.net"])


class DestinationOut(BaseModel):
    id: UUID
    address: str = Field(examples=["you@example.net"])
    state: State = Field(
        description="Mail goes to `confirmed` and `failing` ones; `failing`: the last of it was refused for "
        "good; `stopped`: whoever reads it wants no more"
    )
    created_at: datetime
    confirmed_at: datetime | None
    asked_at: datetime | None = Field(description="When it was last asked by mail whether it wants this")
    failing_since: datetime | None

    @classmethod
    def of(cls, destination: Destination) -> Self:
        return cls(
            id=destination.id,
            address=destination.address,
            state=destinations.state_of(destination),
            created_at=destination.created_at,
            confirmed_at=destination.confirmed_at,
            asked_at=destination.asked_at,
            failing_since=destination.failing_since,
        )


class ListedDestinationOut(DestinationOut):
    alias_count: int = Field(description="How many aliases forward there", examples=[3])


@router.get("", summary="List the destinations")
async def list_destinations(
    who: ReadsDestinations, session: Session, limit: Limit = 50, cursor: CursorText = None
) -> Page[ListedDestinationOut]:
    after = id_after("destinations", cursor)
    rows = await destinations.list_of(session, who.account_id, after=after, limit=limit + 1)
    counts = await destinations.count_aliases(session, [row.id for row in rows])

    def show(row: Destination) -> ListedDestinationOut:
        shown = DestinationOut.of(row)
        return ListedDestinationOut(**shown.model_dump(), alias_count=counts.get(row.id, 0))

    return Page.of(rows, limit, show, lambda row: _cursor(row.id))


@router.post("", status_code=201, summary="Add a destination", responses=responses(403, 409))
async def create_destination(
    body: DestinationNew, who: WritesDestinations, session: Session, runtime: Runtime, doer: Doer
) -> DestinationOut:
    """It is asked by mail whether it wants this, and gets nothing before it has said yes. An address that
    the owner or an admin signs in with needs no asking.
    """
    clock, settings, keyring = runtime.clock, runtime.settings, runtime.keyring
    made = await destinations.create(session, clock, settings, keyring, who.account_id, body.address)
    audit.record(session, clock, who.account_id, doer, "destination.created", Subject(made.id, made.address))
    await changes.note(session, who.account_id, "destination", made.id, state=destinations.state_of(made))
    return DestinationOut.of(made)


@router.get("/{destination_id}", summary="Show a destination", responses=responses(404))
async def get_destination(destination_id: UUID, who: ReadsDestinations, session: Session) -> DestinationOut:
    return DestinationOut.of(await accounts.get_owned(session, Destination, who.account_id, destination_id))


@router.post(
    "/{destination_id}/confirmation",
    summary="Ask a destination again whether it wants mail",
    responses=responses(404, 409, 429),
)
async def ask_destination(
    destination_id: UUID, who: WritesDestinations, session: Session, runtime: Runtime, doer: Doer
) -> DestinationOut:
    """A few times a day at most, counted by destination, by account, and by address over all accounts."""
    asked = await accounts.get_owned(session, Destination, who.account_id, destination_id, lock=True)
    if (state := destinations.state_of(asked)) != "unconfirmed":
        raise Conflict(f"There is nothing to ask: this destination is {state}.", code="destination_answered")
    taken = await confirmations.may_ask(runtime.rates, asked)
    if not taken.allowed:
        detail = "This inbox was asked a few times already."
        raise TooMany(detail, retry_after=taken.retry_after)
    await confirmations.ask(session, runtime.clock, asked)
    about = Subject(asked.id, asked.address)
    audit.record(session, runtime.clock, who.account_id, doer, "destination.asked", about)
    return DestinationOut.of(asked)


@router.delete(
    "/{destination_id}", status_code=204, summary="Delete a destination", responses=responses(404, 409, 412)
)
async def delete_destination(
    destination_id: UUID,
    who: WritesDestinations,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
    doer: Doer,
) -> None:
    """It leaves every alias. Mail that still waits for it ends as hard-bounced: cancelled.

    409 `in_use` while an alias has no other destination: `aliases` names up to 100 of them, `count` says
    how many there are.
    """
    await if_match.holds(lambda: _locked(session, who.account_id, destination_id))
    address = await destinations.delete(session, who.account_id, destination_id)
    about = Subject(destination_id, address)
    audit.record(session, runtime.clock, who.account_id, doer, "destination.deleted", about)
    await changes.note(session, who.account_id, "destination", destination_id, state="deleted")


async def _locked(session: AsyncSession, account_id: UUID, destination_id: UUID) -> DestinationOut:
    await destinations.delete_no_other(session, account_id)
    return DestinationOut.of(
        await accounts.get_owned(session, Destination, account_id, destination_id, lock=True)
    )
