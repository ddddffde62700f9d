"""What our staff see and do: accounts in figures, suspending one, the queue's health, and the service's own
audit log. Not part of the public document.

A session of its own in a cookie of its own, by passkey only, for eight hours. Must never be opened by a
customer's session, a key or an app's token, nor read by another role of the database than clearpost_staff.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel.ext.asyncio.session import AsyncSession

from api.accounts import LimitsOut, SuspensionOut
from api.audit import AuditOut
from api.browser_sessions import clear_cookie, device_of, read_cookie, refuse_other_sites, set_cookie
from api.errors import responses
from api.fields import Body, CursorText, Limit, Page, Text, id_after, id_cursor
from api.passkeys import ask_for_passkey, check_asker, read_answer
from api.runtime import ApiRuntime
from api.security import Runtime
from billing import state
from billing.state import Paid
from customers import audit, browser_sessions, queue_health, staff, suspension
from customers.audit import Actor, AuditFilter, Subject
from customers.browser_sessions import SignedIn
from customers.staff import Found, Overview
from customers.suspension_letters import Reason
from mailcore.database import Staff
from mailcore.errors import Forbidden, Unauthorized
from mailcore.plans import Lane, Plan, limits_for

router = APIRouter(prefix="/staff/v1", include_in_schema=False, responses=responses(403, 404))

COOKIE: Final = "clearpost_staff"
_cursor = id_cursor("service audit")
# Of several lines, unlike other text.
Note = Annotated[
    str, StringConstraints(max_length=2000), Field(pattern="^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]*$")
]


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
    suspended_at: datetime | None

    @classmethod
    def of(cls, found: Found) -> "FoundOut":
        return cls.model_validate(found, from_attributes=True)


class FoundList(BaseModel):
    data: list[FoundOut]


class UsedOut(BaseModel):
    day: date
    forwarded: int
    refused: int
    bytes: int


class PaidOut(BaseModel):
    """Its subscription, as Stripe told it last."""

    status: str
    plan: str | None
    interval: str | None
    amount_monthly: int
    currency: str
    period_end: datetime | None
    cancel_at: datetime | None
    past_due_since: datetime | None
    disputed: bool


class OverviewOut(BaseModel):
    """An account in figures; nothing of its log, aliases or destinations."""

    account: FoundOut
    suspended: SuspensionOut | None
    limits: LimitsOut
    subscription: PaidOut | None
    owners: list[str]
    usage: list[UsedOut]
    policy_told_at: datetime | None
    members: int
    domains: int
    verified: int
    waiting: dict[str, int]
    forwarded: int
    refused: int

    @classmethod
    def of(cls, overview: Overview, paid: Paid | None) -> "OverviewOut":
        limits = LimitsOut.of(limits_for(Plan(overview.account.plan)))
        return cls.model_validate(
            {
                **asdict(overview),
                **_suspended(overview),
                "limits": limits,
                "subscription": paid and asdict(paid),
            }
        )


def _suspended(overview: Overview) -> dict[str, Any]:
    shown = overview.suspended and SuspensionOut.model_validate(overview.suspended, from_attributes=True)
    return {"suspended": shown}


class SuspensionNew(Body):
    """`note`: to the owners, in the letter that they get and in their portal."""

    reason: Reason
    note: Note = ""


class SuspensionEnd(Body):
    note: Note = ""


class LaneHealthOut(BaseModel):
    lane: Lane
    waiting: int
    in_progress: int
    held: int
    deferred: int
    oldest_seconds: float
    late_seconds: float


class ProviderHealthOut(BaseModel):
    """`provider` is empty for those together that few accounts send to."""

    provider: str
    waiting: int
    deferred: int
    oldest_seconds: float
    paused_until: datetime | None


class QueueHealthOut(BaseModel):
    lanes: list[LaneHealthOut]
    providers: list[ProviderHealthOut]


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
    return await _shown(session, runtime, doer, account_id)


@router.post("/accounts/{account_id}/suspend", responses=responses(409))
async def suspend_account(
    session: StaffSession, doer: StaffDoer, runtime: Runtime, account_id: UUID, body: SuspensionNew
) -> OverviewOut:
    """Its owners get a letter; both audit logs say so."""
    await suspension.suspend(session, runtime.clock, doer, account_id, body.reason, body.note)
    return await _shown(session, runtime, doer, account_id)


@router.post("/accounts/{account_id}/resume", responses=responses(409))
async def resume_account(
    session: StaffSession, doer: StaffDoer, runtime: Runtime, account_id: UUID, body: SuspensionEnd
) -> OverviewOut:
    await suspension.resume(session, runtime.clock, doer, account_id, body.note)
    return await _shown(session, runtime, doer, account_id)


async def _shown(session: AsyncSession, runtime: ApiRuntime, doer: Actor, account_id: UUID) -> OverviewOut:
    overview = await staff.look_at(session, runtime.clock, doer, account_id)
    return OverviewOut.of(overview, await state.paid(session, account_id))


@router.get("/queue")
async def show_queue(session: StaffSession) -> QueueHealthOut:
    """Figures of the whole service; nobody's address."""
    return QueueHealthOut.model_validate(
        {
            "lanes": [asdict(each) for each in await queue_health.lanes(session)],
            "providers": [asdict(each) for each in await queue_health.providers(session)],
        }
    )


@router.get("/audit")
async def show_audit(
    session: StaffSession, runtime: Runtime, limit: Limit = 50, cursor: CursorText = None
) -> Page[AuditOut]:
    """The service's own log, newest first."""
    after, now = id_after("service audit", cursor), runtime.clock.now()
    rows = await audit.list_of(session, now, None, AuditFilter(), after=after, limit=limit + 1)
    return Page[AuditOut].of(rows, limit, AuditOut.of, lambda row: _cursor(row.id))
