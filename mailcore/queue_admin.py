"""What an operator does to waiting deliveries: list, hold, release, hasten, take away to fail.

Plain statements over a choice by id, customer's domain or destination provider. Must never touch a delivery
that nobody chose, show an address, or end one: that takes settling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from mailcore import changes
from mailcore.database import Database, Transaction
from mailcore.event_log import Answer
from mailcore.plans import Lane
from mailcore.queue import Claimed, lease_picked
from mailcore.retries import Settlement, cancelled

FAILED_CODE = "5.3.0"
HELD_CODE = "4.3.0"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which deliveries: all that meet every condition given. `ids` name deliveries or messages."""

    ids: Sequence[UUID] = ()
    domain: str = ""
    provider: str = ""

    @property
    def is_everything(self) -> bool:
        return not (self.ids or self.domain or self.provider)

    @property
    def values(self) -> tuple[list[UUID], str, str]:
        return list(self.ids), self.domain, self.provider


_OF_CHANGED = """
d.node_id, d.lane, d.origin, d.account_id,
(select m.domain_id from message m where m.id = d.message_id) as domain_id
"""

# $1 to $3 are the values of a Choice.
_CHOSEN = """
(cardinality($1::uuid[]) = 0 or d.id = any($1) or d.message_id = any($1))
and ($2::text = '' or exists (
    select from message m join domain o on o.id = m.domain_id where m.id = d.message_id and o.name = $2))
and ($3::text = '' or d.provider = $3)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One delivery as an operator sees it. Seconds: until the next attempt, and since acceptance."""

    id: UUID
    message_id: UUID
    account_id: UUID
    domain_id: UUID | None
    node_id: UUID
    lane: str
    origin: str
    state: str
    in_flight: bool
    attempt: int
    failures: int
    due_seconds: float
    age_seconds: float


_LIST = f"""
select d.id, d.message_id, d.account_id, m.domain_id, d.node_id, d.lane, d.origin, d.state,
       d.lease_owner is not null as in_flight, d.attempt, d.failures,
       extract(epoch from d.next_attempt_at - now())::float8 as due_seconds,
       extract(epoch from now() - d.accepted_at)::float8 as age_seconds
from delivery d join message m on m.id = d.message_id
where {_CHOSEN} and ($4::text = '' or d.state = $4) order by d.accepted_at, d.id limit $5
"""


async def waiting(database: Database, choice: Choice, *, state: str = "", limit: int = 100) -> list[Waiting]:
    """Oldest first; `state` is waiting or held, empty for both."""
    return [Waiting(**row) for row in await database.fetch(_LIST, *choice.values, state, limit)]


async def count(database: Database, choice: Choice) -> int:
    query = f"select count(*) from delivery d where {_CHOSEN}"
    return int(await database.value(query, *choice.values))


async def hold(tx: Transaction, choice: Choice) -> int:
    """No attempt begins any more; one that is under way ends as it ends. Returns how many.

    Mail held four days after it was accepted ends like any other that waited so long.
    """
    rows = await _update(tx, choice, "state = 'held'", "d.state = 'waiting'")
    await _note(tx, rows, "held")
    return len(rows)


async def release(tx: Transaction, choice: Choice) -> int:
    """Held deliveries wait again, and are due now."""
    rows = await _update(tx, choice, "state = 'waiting', next_attempt_at = now()", "d.state = 'held'")
    _wake(tx, rows)
    await _note(tx, rows, "released")
    return len(rows)


async def retry(tx: Transaction, choice: Choice) -> int:
    """Waiting deliveries are due now; their place on the ladder stays."""
    now_due = "d.state = 'waiting' and d.lease_owner is null"
    rows = await _update(tx, choice, "next_attempt_at = now()", now_due)
    _wake(tx, rows)
    await _note(tx, rows, "due")
    return len(rows)


async def _update(tx: Transaction, choice: Choice, change: str, condition: str) -> list[Any]:
    return await tx.fetch(
        f"update delivery d set {change} where {condition} and {_CHOSEN} returning {_OF_CHANGED}",
        *choice.values,
    )


async def _note(tx: Transaction, rows: Sequence[Any], became: str) -> None:
    """For open pages of the owners: one line for each domain. What is our own mail (notices, letters,
    bounces) is on no page.
    """
    theirs = {(row["account_id"], row["domain_id"]) for row in rows if row["origin"] == "smtp"}
    for account_id, domain_id in theirs:
        facts = {} if domain_id is None else {"domain_id": str(domain_id)}
        await changes.note(tx, account_id, "queue", None, state=became, **facts)


def _wake(tx: Transaction, rows: Sequence[Any]) -> None:
    for node_id, lane in {(row["node_id"], row["lane"]) for row in rows}:
        tx.wake(node_id, Lane(lane))


# Held or waiting, but not while somebody attempts it: that result must not get lost.
_TAKE_CHOSEN = f"""
with picked as (
    select d.id from delivery d where d.lease_owner is null and d.node_id = $6 and {_CHOSEN}
    order by d.accepted_at limit $5 for update of d skip locked
), {lease_picked("$4", more=", m.domain_id")}
"""
# A node without a process is dead, or its disk is gone: nobody can read what it holds, nor end there what its
# owner cancelled.
_TAKE_EXPIRED = f"""
with picked as (
    select d.id from delivery d
    where d.lease_owner is null and (d.cancelled or d.accepted_at < now() - $3::interval)
      and (d.state = 'held' or not exists (select from process p where p.node_id = d.node_id))
    order by d.accepted_at limit $2 for update of d skip locked
), {lease_picked("$1")}
"""


async def take_expired(tx: Transaction, owner: UUID, after: timedelta, limit: int) -> list[Claimed]:
    """Leases what has been held for so long since it was accepted, or was cancelled meanwhile, on any node,
    to be ended.
    """
    rows = await tx.fetch(_TAKE_EXPIRED, owner, limit, after)
    return [Claimed.of(row, owner) for row in rows]


def expired(claimed: Claimed) -> Settlement:
    """The end of mail that was held too long, or cancelled while it was: the owner is told, a disk that
    returns can't send it.
    """
    if claimed.cancelled:
        return cancelled(claimed)
    answer = Answer(
        "given up: held for too long on a machine that did not return", HELD_CODE, "", timedelta(0)
    )
    return Settlement(claimed, "hard-bounced", answer, {})


async def take(tx: Transaction, choice: Choice, node_id: UUID, owner: UUID, limit: int) -> list[Claimed]:
    """Leases deliveries of this node to be failed; they are never sent, so no address comes along."""
    rows = await tx.fetch(_TAKE_CHOSEN, *choice.values, owner, limit, node_id)
    await _note(tx, rows, "failed")
    return [Claimed.of(row, owner) for row in rows]


def failed(claimed: Claimed) -> Settlement:
    """The end of a taken delivery: one that its owner's log blames on nobody but us."""
    answer = Answer("failed by the operator of this service", FAILED_CODE, "", timedelta(0))
    return Settlement(claimed, "hard-bounced", answer, {})
