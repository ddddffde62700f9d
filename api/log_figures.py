"""What the 7-day log comes to: volume by outcome, how long delivery takes, and who writes to an alias.

Must never reach further back than the log itself, nor count anything that the log does not show.
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.errors import responses
from api.routes import Route
from api.security import ReadsLogs, Runtime, Session
from customers import accounts, aliases
from mailcore.plans import Lane
from mailcore.rates import Rate

router = APIRouter(prefix="/v1", route_class=Route, tags=["Logs"], responses=responses())

# A week of the largest plan is a million rows to count.
_RATE: Final = Rate(30, timedelta(minutes=1))
_KEPT: Final = {"Cache-Control": "private, max-age=10"}


class VolumeOut(BaseModel):
    """What became of the mail that was received from `at` on. Deliveries, each counted in one place: mail to
    two inboxes counts twice; of what was refused, messages.
    """

    at: datetime
    delivered: int = Field(examples=[118])
    soft_bounced: int = Field(description="Put off, and tried again", examples=[2])
    hard_bounced: int = Field(examples=[1])
    refused: int = Field(description="Not taken: its sender knows", examples=[4])
    waiting: int = Field(description="Not answered by the inbox yet", examples=[0])


class SpeedOut(BaseModel):
    """From receipt to delivered, of what was received on this day in UTC and is delivered."""

    day: date
    lane: Lane = Field(description="The account's now: the log does not keep which it was")
    delivered: int = Field(examples=[118])
    p50_ms: int = Field(examples=[840])
    p95_ms: int = Field(examples=[3120])


class VolumesOut(BaseModel):
    """`data`: the oldest hour or day first, without gaps; the first one as far as the log still reaches.
    `speeds`: days on which something was delivered.
    """

    by: Literal["hour", "day"]
    data: list[VolumeOut]
    speeds: list[SpeedOut]


class AliasSenderOut(BaseModel):
    sender: str = Field(
        description="From; of refused mail the reverse-path", examples=["Ada <ada@example.com>"]
    )
    count: int = Field(description="Messages", examples=[3])
    last_at: datetime


class AliasSenderList(BaseModel):
    data: list[AliasSenderOut]
    searched_back_to: datetime | None = Field(
        description="Only messages received since then were looked at: the alias has very many. null: all"
    )


@router.get("/logs/volume", summary="Count what became of mail, by hour or day", responses=responses(404))
async def get_volume(
    who: ReadsLogs,
    session: Session,
    runtime: Runtime,
    response: Response,
    by: Annotated[Literal["hour", "day"], Query(description="In UTC")] = "day",
    domain_id: UUID | None = None,
) -> VolumesOut:
    """Of the log's 7 days."""
    await runtime.rates.need("log volume", str(who.account_id), _RATE, "The log was counted a moment ago.")
    response.headers.update(_KEPT)
    lane = accounts.limits_of(await accounts.get(session, who.account_id)).lane
    found = await runtime.reader.volume(who.tenant, by, domain_id)
    speeds = await runtime.reader.speeds(who.tenant, domain_id)
    return VolumesOut(
        by=by,
        data=[VolumeOut.model_validate(each, from_attributes=True) for each in found],
        speeds=[
            SpeedOut(
                day=each.day.date(),
                lane=lane,
                delivered=each.delivered,
                p50_ms=round(each.p50),
                p95_ms=round(each.p95),
            )
            for each in speeds
        ],
    )


@router.get(
    "/aliases/{alias_id}/senders",
    summary="List who wrote to an alias, newest first",
    responses=responses(404),
)
async def list_alias_senders(
    alias_id: UUID,
    who: ReadsLogs,
    session: Session,
    runtime: Runtime,
    limit: Annotated[int, Query(ge=1, le=100, description="The newest so many")] = 20,
) -> AliasSenderList:
    """As the 7-day log knows them. To a catch-all: who wrote to addresses that are no alias."""
    reach = await aliases.reach(session, who.account_id, alias_id)
    found = await runtime.reader.senders(who.tenant, reach.domain_id, reach.address, reach.others, limit)
    return AliasSenderList(
        data=[AliasSenderOut.model_validate(each, from_attributes=True) for each in found.rows],
        searched_back_to=found.searched_back_to,
    )
