"""What our staff see: accounts in figures, and the service's own audit log. Not part of the public document.

A session of its own in a cookie of its own, by passkey only, for eight hours. Must never be opened by a
customer's session, a key or an app's token, nor read by another role of the database than clearpost_staff.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from api.audit import AuditOut
from api.browser_sessions import clear_cookie, device_of, read_cookie, refuse_other_sites, set_cookie
from api.errors import responses
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.passkeys import ask_for_passkey, check_asker, read_answer
from api.security import Runtime
from customers import audit, browser_sessions, staff
from customers.audit import Actor, AuditFilter, Subject
from customers.browser_sessions import SignedIn
from customers.staff import Found, Overview
from mailcore.database import Staff
from mailcore.errors import Forbidden, Unauthorized

router = APIRouter(prefix="/staff/v1", include_in_schema=False, responses=responses(403, 404))

COOKIE: Final = "clearpost_staff"
_cursor = id_cursor("service audit")


class StaffSignIn(Body):
    credential: dict[str, Any]


class StaffMeOut(BaseModel):
    id: UUID
    email: str
    signed_in_at: datetime


class FoundOut(BaseModel):
    """An account that was looked for."""

    id: UUID
    name: str
    plan: str
    created_at: datetime

    @classmethod
    def of(cls, found: Found) -> "FoundOut":
        return cls.model_validate(found, from_attributes=True)


class FoundList(BaseModel):
    data: list[FoundOut]


class OverviewOut(BaseModel):
    """An account in figures; nothing of its log, aliases or destinations."""

    account: FoundOut
    policy_told_at: datetime | None
    members: int
    domains: int
    verified: int
    waiting: dict[str, int]
    forwarded: int
    refused: int

    @classmethod
    def of(cls, overview: Overview) -> "OverviewOut":
        return cls.model_validate(overview, from_attributes=True)


# --- signing in ---


router.post("/session/options")(ask_for_passkey)


@router.post("/session", status_code=204)
async def sign_in(request: Request, runtime: Runtime, body: StaffSignIn, response: Response) -> None:
    """A passkey of somebody who is staff now."""
    await check_asker(request, runtime)
    secret = await _session_of(request, runtime, body.credential)
    if secret is None:
        raise Forbidden("This passkey does not sign any staff in here.", code="passkey_refused")
    set_cookie(response, runtime.settings, secret, staff.LASTS, COOKIE)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, runtime: Runtime, response: Response) -> None:
    refuse_other_sites(request, runtime.settings)
    async with runtime.database.session() as session:
        secret = read_cookie(request, runtime.settings, COOKIE)
        await browser_sessions.revoke_secret(session, runtime.keyring, secret)
    clear_cookie(response, runtime.settings, COOKIE)


async def _session_of(request: Request, runtime: Runtime, credential: dict[str, Any]) -> str | None:
    """The secret of a new session, and a line in the service's log; None for who is not staff."""
    clock, keyring = runtime.clock, runtime.keyring
    async with runtime.database.session() as session:
        person = await read_answer(session, request, runtime, credential)
        if person is None or person.staff_since is None:
            return None
        actor = Actor("staff", person.email, person.id, request.state.request_id)
        audit.record(session, clock, None, actor, "staff.signed-in", Subject(person.id, person.email))
        return await browser_sessions.create(
            session,
            clock,
            keyring,
            person_id=person.id,
            account_id=None,
            method="passkey",
            device=device_of(request.headers.get("user-agent", "")),
            lasts=staff.LASTS,
            staff=True,
        )


# --- who asks ---


async def staff_person(request: Request, runtime: Runtime) -> SignedIn:
    """By the staff cookie and nothing else; who is not staff any more is nobody. Raises Unauthorized."""
    secret = read_cookie(request, runtime.settings, COOKIE)
    refuse_other_sites(request, runtime.settings)
    found = await browser_sessions.read(
        runtime.database, runtime.keyring, runtime.clock.now(), secret, idle=staff.LASTS, staff=True
    )
    if found is None:
        raise Unauthorized("Sign in as staff first.")
    return found


StaffMe = Annotated[SignedIn, Depends(staff_person)]


async def open_staff_session(runtime: Runtime, me: StaffMe) -> AsyncIterator[AsyncSession]:
    """One transaction of the role clearpost_staff, with the lines it adds to audit logs."""
    async with runtime.database.session(Staff()) as session:
        if not await staff.is_staff(session, me.person_id):
            raise Unauthorized("Sign in as staff first.")
        yield session


async def staff_actor(request: Request, me: StaffMe) -> Actor:
    return Actor("staff", me.email, me.person_id, request.state.request_id)


StaffSession = Annotated[AsyncSession, Depends(open_staff_session, scope="function")]
StaffDoer = Annotated[Actor, Depends(staff_actor)]


# --- what they see ---


@router.get("/me")
async def show_me(me: StaffMe, _: StaffSession) -> StaffMeOut:
    return StaffMeOut(id=me.person_id, email=me.email, signed_in_at=me.created_at)


@router.get("/accounts")
async def search_accounts(
    session: StaffSession,
    doer: StaffDoer,
    runtime: Runtime,
    wanted: Annotated[Text, Query(alias="q", min_length=2, max_length=200)],
    limit: Limit = 50,
) -> FoundList:
    """By name, domain or a member's address."""
    found = await staff.search(session, runtime.clock, doer, wanted, limit)
    return FoundList(data=[FoundOut.of(each) for each in found])


@router.get("/accounts/{account_id}")
async def show_account(
    session: StaffSession, doer: StaffDoer, runtime: Runtime, account_id: UUID
) -> OverviewOut:
    """The account reads in its audit log that somebody looked."""
    return OverviewOut.of(await staff.look_at(session, runtime.clock, doer, account_id))


@router.get("/audit")
async def show_audit(
    session: StaffSession, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[AuditOut]:
    """The service's own log, newest first."""
    after, now = id_after("service audit", cursor), runtime.clock.now()
    rows = await audit.list_of(session, now, None, AuditFilter(), after=after, limit=limit + 1)
    return Page[AuditOut].of(rows, limit, AuditOut.of, lambda row: _cursor(row.id))
