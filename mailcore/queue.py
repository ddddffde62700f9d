"""The queue as it lies in PostgreSQL: messages and their deliveries, inserted, claimed, given back.

Plain statements for whole batches; what a row means is decided in delivery.py. Must never be asked
without a node: spools are local, so mail is too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore.database import Transaction
from mailcore.event_log import columns
from mailcore.plans import Lane
from mailcore.spool_record import Location


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One accepted message for one alias. `shared` when another row points at the same bytes."""

    id: UUID
    account_id: UUID
    domain_id: UUID | None
    alias_id: UUID | None
    alias_address: str
    lane: Lane
    node_id: UUID
    location: Location
    shared: bool
    reverse_path: str
    sender_authenticated: bool
    smtputf8: bool
    origin: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Names the process that may attempt a delivery, and the token that fences its result."""

    owner: UUID
    token: UUID


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery leased to this process, with all that an attempt needs.

    `cancelled` says in plain words why it must not be sent any more (its alias, destination or account
    is gone); `address` is then empty. `expired` when it waited too long, and is only leased to be ended.
    """

    id: UUID
    lease: Lease
    message_id: UUID
    account_id: UUID
    alias_id: UUID | None
    alias_number: int
    alias_address: str
    destination_id: UUID | None
    address: str
    lane: Lane
    origin: str
    attempt: int
    failures: int
    accepted_at: datetime
    no_domain_since: datetime | None
    delivered_before: bool
    reverse_path: str
    sender_authenticated: bool
    smtputf8: bool
    location: Location
    provider: str = ""
    cancelled: str = ""
    expired: bool = False


_INSERT_MESSAGES = """
insert into message (id, account_id, domain_id, alias_id, alias_address, lane, node_id, segment,
    record_offset,
    record_length, shared, reverse_path, sender_authenticated, smtputf8, origin, accepted_at)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[],
    $8::uuid[],
    $9::bigint[], $10::bigint[], $11::bool[], $12::text[], $13::bool[], $14::bool[], $15::text[],
    $16::timestamptz[])
"""

# A leased row is attempt number one already; the others are due at once.
_INSERT_DELIVERIES = """
insert into delivery (id, message_id, account_id, destination_id, address, node_id, lane, origin, accepted_at,
    lease_owner, lease_token, attempt)
select *, case when lease_owner is null then 0 else 1 end
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[],
    $9::timestamptz[], $10::uuid[], $11::uuid[])
    as row (id, message_id, account_id, destination_id, address, node_id, lane, origin, accepted_at,
        lease_owner, lease_token)
"""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """`destination_id` for a customer's inbox, `address` for our own mail (DSN, notice)."""

    id: UUID
    destination_id: UUID | None
    address: str | None
    lease: Lease | None


async def insert(tx: Transaction, mail: Sequence[tuple[MessageRow, Sequence[DeliveryRow]]]) -> None:
    """Messages with their deliveries; wakes the lanes of what is not leased."""
    messages = [
        (m.id, m.account_id, m.domain_id, m.alias_id, m.alias_address, m.lane, m.node_id,
         m.location.segment, m.location.offset, m.location.length, m.shared, m.reverse_path,
         m.sender_authenticated, m.smtputf8, m.origin, m.accepted_at)
        for m, _ in mail
    ]  # fmt: skip
    deliveries = [
        (d.id, m.id, m.account_id, d.destination_id, d.address, m.node_id, m.lane, m.origin, m.accepted_at,
         d.lease and d.lease.owner, d.lease and d.lease.token)
        for m, rows in mail for d in rows
    ]  # fmt: skip
    await tx.execute(_INSERT_MESSAGES, *columns(messages))
    await tx.execute(_INSERT_DELIVERIES, *columns(deliveries))
    for message, rows in mail:
        if any(row.lease is None for row in rows):
            tx.wake(message.node_id, message.lane)


# What was picked (ids), leased, with all that an attempt needs.
_LEASED = """
leased as (
    update delivery d set lease_owner = $3, lease_token = gen_random_uuid(), attempt = d.attempt + 1
    from picked where d.id = picked.id
    returning d.*
)
select d.id, d.lease_token, d.message_id, d.account_id, d.destination_id, d.lane, d.origin, d.attempt,
       d.failures, d.provider, d.accepted_at, d.no_domain_since, m.alias_id, m.alias_address, m.reverse_path,
       m.sender_authenticated, m.smtputf8, m.segment, m.record_offset, m.record_length,
       case when a.local_part <> '*' then a.number else 0 end as alias_number,
       coalesce(d.address, t.address) as address, coalesce(t.delivered_before, false) as delivered_before,
       m.alias_id is not null and a.id is null as alias_gone,
       d.destination_id is not null and t.id is null as destination_gone,
       m.domain_id is not null and w.id is null as domain_gone
from leased d join message m on m.id = d.message_id
left join alias a on a.id = m.alias_id
left join destination t on t.id = d.destination_id
left join domain w on w.id = m.domain_id
"""

