"""The caller's own account: plan, limits and what today has used of them."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import responses
from api.routes import Route
from api.security import ReadsAccount, Runtime, Session
from mailcore import accounts, domains
from mailcore.plans import Lane, Plan

router = APIRouter(prefix="/v1/account", route_class=Route, tags=["Account"], responses=responses())


class LimitsOut(BaseModel):
    """What the plan allows. Bytes of attachments are counted decoded."""

    domains: int = Field(examples=[1])
    aliases_per_domain: int = Field(examples=[25])
    destinations_per_alias: int = Field(examples=[5])
    attachment_bytes: int = Field(examples=[10485760])
    forwarded_per_day: int = Field(examples=[500])
    lane: Lane


class UsageOut(BaseModel):
    """Counted on this day in UTC; `domains` is how many there are now."""

    day: date
    forwarded: int = Field(examples=[12])
    refused: int = Field(examples=[0])
    bytes: int = Field(examples=[48213])
    domains: int = Field(examples=[1])


class AccountOut(BaseModel):
    id: UUID
    name: str = Field(examples=["Demo"])
    plan: Plan
    limits: LimitsOut
    usage: UsageOut


@router.get("", summary="Show the account with its plan, limits and usage")
async def get_account(who: ReadsAccount, session: Session, runtime: Runtime) -> AccountOut:
    account = await accounts.get(session, who.account_id)
    limits = accounts.limits_of(account)
    used = await accounts.usage(session, account.id, runtime.clock.now().date())
    count = await domains.count(session, account.id)
    return AccountOut(
        id=account.id,
        name=account.name,
        plan=Plan(account.plan),
        limits=LimitsOut(
            domains=limits.domains,
            aliases_per_domain=limits.aliases_per_domain,
            destinations_per_alias=limits.destinations_per_alias,
            attachment_bytes=limits.attachment_bytes,
            forwarded_per_day=limits.daily_quota,
            lane=limits.lane,
        ),
        usage=UsageOut(
            day=used.day, forwarded=used.forwarded, refused=used.refused, bytes=used.bytes, domains=count
        ),
    )
