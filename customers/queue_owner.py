"""What waits for an account's aliases, and what its owner does about it: try now, or cancel.

In the owner's own transaction. Must never show or touch our own mail (notices, letters, bounces), nor end a
delivery itself: that takes its event and its ledger row, which only settling writes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore import changes
from mailcore.database import Database, wake_after_commit
from mailcore.errors import Conflict, NotFound
from mailcore.event_log import Event
from mailcore.log_keys import LogKeys, RowKeys
from mailcore.log_rows import event_of, keys_of, message_of
from mailcore.plans import Lane

# Deliveries changed by one request at most.
AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Filter:
    """None means any. `delivery_ids` and `message_id` name single ones."""

    domain_id: UUID | None = None
    alias_id: UUID | None = None
    destination_id: UUID | None = None
    message_id: UUID | None = None
    delivery_ids: Sequence[UUID] | None = None
    state: str | None = None

    def values(self, account_id: UUID) -> dict[str, Any]:
        return {
            "account_id": account_id,
            "domain_id": self.domain_id,
            "alias_id": self.alias_id,
            "destination_id": self.destination_id,
            "message_id": self.message_id,
            "delivery_ids": None if self.delivery_ids is None else list(self.delivery_ids),
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery as its owner sees it. `alias` is the log's, with any tag, or else as it is called now.
    `state`: waiting, in-progress or held; `is_away`: held because the machine that has its bytes is; `last`:
    its newest event.
    """

    id: UUID
    message_id: UUID
    domain_id: UUID | None
    alias_id: UUID | None
    alias: str
    destination_id: UUID | None
    destination: str
    since: datetime
    attempt: int
    next_attempt_at: datetime
    lane: str
    state: str
    is_away: bool
    is_cancelled: bool
    last: Event | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """How many deliveries of a lane are in a state, the oldest one's receipt, and when the next is due."""

    lane: str
    state: str
    count: int
    oldest: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class AtProvider:
    """How many deliveries wait for one destination provider ("" before their first attempt), for how long,
    and when the next of those that wait is due.
    """

    provider: str
    count: int
    oldest: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a request came to; `left`: those it could not change, in flight or beyond what one request may."""

    count: int
    left: int


_MINE = """
d.account_id = :account_id and d.origin = 'smtp'
and (cast(:domain_id as uuid) is null or m.domain_id = :domain_id)
and (cast(:alias_id as uuid) is null or m.alias_id = :alias_id)
and (cast(:destination_id as uuid) is null or d.destination_id = :destination_id)
and (cast(:message_id as uuid) is null or d.message_id = :message_id)
and (cast(:delivery_ids as uuid[]) is null or d.id = any(:delivery_ids))
"""
_STATE = """
case when d.lease_owner is not null then 'in-progress'
     when d.state = 'held' or d.node_id <> all(cast(:living as uuid[])) then 'held' else 'waiting' end
"""
_LIST = f"""
with page as (
    select d.*, m.domain_id, m.alias_id, {_STATE} as seen_state
    from delivery d join message m on m.id = d.message_id
    where {_MINE} and (cast(:after as uuid) is null or d.id > :after)
      and (cast(:state as text) is null or {_STATE} = :state)
    order by d.id limit :limit
)
select page.id, page.message_id, page.account_id, page.domain_id, page.alias_id, l.sealed,
       coalesce((select a.local_part || '@' || o.name from alias a join domain o on o.id = a.domain_id
                 where a.id = page.alias_id), '') as alias,
       page.destination_id, coalesce(t.address, '') as destination, page.accepted_at as since,
       page.attempt, page.next_attempt_at, page.lane, page.seen_state as state,
       page.node_id <> all(cast(:living as uuid[])) as is_away, page.cancelled as is_cancelled
from page left join destination t on t.id = page.destination_id
left join log_message l on l.id = page.message_id and l.received_at = page.accepted_at order by page.id
"""
# A delivery's events share the moment of receipt with its message: only those partitions are looked at.
_LAST = """
select distinct on (e.delivery_id) e.* from log_event e
where e.account_id = :account_id and e.message_id = any(:messages) and e.delivery_id = any(:deliveries)
  and e.received_at between :oldest and :newest
order by e.delivery_id, e.id desc
"""


async def living_nodes(database: Database) -> list[UUID]:
    """Machines with a process of ours. Asked as the service: they are nobody's."""
    return [row["node_id"] for row in await database.fetch("select distinct node_id from process")]