_WAITS = "d.node_id = $1 and d.lane = $2 and d.lease_owner is null and d.state = 'waiting'"

# Which accounts, and which of their destination providers, have their turn: those of what has been due
# longest. Where that is not all that is due, a backlog of one would hide the others: then also those
# that come next after the last one served, around the circle, due or not. So many at a time at most:
# what a claim costs must not grow with what waits.
_TURNS = f"""
with recursive oldest as (
    select d.account_id, d.provider from delivery d where {_WAITS} and d.next_attempt_at <= now()
    order by d.next_attempt_at limit $5::bigint
), round (account_id, provider, number, wrapped) as (
    select $3::uuid, $4::text, 0, false from (select count(*) from oldest) seen (due) where due >= $5::bigint
    union all
    select next.account_id, next.provider, number + 1, round.wrapped or next.wraps from round
    cross join lateral (
        (select d.account_id, d.provider, false as wraps from delivery d
         where {_WAITS} and (d.account_id, d.provider) > (round.account_id, round.provider)
         order by d.account_id, d.provider limit 1)
        union all
        (select d.account_id, d.provider, true from delivery d where {_WAITS} and not round.wrapped
         order by d.account_id, d.provider limit 1)
        limit 1) next
    where number < $5::bigint and not (round.wrapped and (round.account_id, round.provider) >= ($3, $4::text))
)
select account_id, provider, max(number) as number from (
    select account_id, provider, 0 as number from oldest union all
    select account_id, provider, number from round where number > 0) turn
group by account_id, provider
"""

# A few due deliveries of each turn, in their order. Of large messages only as many as there is room for,
# the bytes they share counted once; one always has room where none is held. `(select now())` keeps the
# planner from counting what was due when it last looked: nothing, and then it walks all that is due now.
_CLAIM = f"""
with due as (
    select due.* from unnest($4::uuid[], $5::text[]) with ordinality as turn (account_id, provider, place)
    cross join lateral (
        select d.id, d.message_id, turn.place from delivery d
        where {_WAITS} and d.account_id = turn.account_id and d.provider = turn.provider
          and d.next_attempt_at <= (select now())
        order by d.next_attempt_at limit $6 for update skip locked
    ) due
    limit $7
), numbered as (
    select due.id, due.place, row_number() over (order by due.place) as n, m.segment, m.record_offset,
           case when m.record_length > $8::bigint then m.record_length else 0 end as bytes
    from due join message m on m.id = due.message_id
), counted as (
    select *, case row_number() over (partition by segment, record_offset order by n)
              when 1 then bytes else 0 end as more
    from numbered
), summed as (
    select *, sum(more) over (order by n) as total from counted
), picked as (
    select id, place from summed
    where bytes = 0 or $9::bigint + total <= $10::bigint or $9::bigint + total = bytes
), {_LEASED.strip()} join picked on picked.id = d.id order by picked.place
"""

# Put off again and again, or with a next attempt far ahead: whatever is too old ends.
_CLAIM_EXPIRED = f"""
with picked as (
    select d.id from delivery d where {_WAITS} and d.accepted_at < now() - $4::interval
    order by d.accepted_at limit $5 for update skip locked
), {_LEASED.strip()}
"""


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """An account and one of its destination providers: each is served a little, then the next."""

    account_id: UUID
    provider: str


FIRST_TURN = Turn(UUID(int=0), "")


@dataclass(frozen=True, slots=True)
class Room:
    """What one claim may take: so many in all, so many of each turn, and bytes of large messages.

    Messages longer than `large` count. `held` bytes of them are in flight already, `most` is the limit.
    """

    limit: int
    each: int
    large: int = 0
    held: int = 0
    most: int = 2**62


@dataclass(frozen=True, slots=True)
class Turns:
    """Who is to be served, in order. `circle` is how far the circle was looked at, `end` its last turn."""

    order: Sequence[Turn]
    circle: frozenset[Turn]
    end: Turn

    def served_last(self, claimed: Sequence[Claimed], limit: int) -> Turn:
        """Where the next claim goes on: after whom this one had no room left for others, or after all."""
        last = Turn(claimed[-1].account_id, claimed[-1].provider) if claimed else self.end
        return last if len(claimed) >= limit and last in self.circle else self.end


async def turns(
    tx: Transaction,
    node_id: UUID,
    lane: Lane,
    *,
    after: Turn = FIRST_TURN,
    passing_over: Sequence[str] = (),
    most: int = 500,
) -> Turns:
    """Whose turn it is after `after`; nobody's when nothing is due."""
    rows = await tx.fetch(_TURNS, node_id, lane, after.account_id, after.provider, most)
    places = {Turn(row["account_id"], row["provider"]): row["number"] for row in rows}
    circle = sorted((turn for turn in places if places[turn]), key=lambda turn: places[turn])
    others = sorted((turn for turn in places if not places[turn]), key=lambda turn: (turn <= after, turn))
    looked_at = circle or others  # where all that is due is known, it is the circle
    order = [turn for turn in (*circle, *others) if turn.provider not in passing_over]
    return Turns(order, frozenset(looked_at), looked_at[-1] if looked_at else after)


