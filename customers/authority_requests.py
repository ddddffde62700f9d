"""What authorities asked us for: noted by the operator, published as counts by year.

Must never hold whom it was about, nor tell the day of one to the public.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import Invalid, NotFound
from mailcore.models import AuthorityRequest

Kind = Literal["data", "removal", "interception", "other"]
Outcome = Literal["pending", "refused", "partly", "complied"]


@dataclass(frozen=True, slots=True)
class Requests:
    """So many of a year, of one kind and with one outcome."""

    year: int
    kind: Kind
    outcome: Outcome
    count: int


_BY_YEAR: Final = """
select extract(year from received_on)::int as year, kind, outcome, count(*) from authority_request
group by 1, kind, outcome order by year desc, kind, outcome
"""


async def by_year(database: Database) -> Sequence[Requests]:
    """The latest year first; what there was none of is absent."""
    return [Requests(**row) for row in await database.fetch(_BY_YEAR)]


async def add(
    session: AsyncSession, clock: Clock, received_on: date, kind: Kind, outcome: Outcome
) -> AuthorityRequest:
    """Raises Invalid."""
    if received_on > clock.now().date():
        raise Invalid("that day has not come yet")
    request = AuthorityRequest(id=clock.new_id(), received_on=received_on, kind=kind, outcome=outcome)
    session.add(request)
    await session.flush()
    return request


async def settle(session: AsyncSession, identifier: UUID, outcome: Outcome) -> AuthorityRequest:
    """What came of it. Raises NotFound."""
    request = await session.get(AuthorityRequest, identifier)
    if request is None:
        raise NotFound("there is no such request: see `clearpost authority list`")
    request.outcome = outcome
    await session.flush()
    return request


async def list_of(session: AsyncSession) -> Sequence[AuthorityRequest]:
    """All of them, the latest first; for the operator."""
    latest_first = select(AuthorityRequest).order_by(
        col(AuthorityRequest.received_on).desc(), col(AuthorityRequest.id).desc()
    )
    return (await session.exec(latest_first)).all()
