"""Events that are Stripe's, kept once each; whom they concern is due to be fetched from then on.

Those that come while some are being written share the next transaction: a storm of them costs few commits.
Must never say that an event is kept before that is committed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from billing.webhooks import Event
from mailcore.batching import Batcher
from mailcore.database import Database

KEPT: Final = timedelta(days=30)
_LARGEST: Final = 200
# Each id once, and its customer due in the same transaction. A dispute does not name its customer: it is due.
# Ids first, then customers, both in order: processes that keep the same at once wait, and nobody for each
# other. Whoever is due and has news already is left alone: who fetches them takes them after this, and asks
# Stripe after that.
_STORE: Final = """
with given as (
    select distinct on (id) * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
        as given (id, type, customer_id, dispute_id, created_at)
), kept as (
    insert into stripe_event (id, type, customer_id, dispute_id, fetch_at, created_at)
    select id, type, customer_id, dispute_id, case when dispute_id is not null then now() end, created_at
    from given order by id on conflict (id) do nothing returning id, type, customer_id, created_at
), news as (
    select customer_id, max(created_at) filter (where type = 'charge.refunded') as refunded_at
    from kept where customer_id is not null group by customer_id
), concerned as (
    select s.account_id, n.refunded_at from subscription s join news n on n.customer_id = s.customer_id
    where s.dirty_at is null or s.fetch_at > now() or n.refunded_at is not null
    order by s.account_id for no key update of s
), marked as (
    update subscription s set dirty_at = clock_timestamp(), fetch_at = least(s.fetch_at, now()),
        refunded_at = greatest(s.refunded_at, c.refunded_at)
    from concerned c where s.account_id = c.account_id
)
select id from kept
"""


class EventStore:
    """Of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # One at a time: what comes meanwhile is the next one's.
        self._batcher: Batcher[Event, bool] = Batcher(self._write, largest=_LARGEST, concurrency=1)

    async def keep(self, event: Event) -> bool:
        """Whether it is new. On return it is committed; raises what the database does, and then it may come
        again.
        """
        return await self._batcher.submit(event)

    async def close(self) -> None:
        """What was begun is finished."""
        await self._batcher.drain()

    async def _write(self, events: Sequence[Event]) -> Sequence[bool]:
        rows = [(each.id, each.type, each.customer_id, each.dispute_id, each.created_at) for each in events]
        async with self._database.transaction() as tx:
            kept = {row["id"] for row in await tx.fetch(_STORE, *map(list, zip(*rows, strict=True)))}
        return [_taken(kept, each.id) for each in events]


def _taken(new: set[str], identifier: str) -> bool:
    """True for the first of several with one id."""
    if identifier not in new:
        return False
    new.remove(identifier)
    return True


async def expire(database: Database, now: datetime) -> None:
    """Upkeep: after 30 days. Stripe sends none again after that long."""
    await database.delete_in_batches("stripe_event", "received_at <= $1", now - KEPT)
