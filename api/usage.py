"""What the account used, day by day, beside what its plan allows."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.accounts import LimitsOut, UsageDayOut
from api.errors import responses
from api.routes import Route
from api.security import ReadsAccount, Runtime, Session
from customers import accounts

router = APIRouter(prefix="/v1/usage", route_class=Route, tags=["Account"], responses=responses(403))

Days = Annotated[int, Query(ge=1, le=366, description="How many days, today in UTC included")]


class UsageReportOut(BaseModel):
    """Newest day first; days without any mail are there as well."""

    limits: LimitsOut
    days: list[UsageDayOut] = Field(description="`forwarded` counts against `limits.forwarded_per_day`")


@router.get("", summary="Show what was used day by day, and what the plan allows")
async def get_usage(who: ReadsAccount, session: Session, runtime: Runtime, days: Days = 30) -> UsageReportOut:
    account = await accounts.get(session, who.account_id)
    used = await accounts.usage(session, account.id, runtime.clock.now().date(), days)
    return UsageReportOut(
        limits=LimitsOut.of(accounts.limits_of(account)),
        days=[UsageDayOut.model_validate(each, from_attributes=True) for each in used],
    )
