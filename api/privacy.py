"""What is held of the account at this moment, in figures.

Must never show what the figures count, nor claim less than the tables hold.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from api.errors import responses
from api.routes import Route
from api.security import Needs, ReadsAccount, Runtime
from customers import audit, held, request_log
from customers.callers import Scope
from customers.held import Held
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/privacy", route_class=Route, tags=["Account"], responses=responses(403, 429))

# A week of the largest plan is a million rows to count.
_RATE: Final = Rate(30, timedelta(minutes=1))
_KEPT: Final = {"Cache-Control": "private, max-age=5"}


class HeldRowsOut(BaseModel):
    """Rows of one kind; each is gone `days` after it was written."""

    count: int = Field(examples=[84])
    oldest: datetime | None = Field(description="null: there is none")
    days: int = Field(examples=[30])


class HeldEventsOut(BaseModel):
    """Rows of events, by type."""

    received: int = Field(examples=[412])
    delivered: int = Field(examples=[405])
    soft_bounced: int = Field(examples=[17])
    hard_bounced: int = Field(examples=[2])
    refused: int = Field(examples=[31])


class NextHourOut(BaseModel):
    """The oldest hour of the log, in UTC."""

    received_from: datetime
    unreadable_at: datetime = Field(description="When the key of this hour is destroyed")
    messages: int = Field(description="Messages that become unreadable then", examples=[14])


class HeldLogOut(BaseModel):
    """The log. `days` after the hour of its receipt a row cannot be read by anybody."""

    messages: int = Field(examples=[443])
    events: HeldEventsOut
    oldest: datetime | None
    days: int = Field(examples=[7])
    next_hour: NextHourOut | None


class HeldWaitingOut(BaseModel):
    """Mail whose bytes are still here, because some inbox has not taken it yet."""

    messages: int = Field(examples=[2])
    deliveries: int = Field(examples=[3])
    oldest: datetime | None


class HeldLevelOut(BaseModel):
    """How much is logged of this domain's mail."""

    domain_id: UUID
    domain: str = Field(examples=["example.org"])
    log_level: Literal["full", "no-subject", "no-sender", "failures"]


class HeldOut(BaseModel):
    """What was held at `at`. Settings (domains, aliases, people, keys) stay until you delete them."""

    at: datetime
    log: HeldLogOut
    waiting: HeldWaitingOut
    audit: HeldRowsOut = Field(description="Entries of the audit log")
    requests: HeldRowsOut = Field(description="Requests to the API, without their bodies")
    support_grants: int = Field(description="Grants that let our staff read the log now", examples=[0])
    log_levels: Sequence[HeldLevelOut]

    @classmethod
    def of(cls, found: Held, at: datetime, retention: timedelta) -> Self:
        return cls(
            at=at,
            log=_log(found, retention),
            waiting=HeldWaitingOut(
                messages=found.waiting.count, deliveries=found.deliveries, oldest=found.waiting.oldest
            ),
            audit=_rows(found.audit, audit.KEPT),
            requests=_rows(found.requests, request_log.KEPT),
            support_grants=found.grants,
            log_levels=[HeldLevelOut.model_validate(each, from_attributes=True) for each in found.levels],
        )


@router.get(
    "/held",
    summary="Count what is held of the account now",
    dependencies=[Depends(Needs(Scope.LOGS_READ))],
)
async def get_held(who: ReadsAccount, runtime: Runtime, response: Response) -> HeldOut:
    """Counted as it stands, not estimated. Not for a key that is limited to some domains."""
    await runtime.rates.need("held", str(who.account_id), _RATE, "This was counted a moment ago.")
    response.headers.update(_KEPT)
    now, retention = runtime.clock.now(), runtime.settings.log_retention
    return HeldOut.of(await held.look(runtime.database, who.tenant, now, retention), now, retention)


def _log(found: Held, retention: timedelta) -> HeldLogOut:
    return HeldLogOut(
        messages=found.messages.count,
        events=HeldEventsOut(
            **{name: found.events.get(name.replace("_", "-"), 0) for name in HeldEventsOut.model_fields}
        ),
        oldest=found.messages.oldest,
        days=retention.days,
        next_hour=found.next_hour and NextHourOut.model_validate(found.next_hour, from_attributes=True),
    )


def _rows(found: held.Rows, kept: timedelta) -> HeldRowsOut:
    return HeldRowsOut(count=found.count, oldest=found.oldest, days=kept.days)
