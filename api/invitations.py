"""Invitations into the account; and the page of the link that was mailed, which needs no signing in.

Must never act on GET: programs open the links of mail before people do. Must never sign anybody in.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.pages import page
from api.routes import Route
from api.security import AsAdmin, Doer, ReadsAccount, Runtime, Session, WritesAccount
from customers import invitations, letter_rates
from customers.callers import Role
from mailcore.models import Invitation
from mailcore.rates import Rate, refuse_unless

router = APIRouter(prefix="/v1/invitations", route_class=Route, tags=["Team"], responses=responses(403, 404))
pages = APIRouter(prefix="/invitations", include_in_schema=False)

_cursor = id_cursor("invitations")
_LETTERS: Final = Rate(30, timedelta(days=1))
_OVER: Final = (
    "It was accepted or withdrawn, or its 7 days are over.",
    "Ask whoever invited you to send it again.",
)


class InvitationIn(Body):
    email: Text = Field(examples=["ada@example.org"])
    role: Role = Field(Role.MEMBER, description="`owner` can be given by an owner only")


class InvitationOut(BaseModel):
    """Somebody who was invited and has not accepted yet."""

    id: UUID
    email: str = Field(examples=["ada@example.org"])
    role: Role
    invited_by: str = Field(examples=["you@example.org"])
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationOut":
        return cls.model_validate(invitation, from_attributes=True)


@router.get("", summary="List the invitations that wait to be accepted")
async def list_invitations(
    who: ReadsAccount, session: Session, runtime: Runtime, cursor: CursorText = None, limit: Limit = 50
) -> Page[InvitationOut]:
    after = id_after("invitations", cursor)
    rows = await invitations.list_of(session, runtime.clock, who.account_id, after=after, limit=limit + 1)
    return Page[InvitationOut].of(rows, limit, InvitationOut.of, lambda each: _cursor(each.id))


async def _one_letter(runtime: Runtime, who: AsAdmin) -> None:
    """Letters to strangers are counted by account. Raises TooMany."""
    await runtime.rates.need(
        "invitations", str(who.account_id), _LETTERS, "Too many invitations were sent today."
    )


async def _one_to(runtime: Runtime, address: str) -> None:
    """And by the inbox, whoever writes. Raises TooMany."""
    taken = await letter_rates.from_others(runtime.rates, address)
    refuse_unless(taken, "This address was written to a few times today.")


@router.post(
    "",
    status_code=201,
    summary="Invite somebody by mail",
    responses=responses(403, 404, 409, 429),
    dependencies=[Depends(_one_letter)],
)
async def create_invitation(
    who: AsAdmin, doer: Doer, session: Session, runtime: Runtime, body: InvitationIn
) -> InvitationOut:
    """For people. The link in the mail is valid for 7 days, while you may give that role yourself. An address
    gets a few a day at most, from all accounts.
    """
    await _one_to(runtime, body.email)
    return InvitationOut.of(
        await invitations.create(session, runtime.clock, runtime.keyring, who, doer, body.email, body.role)
    )


@router.post(
    "/{invitation_id}/send",
    summary="Send an invitation again",
    responses=responses(403, 404, 429),
    dependencies=[Depends(_one_letter)],
)
async def send_invitation(
    who: AsAdmin, doer: Doer, session: Session, runtime: Runtime, invitation_id: UUID
) -> InvitationOut:
    """For people. Its 7 days begin anew, and it is yours from now on."""
    await _one_to(runtime, (await invitations.get(session, who.account_id, invitation_id)).email)
    return InvitationOut.of(
        await invitations.send_again(session, runtime.clock, runtime.keyring, who, doer, invitation_id)
    )


@router.get("/{invitation_id}", summary="Show an invitation that waits to be accepted")
async def get_invitation(who: ReadsAccount, session: Session, invitation_id: UUID) -> InvitationOut:
    return InvitationOut.of(await invitations.get(session, who.account_id, invitation_id))


@router.delete(
    "/{invitation_id}",
    status_code=204,
    summary="Withdraw an invitation",
    responses=responses(403, 404, 412),
)
async def delete_invitation(
    who: WritesAccount,
    doer: Doer,
    session: Session,
    runtime: Runtime,
    if_match: IfMatch,
    invitation_id: UUID,
) -> None:
    await if_match.holds(lambda: _locked(session, who.account_id, invitation_id))
    await invitations.delete(session, runtime.clock, who.account_id, doer, invitation_id)


async def _locked(session: AsyncSession, account_id: UUID, invitation_id: UUID) -> InvitationOut:
    return InvitationOut.of(await invitations.get(session, account_id, invitation_id, lock=True))


# --- the page behind the link: in a transaction of the service, since its visitor has no account yet ---

Token = Annotated[str, Path(max_length=100)]


@pages.get("/{token}")
async def show_invitation(runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        offer = await invitations.offered(session, runtime.clock, runtime.keyring, token)
    return page("invitation.html", title="Invitation", offer=offer) if offer else _over()


@pages.post("/{token}")
async def accept_invitation(runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        offer = await invitations.accept(session, runtime.clock, runtime.keyring, token)
    if offer is None:
        return _over()
    where = f"You belong to {offer.account} now." if offer.account else "Your account is made."
    lines = [where, f"Sign in as {offer.email} to use it."]
    return page("message.html", title="Welcome", lines=lines, link=("/auth/sign-in", "Sign in"))


def _over() -> HTMLResponse:
    return page("message.html", status=410, title="This invitation is over", lines=_OVER, link=None)
