"""Which deliveries a worker claims: the turns of accounts and providers, what has room, what waited too long.

Plain statements that lease what they pick (queue.py). Must never be asked without a node, since spools are
local; never let the backlog of one account or provider hide another, nor cost more the more there waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from mailcore.database import Transaction
from mailcore.plans import Lane
from mailcore.queue import Claimed, lease_picked

# $1 is the node, $2 the lane.
_WAITS = "d.node_id = $1 and d.lane = $2 and d.lease_owner is null and d.state = 'waiting'"

# What was picked (ids), leased to $3, with all that an attempt needs.
_ADDRESS = """,
       case when a.local_part <> '*' then a.number else 0 end as alias_number,
       t.address, coalesce(t.delivered_before, false) as delivered_before,
       m.alias_id is not null and a.id is null as alias_gone,
       d.destination_id is not null and t.id is null as destination_gone,
       t.stopped_at is not null as destination_stopped, t.failing_since is not null as failing,
       m.domain_id is not null and w.id is null as domain_gone,
       coalesce(w.require_tls, false) as require_tls"""
_LEASED = f"""
{lease_picked("$3", more=_ADDRESS)}
left join alias a on a.id = m.alias_id
left join destination t on t.id = d.destination_id
left join domain w on w.id = m.domain_id
"""

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
    return [_to_be_sent(row, owner) for row in rows]


async def claim_expired(
    tx: Transaction, owner: UUID, node_id: UUID, lane: Lane, after: timedelta, limit: int
) -> list[Claimed]:
    """Leases what waits for longer than `after`, due or not, whatever its provider: to be ended unsent."""
    rows = await tx.fetch(_CLAIM_EXPIRED, node_id, lane, owner, after, limit)
    return [replace(_to_be_sent(row, owner), expired=True) for row in rows]


def _to_be_sent(row: Any, owner: UUID) -> Claimed:
    claimed = Claimed.of(row, owner)
    cancelled = claimed.cancelled or _why_gone(row)
    return replace(
        claimed,
        alias_number=row["alias_number"] or 0,
        address="" if cancelled else row["address"] or "",
        delivered_before=row["delivered_before"],
        cancelled=cancelled,
        failing=row["failing"],
        require_tls=row["require_tls"],
    )


def _why_gone(row: Any) -> str:
    if row["domain_gone"]:
        return "cancelled: the domain was deleted by its owner"
    if row["alias_gone"]:
        return "cancelled: the alias was deleted by its owner"
    if row["destination_gone"]:
        return "cancelled: the destination was deleted by its owner"
    if row["destination_stopped"]:
        return "cancelled: the destination asked for no more mail"
    return ""


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
