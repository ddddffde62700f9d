"""An account whose owners are gone: an admin asks for it, an owner objects. Must never act on GET."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from api.errors import responses
from api.pages import page
from api.routes import Route
from api.security import AsAdmin, Doer, ReadsAccount, Runtime, Session
from customers import account_claims
from mailcore.errors import NotFound
from mailcore.models import AccountClaim
from mailcore.rates import Rate

router = APIRouter(
    prefix="/v1/account/claim", route_class=Route, tags=["Account"], responses=responses(403, 404)
)
pages = APIRouter(prefix="/claims", include_in_schema=False)

Token = Annotated[str, Path(max_length=100)]
_LETTERS: Final = Rate(3, timedelta(days=1))


class ClaimOut(BaseModel):
    """An admin asks to own the account. It is theirs at `due_at`, unless an owner objects or signs in."""

    id: UUID
    person_id: UUID
    created_at: datetime
    due_at: datetime

    @classmethod
    def of(cls, claim: AccountClaim) -> "ClaimOut":
        return cls.model_validate(claim, from_attributes=True)


@router.get("", summary="Show who asks to own the account")
async def get_claim(who: ReadsAccount, session: Session) -> ClaimOut:
    claim = await account_claims.of_account(session, who.account_id)
    if claim is None:
        raise NotFound("Nobody asks to own this account.")
    return ClaimOut.of(claim)


@router.post(
    "",
    status_code=201,
    summary="Ask for an account whose owners are gone",
    responses=responses(403, 404, 409),
)
async def create_claim(who: AsAdmin, doer: Doer, session: Session, runtime: Runtime) -> ClaimOut:
    """For an admin in their browser. Every owner gets a letter; after 7 days without a word you own it."""
    await runtime.rates.need("claims", str(who.account_id), _LETTERS, "Owners were told often today.")
    return ClaimOut.of(await account_claims.ask(session, runtime.clock, who, doer))


@router.delete("", status_code=204, summary="Object, or withdraw")
async def delete_claim(who: AsAdmin, doer: Doer, session: Session, runtime: Runtime) -> None:
    """For an owner, or for who asked."""
    await account_claims.end(session, runtime.clock, who, doer)


# --- the page of the link in an owner's letter: in a transaction of the service, as nobody is signed in ---


@pages.get("/{token}")
async def show_claim(runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        claim = await account_claims.opened(session, runtime.clock, runtime.keyring, token)
    return page("claim.html", title="Your account stays yours") if claim else _over()


@pages.post("/{token}")
async def object_to_claim(runtime: Runtime, token: Token) -> HTMLResponse:
    async with runtime.database.session() as session:
        ended = await account_claims.object_to(session, runtime.clock, runtime.keyring, token)
    lines = ["The account stays with its owners."]
    return page("message.html", title="Noted", lines=lines, link=None) if ended else _over()


def _over() -> HTMLResponse:
    lines = ["Nobody asks to own the account any more, or it was decided."]
    return page("message.html", status=410, title="This link is over", lines=lines, link=None)
