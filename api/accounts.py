"""The caller's own account: its name, plan, limits and what today has used of them; what is logged of its
mail, which is told before the first domain; and one more account for the same person.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, Text
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import Doer, Me, OwnSession, ReadsAccount, Runtime, Session, WritesAccount
from billing import state, subscriptions
from customers import accounts, audit, domains, people, policy, support_grants, suspension
from customers.audit import Actor, Subject
from customers.callers import Role
from customers.suspension_letters import Reason
from mailcore import changes
from mailcore.errors import Forbidden, LimitReached
from mailcore.models import Account
from mailcore.plans import Lane, Plan, PlanLimits
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/account", route_class=Route, tags=["Account"], responses=responses(403))
# What a person does who may be in no account now.
of_people = APIRouter(
    prefix="/v1/accounts", route_class=Route, tags=["Account"], responses=responses(403, 429)
)

_MOST_OWNED: Final = 10
_NEW: Final = Rate(5, timedelta(days=1))


class LimitsOut(BaseModel):
    """What the plan allows. Bytes of attachments are counted decoded."""

    domains: int = Field(examples=[1])
    aliases_per_domain: int = Field(examples=[25])
    destinations_per_alias: int = Field(examples=[5])
    attachment_bytes: int = Field(examples=[10485760])
    forwarded_per_day: int = Field(examples=[500])
    lane: Lane

    @classmethod
    def of(cls, limits: PlanLimits) -> Self:
        return cls(
            domains=limits.domains,
            aliases_per_domain=limits.aliases_per_domain,
            destinations_per_alias=limits.destinations_per_alias,
            attachment_bytes=limits.attachment_bytes,
            forwarded_per_day=limits.daily_quota,
            lane=limits.lane,
        )


class UsageDayOut(BaseModel):
    """Counted on this day in UTC."""

    day: date
    forwarded: int = Field(description="Deliveries: mail to two inboxes counts twice", examples=[12])
    refused: int = Field(examples=[2])
    refused_by_plan: int = Field(
        description="Those of `refused` that a larger plan would have taken", examples=[0]
    )
    bytes: int = Field(description="Of messages as they were received", examples=[48213])


class UsageOut(UsageDayOut):
    """Counted on this day in UTC; `domains` is how many there are now."""

    domains: int = Field(examples=[1])


class SuspensionOut(BaseModel):
    """Mail is put off until `refused_from`, and refused after that. Nothing of the account changes."""

    since: datetime
    reason: Reason
    explanation: str = Field(examples=["somebody else seems to have taken it over"])
    note: str = Field(description="What we wrote to the owners")
    refused_from: datetime


class AccountOut(BaseModel):
    id: UUID
    name: str = Field(examples=["Demo"])
    plan: Plan
    policy_told_at: datetime | None = Field(description="When somebody said that they know what is logged")
    suspended: SuspensionOut | None = Field(description="null: it is not")
    payment_failing_since: datetime | None
    plan_ends_at: datetime | None = Field(description="When the plan ends, unless what fails is paid")
    surplus_pauses_at: datetime | None = Field(
        description="When what the plan has no room for since a downgrade pauses, or has paused; else null"
    )
    support_until: datetime | None = Field(
        description="Until when our staff may read the log, as the account has let them; else null"
    )
    limits: LimitsOut
    usage: UsageOut


class AccountName(Body):
    name: Text = Field(min_length=1, max_length=100, examples=["Demo"])


class ColumnOut(BaseModel):
    """Something that is written down, and what it is."""

    name: str = Field(examples=["subject"])
    meaning: str = Field(examples=["the Subject, at most 998 characters"])


class PolicyOut(BaseModel):
    """What is logged of your mail, to the column. `told_at`: when somebody of the account said they know."""

    told_at: datetime | None
    days: int = Field(description="After so many days from receipt it is gone", examples=[7])
    promise: Sequence[str]
    message: list[ColumnOut] = Field(description="Of each message")
    event: list[ColumnOut] = Field(description="Of each event of a message")


class PolicyRead(Body):
    read: Literal[True]


class MembershipOut(BaseModel):
    """An account that the person belongs to."""

    id: UUID
    name: str = Field(examples=["Demo"])
    role: Role


@router.get("", summary="Show the account with its plan, limits and usage")
async def get_account(who: ReadsAccount, session: Session, runtime: Runtime) -> AccountOut:
    return await _shown(session, runtime, await accounts.get(session, who.account_id))


@router.patch("", summary="Give the account another name", responses=responses(403, 412))
async def update_account(
    who: WritesAccount, doer: Doer, session: Session, runtime: Runtime, if_match: IfMatch, body: AccountName
) -> AccountOut:
    await if_match.holds(lambda: locked(session, runtime, who.account_id))
    account = await accounts.rename(session, who.account_id, body.name)
    subject = Subject(account.id, account.name)
    audit.record(session, runtime.clock, account.id, doer, "account.changed", subject, name=account.name)
    await changes.note(session, account.id, "account")
    return await _shown(session, runtime, account)


@router.get("/policy", summary="Show what is logged of your mail, and for how long")
async def get_policy(who: ReadsAccount, session: Session, runtime: Runtime) -> PolicyOut:
    return _policy(runtime, await accounts.get(session, who.account_id))


@router.post("/policy", summary="Say that you have read what is logged")
async def read_policy(
    who: WritesAccount, doer: Doer, session: Session, runtime: Runtime, body: PolicyRead
) -> PolicyOut:
    """The account may claim domains from now on."""
    account, first = await accounts.mark_told(session, who.account_id, runtime.clock.now())
    if first:
        subject = Subject(account.id, account.name)
        audit.record(session, runtime.clock, account.id, doer, "policy.read", subject)
    return _policy(runtime, account)


@of_people.post("", status_code=201, summary="Open one more account, as its owner")
async def create_account(me: Me, session: OwnSession, runtime: Runtime, body: AccountName) -> MembershipOut:
    """Where signing up is open. Choose it afterwards, to work in it."""
    if runtime.settings.sign_up_rule != "open":
        raise Forbidden("Accounts are opened by invitation here, or not at all.", code="sign_up_closed")
    await runtime.rates.need("accounts", str(me.person_id), _NEW, "You opened many accounts today.")
    owned = [b for b in await people.belongings(session, me.person_id) if b.role is Role.OWNER]
    if len(owned) >= _MOST_OWNED:
        raise LimitReached(
            f"One person may own {_MOST_OWNED} accounts.", resource="accounts", limit=_MOST_OWNED
        )
    account = await accounts.create(session, runtime.clock, name=body.name, owner_email=me.email)
    actor, subject = Actor("person", me.email, me.person_id), Subject(account.id, account.name)
    audit.record(session, runtime.clock, account.id, actor, "account.created", subject)
    return MembershipOut(id=account.id, name=account.name, role=Role.OWNER)


def _policy(runtime: ApiRuntime, account: Account) -> PolicyOut:
    retention = runtime.settings.log_retention
    return PolicyOut(
        told_at=account.policy_told_at,
        days=retention.days,
        promise=policy.sentences(retention),
        message=[ColumnOut(name=each.name, meaning=each.meaning) for each in policy.of_each_message()],
        event=[ColumnOut(name=each.name, meaning=each.meaning) for each in policy.of_each_event()],
    )


async def locked(session: AsyncSession, runtime: ApiRuntime, account_id: UUID) -> AccountOut:
    """The account as it is shown, and as it stays until the transaction ends."""
    return await _shown(session, runtime, await accounts.get(session, account_id, lock=True))


async def _shown(session: AsyncSession, runtime: ApiRuntime, account: Account) -> AccountOut:
    suspended, late = suspension.of(account), await state.past_due_since(session, account.id)
    return AccountOut(
        id=account.id,
        name=account.name,
        plan=Plan(account.plan),
        policy_told_at=account.policy_told_at,
        suspended=suspended and SuspensionOut.model_validate(suspended, from_attributes=True),
        payment_failing_since=late,
        plan_ends_at=late and late + subscriptions.GRACE,
        surplus_pauses_at=account.surplus_pauses_at,
        support_until=await support_grants.last_until(session, runtime.clock.now(), account.id),
        limits=LimitsOut.of(accounts.limits_of(account)),
        usage=await usage_now(session, runtime, account.id),
    )


async def usage_now(session: AsyncSession, runtime: ApiRuntime, account_id: UUID) -> UsageOut:
    (used,) = await accounts.usage(session, account_id, runtime.clock.now().date())
    return UsageOut(
        day=used.day,
        forwarded=used.forwarded,
        refused=used.refused,
        refused_by_plan=used.refused_by_plan,
        bytes=used.bytes,
        domains=await domains.count(session, account_id),
    )
