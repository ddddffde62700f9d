"""The queue of the whole service in figures, for staff: what waits in each lane, and for which providers.

In a transaction of the role clearpost_staff. Must never show an address, nor a provider that only one or two
accounts send to: that may be somebody's own server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.plans import Lane

# Below so many accounts a provider is not named.
_CROWD: Final = 3
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class LaneHealth:
    """Deliveries of a lane. `deferred`: those put off at least once; `oldest_seconds` since it was taken,
    `late_seconds` since the first that nobody works on was due.
    """

    lane: Lane
    waiting: int = 0
    in_progress: int = 0
    held: int = 0
    deferred: int = 0
    oldest_seconds: float = 0.0
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """Deliveries that were tried at a provider and have not ended. `provider` is its registrable domain, or
    empty for all together that few accounts send to. `paused_until`: processes leave it alone until then.
    """

    provider: str
    waiting: int
    deferred: int
    oldest_seconds: float
    paused_until: datetime | None


_LANES: Final = """
select lane, count(id) filter (where lease_owner is null and state = 'waiting') as waiting,
       count(id) filter (where lease_owner is not null) as in_progress,
       count(id) filter (where lease_owner is null and state = 'held') as held,
       count(id) filter (where failures > 0) as deferred,
       extract(epoch from now() - min(accepted_at))::float8 as oldest_seconds,
       greatest(0, coalesce(extract(epoch from now() - min(next_attempt_at)
           filter (where lease_owner is null and state = 'waiting')), 0))::float8 as late_seconds
from delivery group by lane
"""
_PROVIDERS: Final = """
with by_provider as (
    select d.provider, count(d.id) as waiting, count(d.id) filter (where d.failures > 0) as deferred,
           count(distinct d.account_id) as accounts, min(d.accepted_at) as oldest
    from delivery d where d.provider <> '' group by d.provider
)
select case when b.accounts >= :crowd then b.provider else '' end as provider,
       sum(b.waiting)::bigint as waiting, sum(b.deferred)::bigint as deferred,
       extract(epoch from now() - min(b.oldest))::float8 as oldest_seconds, max(p.until) as paused_until
from by_provider b left join provider_pause p on p.provider = b.provider and p.until > now()
group by 1 order by deferred desc, waiting desc, provider limit :most
"""


async def lanes(session: AsyncSession) -> list[LaneHealth]:
    """Of every lane, whether anything waits there or not."""
    found = {row.lane: LaneHealth(**row._mapping) for row in await _rows(session, _LANES)}
    return [found.get(lane) or LaneHealth(lane) for lane in Lane]


async def providers(session: AsyncSession) -> list[ProviderHealth]:
    """Those in most trouble first."""
    rows = await _rows(session, _PROVIDERS, crowd=_CROWD, most=_MOST)
    return [ProviderHealth(**row._mapping) for row in rows]


async def _rows(session: AsyncSession, query: str, **values: object) -> Sequence[Any]:
    return (await (await session.connection()).execute(text(query), values)).all()
