"""The person who is signed in: who they are, where they belong, which browsers they are signed in with.

Must never show or change anything of another person, nor be open to a key or an app.
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.browser_sessions import clear_cookie
from api.errors import responses
from api.fields import Body, Text
from api.routes import Route
from api.security import FreshMe, Me, OwnSession, Runtime, fresh_until
from customers import browser_sessions, identities, passkeys, people, person_deletion
from customers.audit import Actor, Subject
from customers.browser_sessions import Method, SignedIn
from customers.callers import OF_ROLE, Role, Scope
from customers.people import Belonging
from mailcore.errors import NotFound
from mailcore.models import BrowserSession

router = APIRouter(prefix="/v1/me", route_class=Route, tags=["You"], responses=responses())


class BelongingOut(BaseModel):
    """An account that the person belongs to."""

    id: UUID
    name: str = Field(examples=["Demo"])
    role: Role

    @classmethod
    def of(cls, belonging: Belonging) -> "BelongingOut":
        return cls(id=belonging.account_id, name=belonging.name, role=belonging.role)


class IdentityOut(BaseModel):
    """An identity provider that knows the person."""

    id: UUID
    issuer: str = Field(examples=["https://accounts.google.com"])
    created_at: datetime
    last_used_at: datetime | None


class SessionOut(BaseModel):
    """A browser that is signed in."""

    id: UUID
    current: bool = Field(description="Whether it is the one that asks", examples=[True])
    method: Method
    device: str = Field(examples=["Firefox on Linux"])
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: BrowserSession, me: SignedIn) -> "SessionOut":
        return cls.model_validate({**row.model_dump(), "current": row.id == me.session_id})


class SessionList(BaseModel):
    data: list[SessionOut]


class MeOut(BaseModel):
    """`account_id` is where the person works now, null for nowhere yet; `method` is how they signed in."""

    id: UUID
    email: str = Field(examples=["you@example.net"])
    name: str = Field(examples=["Ada"])
    account_id: UUID | None
    role: Role | None
    scopes: list[Scope] = Field(description="What the role allows in `account_id`")
    accounts: list[BelongingOut]
    is_staff: bool = Field(description="Whether /staff is open to them, by passkey", examples=[False])
    session_id: UUID
    method: Method
    signed_in_at: datetime
    fresh_until: datetime = Field(description="After that some changes answer 403 `sign_in_again`")
    passkeys: int = Field(description="How many passkeys they have", examples=[1])
    identities: list[IdentityOut]


class AccountChoice(Body):
    account_id: UUID


class MeChange(Body):
    name: Annotated[
        Text, Field(max_length=100, description="How others see you; may be empty", examples=["Ada"])
    ]


@router.get("", summary="Show who is signed in")
async def get_me(me: Me, session: OwnSession) -> MeOut:
    return await _shown(me, session)


@router.patch("", summary="Change your name")
async def update_me(me: Me, session: OwnSession, runtime: Runtime, body: MeChange) -> MeOut:
    await people.rename(session, me.person_id, body.name)
    actor, subject = Actor("person", me.email, me.person_id), Subject(me.person_id, body.name)
    await people.record(session, runtime.clock, me.person_id, actor, "person.renamed", subject)
    return await _shown(replace(me, name=body.name), session)


@router.delete(
    "", status_code=204, summary="Delete yourself, and leave every account", responses=responses(403, 409)
)
async def delete_me(me: FreshMe, session: OwnSession, runtime: Runtime, response: Response) -> None:
    """All you sign in with is gone. 409 `last_owner` while you alone own an account: hand it over, or delete
    it. 403 `sign_in_again` as for passkeys.
    """
    actor = Actor("person", me.email, me.person_id)
    await person_deletion.delete(session, runtime.clock, me.person_id, actor)
    clear_cookie(response, runtime.settings)


@router.post("/account", summary="Work in another account", responses=responses(404))
async def choose_account(me: Me, session: OwnSession, runtime: Runtime, body: AccountChoice) -> MeOut:
    """For this browser, from its next request on."""
    belongings = await people.belongings(session, me.person_id)
    chosen = next((each for each in belongings if each.account_id == body.account_id), None)
    if chosen is None:
        raise NotFound("You belong to no such account.")
    await browser_sessions.choose_account(session, me.session_id, chosen.account_id)
    return await _shown(me, session, chosen)


@router.get("/sessions", summary="List the browsers you are signed in with")
async def list_sessions(me: Me, session: OwnSession, runtime: Runtime) -> SessionList:
    now, idle = runtime.clock.now(), runtime.settings.session_idle
    rows = await browser_sessions.of_person(session, me.person_id, now, idle=idle)
    return SessionList(data=[SessionOut.of(row, me) for row in rows])


@router.delete("/sessions", status_code=204, summary="Sign out everywhere else")
async def delete_sessions(me: Me, session: OwnSession) -> None:
    await browser_sessions.revoke_all(session, me.person_id, but=me.session_id)


@router.delete(
    "/sessions/{session_id}", status_code=204, summary="Sign out a browser", responses=responses(404)
)
async def delete_session(
    me: Me, session: OwnSession, runtime: Runtime, response: Response, session_id: UUID
) -> None:
    """At once: its next request is refused."""
    if not await browser_sessions.revoke(session, me.person_id, session_id):
        raise NotFound("You have no such session.")
    if session_id == me.session_id:
        clear_cookie(response, runtime.settings)


@router.delete(
    "/identities/{identity_id}", status_code=204, summary="Unlink a provider", responses=responses(403, 404)
)
async def delete_identity(me: FreshMe, session: OwnSession, runtime: Runtime, identity_id: UUID) -> None:
    """The link by mail stays, so nobody is locked out. 403 `sign_in_again` as for passkeys."""
    issuer = await identities.unlink(session, me.person_id, identity_id)
    if issuer is None:
        raise NotFound("You have no such identity.")
    actor = Actor("person", me.email, me.person_id)
    subject = Subject(identity_id, issuer)
    await people.record(session, runtime.clock, me.person_id, actor, "identity.unlinked", subject)


async def _shown(me: SignedIn, session: OwnSession, chosen: Belonging | None = None) -> MeOut:
    rows = await identities.of_person(session, me.person_id)
    person = await people.get(session, me.person_id)
    role = chosen.role if chosen else me.role
    return MeOut(
        id=me.person_id,
        email=me.email,
        name=me.name,
        account_id=chosen.account_id if chosen else me.account_id,
        role=role,
        scopes=sorted(OF_ROLE[role]) if role else [],
        accounts=[BelongingOut.of(each) for each in await people.belongings(session, me.person_id)],
        is_staff=person.staff_since is not None,
        session_id=me.session_id,
        method=me.method,
        signed_in_at=me.created_at,
        fresh_until=fresh_until(me),
        passkeys=len(await passkeys.of_person(session, me.person_id)),
        identities=[IdentityOut.model_validate(row, from_attributes=True) for row in rows],
    )