async def claim(
    tx: Transaction, owner: UUID, node_id: UUID, lane: Lane, turns: Sequence[Turn], room: Room
) -> list[Claimed]:
    """Leases due deliveries of these turns, in their order."""
    if not turns:
        return []
    accounts, providers = [turn.account_id for turn in turns], [turn.provider for turn in turns]
    rows = await tx.fetch(
        _CLAIM, node_id, lane, owner, accounts, providers, room.each, room.limit, room.large, room.held,
        room.most,
    )  # fmt: skip
    return [_claimed(row, owner) for row in rows]


async def claim_expired(
    tx: Transaction, owner: UUID, node_id: UUID, lane: Lane, after: timedelta, limit: int
) -> list[Claimed]:
    """Leases what waits for longer than `after`, due or not, whatever its provider: to be ended unsent."""
    rows = await tx.fetch(_CLAIM_EXPIRED, node_id, lane, owner, after, limit)
    return [replace(_claimed(row, owner), expired=True) for row in rows]


def _claimed(row: Any, owner: UUID) -> Claimed:
    cancelled = _why_cancelled(row)
    return Claimed(
        id=row["id"],
        lease=Lease(owner, row["lease_token"]),
        message_id=row["message_id"],
        account_id=row["account_id"],
        alias_id=row["alias_id"],
        alias_number=row["alias_number"] or 0,
        alias_address=row["alias_address"],
        destination_id=row["destination_id"],
        address="" if cancelled else row["address"],
        lane=Lane(row["lane"]),
        origin=row["origin"],
        attempt=row["attempt"],
        failures=row["failures"],
        provider=row["provider"],
        accepted_at=row["accepted_at"],
        no_domain_since=row["no_domain_since"],
        delivered_before=row["delivered_before"],
        reverse_path=row["reverse_path"],
        sender_authenticated=row["sender_authenticated"],
        smtputf8=row["smtputf8"],
        location=Location(row["segment"], row["record_offset"], row["record_length"]),
        cancelled=cancelled,
    )


def _why_cancelled(row: Any) -> str:
    if row["domain_gone"]:
        return "cancelled: the domain was deleted by its owner"
    if row["alias_gone"]:
        return "cancelled: the alias was deleted by its owner"
    if row["destination_gone"] or row["address"] is None:
        return "cancelled: the destination was deleted by its owner"
    return ""


async def locate(tx: Transaction, message_id: UUID) -> Location | None:
    """Where a message's bytes lie now: the sweep may have moved them since the claim."""
    row = await tx.row("select segment, record_offset, record_length from message where id = $1", message_id)
    return row and Location(row["segment"], row["record_offset"], row["record_length"])


async def give_back(tx: Transaction, leases: Sequence[Lease], *, count_attempt: bool) -> None:
    """Deliveries go back to the queue, due now, as if never claimed (`count_attempt` false)."""
    await tx.execute(
        "update delivery set lease_owner = null, lease_token = null, next_attempt_at = now(), "
        "attempt = attempt - $2::int "
        "where lease_token = any($1::uuid[])",
        [lease.token for lease in leases],
        0 if count_attempt else 1,
    )


async def put_off(tx: Transaction, lease: Lease, provider: str, seconds: float) -> None:
    """Not now, for the provider's sake: no attempt was made, none is counted."""
    await tx.execute(
        "update delivery set lease_owner = null, lease_token = null, attempt = attempt - 1, provider = $2, "
        "next_attempt_at = now() + make_interval(secs => $3) where lease_token = $1",
        lease.token,
        provider,
        seconds,
    )


async def hold(tx: Transaction, lease: Lease) -> None:
    """The bytes are damaged: nothing is sent nor lost, no attempt is counted, an operator must look."""
    await tx.execute(
        "update delivery set state = 'held', lease_owner = null, lease_token = null, attempt = attempt - 1 "
        "where lease_token = $1",
        lease.token,
    )


async def seconds_until_due(
    tx: Transaction, node_id: UUID, lane: Lane, *, passing_over: Sequence[str] = ()
) -> float | None:
    """Seconds until the next delivery of this lane is due; None when nothing waits."""
    seconds = await tx.value(
        f"select extract(epoch from d.next_attempt_at - now())::float8 from delivery d where {_WAITS} "
        "and d.provider <> all($3::text[]) order by d.next_attempt_at limit 1",
        node_id,
        lane,
        list(passing_over),
    )
    return None if seconds is None else max(0.0, float(seconds))


@dataclass(frozen=True, slots=True)
class Depth:
    """One lane's queue: how many wait, and the age in seconds of the oldest."""

    lane: str
    state: str
    count: int
    oldest_seconds: float


async def depths(tx: Transaction) -> list[Depth]:
    rows = await tx.fetch(
        "select lane, state, count(*) as count, extract(epoch from now() - min(accepted_at))::float8 as age "
        "from delivery group by lane, state order by lane, state"
    )
    return [Depth(row["lane"], row["state"], row["count"], row["age"]) for row in rows]
