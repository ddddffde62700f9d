"""Mail that waits for something just deleted: make it due, so that the queue closes it as cancelled at once.

Must never end a delivery itself: that takes its event and its ledger row, which only settling writes.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.database import Transaction, wake_after_commit
from mailcore.plans import Lane

_HASTEN = """
with due as (
    update delivery d set next_attempt_at = now() from message m
    where m.id = d.message_id and d.account_id = :account_id
      and d.lease_owner is null and d.state = 'waiting' and {}
    returning d.node_id, d.lane
) select distinct node_id, lane from due
"""


async def of_domain(session: AsyncSession, account_id: UUID, domain_id: UUID) -> None:
    await _hasten(session, "m.domain_id = :id", account_id, domain_id)


async def of_alias(session: AsyncSession, account_id: UUID, alias_id: UUID) -> None:
    await _hasten(session, "m.alias_id = :id", account_id, alias_id)


async def of_aliases(session: AsyncSession, account_id: UUID, alias_ids: Sequence[UUID]) -> None:
    await _hasten(session, "m.alias_id = any(:id)", account_id, list(alias_ids))


async def of_destination(session: AsyncSession, account_id: UUID, destination_id: UUID) -> None:
    await _hasten(session, "d.destination_id = :id", account_id, destination_id)


async def of_account(session: AsyncSession, account_id: UUID) -> None:
    """All that waits for its domains, and what an operator held of it."""
    release = (
        "update delivery d set state = 'waiting' from message m where m.id = d.message_id "
        "and d.account_id = :account_id and d.state = 'held' and m.domain_id is not null"
    )
    await (await session.connection()).execute(text(release), {"account_id": account_id})
    await _hasten(session, "m.domain_id is not null and m.account_id = :id", account_id, account_id)


# One that is attempted just now ends as it ends, or else as cancelled when its turn comes again.
_CANCEL_LATE = """
with late as (
    select d.id from delivery d where d.account_id = any($1::uuid[]) and not d.cancelled
    for update skip locked
)
update delivery d set cancelled = true, state = 'waiting', next_attempt_at = now() from late
where d.id = late.id returning d.node_id, d.lane
"""


async def of_deleted(tx: Transaction, account_ids: Sequence[UUID]) -> None:
    """Whatever deleted accounts still have in the queue: notifications to senders, and mail of machines that
    are away.
    """
    for row in await tx.fetch(_CANCEL_LATE, account_ids):
        tx.wake(row["node_id"], Lane(row["lane"]))


async def _hasten(
    session: AsyncSession, condition: str, account_id: UUID, identifier: UUID | list[UUID]
) -> None:
    """Wakes each lane of each node that has such mail, after the commit."""
    connection = await session.connection()
    values = {"account_id": account_id, "id": identifier}
    for node_id, lane in await connection.execute(text(_HASTEN.format(condition)), values):
        wake_after_commit(session, node_id, Lane(lane))