async def list_of(
    session: AsyncSession,
    keys: LogKeys,
    account_id: UUID,
    wanted: Filter,
    living: Collection[UUID],
    *,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The oldest first; `living` as `living_nodes` tells them."""
    values = {**wanted.values(account_id), "living": list(living), "after": after, "state": wanted.state}
    rows = await _rows(session, _LIST, **values, limit=limit)
    found = await keys_of(keys, ({**row, "received_at": row["since"]} for row in rows))
    last = await _last_events(session, account_id, rows, found)
    return [_entry(row, found, last.get(row["id"])) for row in rows]


def _entry(row: Any, keys: RowKeys, last: Event | None) -> Entry:
    of_message = {**row, "id": row["message_id"], "received_at": row["since"]}
    alias = message_of(of_message, keys).alias or row["alias"]
    shown = {name: value for name, value in row.items() if name not in ("account_id", "sealed")}
    return Entry(**{**shown, "alias": alias}, last=last)


async def _last_events(
    session: AsyncSession, account_id: UUID, rows: Sequence[Any], keys: RowKeys
) -> dict[UUID, Event]:
    if not rows:
        return {}
    found = await _rows(
        session,
        _LAST,
        account_id=account_id,
        messages=list({row["message_id"] for row in rows}),
        deliveries=[row["id"] for row in rows],
        oldest=min(row["since"] for row in rows),
        newest=max(row["since"] for row in rows),
    )
    return {row["delivery_id"]: event_of(row, keys) for row in found}


_DEPTHS = f"""
select d.lane, {_STATE} as state, count(*) as count, min(d.accepted_at) as oldest,
       min(d.next_attempt_at) as next_attempt_at
from delivery d join message m on m.id = d.message_id where {_MINE} group by 1, 2 order by 1, 2
"""


async def depths(
    session: AsyncSession, account_id: UUID, wanted: Filter, living: Collection[UUID]
) -> list[Depth]:
    rows = await _rows(session, _DEPTHS, **wanted.values(account_id), living=list(living))
    return [Depth(**row) for row in rows]


_PROVIDERS = f"""
select d.provider, count(*) as count, min(d.accepted_at) as oldest,
       min(d.next_attempt_at) filter (where {_STATE} = 'waiting') as next_attempt_at
from delivery d join message m on m.id = d.message_id where {_MINE}
group by d.provider order by count desc, d.provider limit :limit
"""


async def providers(
    session: AsyncSession, account_id: UUID, wanted: Filter, living: Collection[UUID], limit: int
) -> list[AtProvider]:
    """Those with the most deliveries first."""
    values = wanted.values(account_id)
    rows = await _rows(session, _PROVIDERS, **values, living=list(living), limit=limit)
    return [AtProvider(**row) for row in rows]


_CHANGE = f"""
with chosen as (
    select d.id, m.domain_id from delivery d join message m on m.id = d.message_id
    where {_MINE} and d.lease_owner is null and {{condition}}
    order by d.id limit {AT_ONCE} for update of d skip locked
)
update delivery d set next_attempt_at = now(){{change}} from chosen where d.id = chosen.id
returning d.id, d.node_id, d.lane, chosen.domain_id
"""
_RETRY = _CHANGE.format(condition="d.state = 'waiting' and not d.cancelled", change="")
# A held one waits again: whoever leases it ends it unsent, whatever it was held for.
_CANCEL = _CHANGE.format(condition="true", change=", cancelled = true, state = 'waiting'")
_COUNT = f"select count(*) from delivery d join message m on m.id = d.message_id where {_MINE}"


async def retry(session: AsyncSession, account_id: UUID, wanted: Filter) -> Changed:
    """They are due now; their place on the ladder stays."""
    return await _change(session, _RETRY, account_id, wanted, "due")


async def cancel(session: AsyncSession, account_id: UUID, wanted: Filter) -> Changed:
    """They are due now, and end as hard-bounced instead of being sent. One in flight ends as it ends."""
    return await _change(session, _CANCEL, account_id, wanted, "cancelled")


def refusal(entry: Entry | None) -> NotFound | Conflict:
    """Why one delivery could not be changed."""
    if entry is None:
        return NotFound("There is no such delivery that waits: it has ended, or never was.")
    if entry.state == "in-progress":
        return Conflict("An attempt is under way: look again in a moment.", code="in_flight")
    if entry.is_cancelled:
        return Conflict("It is cancelled and about to end.", code="delivery_cancelled")
    return Conflict("It is held, so it can't be tried now. It can be cancelled.", code="delivery_held")


async def _change(
    session: AsyncSession, statement: str, account_id: UUID, wanted: Filter, became: str
) -> Changed:
    values = wanted.values(account_id)
    before = (await _rows(session, _COUNT, **values))[0]["count"]
    rows = await _rows(session, statement, **values)
    for row in rows:
        wake_after_commit(session, row["node_id"], Lane(row["lane"]))
    await _note(session, account_id, rows, became)
    return Changed(len(rows), before - len(rows))


async def _note(session: AsyncSession, account_id: UUID, rows: Sequence[Any], became: str) -> None:
    """One line for each domain, or for the only delivery."""
    for domain_id in {row["domain_id"] for row in rows}:
        subject = rows[0]["id"] if len(rows) == 1 else None
        facts = {} if domain_id is None else {"domain_id": str(domain_id)}
        await changes.note(session, account_id, "queue", subject, state=became, **facts)


async def _rows(session: AsyncSession, query: str, **values: Any) -> Sequence[Any]:
    return (await (await session.connection()).execute(text(query), values)).mappings().all()
