"""The queue as it lies in PostgreSQL: messages and their deliveries, inserted, leased, given back.

Plain statements for whole batches. Which deliveries are leased is decided elsewhere: by their turn
(queue_claim.py), or by an operator or their age (queue_admin.py). Must never change a delivery that another
process holds: what a holder does is fenced by its token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from mailcore.database import Transaction
from mailcore.mail_rules import LogLevel
from mailcore.plans import Lane
from mailcore.spool_record import Location
from mailcore.values import value

_BY_OWNER = "cancelled: its owner asked for that"


@value
class MessageRow:
    """One accepted message for one alias: `recipient` is its place among the recipients of the sealed
    envelope, which knows the addresses. `shared` when another row points at the same bytes.
    """

    id: UUID
    account_id: UUID
    domain_id: UUID | None
    alias_id: UUID | None
    recipient: int
    lane: Lane
    node_id: UUID
    location: Location
    shared: bool
    sender_authenticated: bool
    smtputf8: bool
    origin: str
    accepted_at: datetime


@value
class Lease:
    """Names the process that may attempt a delivery, and the token that fences its result."""

    owner: UUID
    token: UUID


@value
class Claimed:
    """A delivery leased to this process, with all that an attempt needs.

    `cancelled` says in plain words why it must not be sent any more (its owner cancelled it, or its alias,
    destination or account is gone); `address` is then empty. `expired` when it waited too long, and is only
    leased to be ended.

    `reverse_path`, `alias_address` as it was written to and the address of mail of our own are in the sealed
    record: Mail.addressed adds them. Until then `alias_address` is what the alias is called now, or empty.
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
    failing: bool = False  # the last mail to its destination was refused for good
    require_tls: bool = False  # its domain's owner wants it sent over TLS or not at all
    log_level: LogLevel = LogLevel.FULL  # how much the log of its domain may keep
    recipient: int | None = None  # its place in the envelope; None of a row older than the sealed spool
    alone: bool = False  # surely the only delivery that its message has, or ever had

    @classmethod
    def of(cls, row: Any, owner: UUID) -> Self:
        """A row of `lease_picked`: enough to end it; to be sent it needs more (queue_claim.py)."""
        return cls(
            id=row["id"],
            lease=Lease(owner, row["lease_token"]),
            message_id=row["message_id"],
            account_id=row["account_id"],
            alias_id=row["alias_id"],
            alias_number=0,
            alias_address=row["alias_address"] or "",
            destination_id=row["destination_id"],
            address="",
            lane=Lane(row["lane"]),
            origin=row["origin"],
            attempt=row["attempt"],
            failures=row["failures"],
            provider=row["provider"],
            accepted_at=row["accepted_at"],
            no_domain_since=row["no_domain_since"],
            delivered_before=True,
            reverse_path="",
            sender_authenticated=row["sender_authenticated"],
            smtputf8=row["smtputf8"],
            location=_location(row),
            cancelled=_BY_OWNER if row["cancelled"] else "",
            log_level=LogLevel(row["log_level"]),
            recipient=row["recipient"],
        )


def lease_picked(owner: str, *, more: str = "") -> str:
    """The end of a statement whose `picked` holds ids: leases them to `owner`, a parameter of it.

    Then selects what `Claimed.of` reads and `more` columns, of `leased d join message m`.
    """
    return f"""
leased as (
    update delivery d set lease_owner = {owner}, lease_token = gen_random_uuid(), attempt = d.attempt + 1
    from picked where d.id = picked.id
    returning d.*
)
select d.id, d.lease_token, d.message_id, d.account_id, d.destination_id, d.lane, d.origin, d.attempt,
       d.failures, d.provider, d.accepted_at, d.no_domain_since, d.cancelled, m.alias_id, m.recipient,
       coalesce((select w.log_level from domain w where w.id = m.domain_id),
                case d.origin when 'smtp' then 'full' else 'no-sender' end) as log_level,
       m.sender_authenticated, m.smtputf8, m.segment, m.record_offset, m.record_length,
       (select named.local_part || '@' || of.name from alias named join domain of on of.id = named.domain_id
        where named.id = m.alias_id) as alias_address{more}
from leased d join message m on m.id = d.message_id
"""


def _location(row: Any) -> Location:
    return Location(row["segment"], row["record_offset"], row["record_length"])


# Parts of accepted_rows.py, which has `mail` and `parcel`. A leased row is attempt number one already; the
# others are due at once.
INSERTED = """
message_row as (
    insert into message (id, account_id, domain_id, alias_id, recipient, lane, node_id, segment,
        record_offset, record_length, shared, sender_authenticated, smtputf8, origin, accepted_at)
    select id, account_id, domain_id, alias_id, recipient, lane, node_id, segment, record_offset,
        record_length, shared, sender_authenticated, smtputf8, origin, accepted_at from mail
), delivery_row as (
    insert into delivery (id, message_id, account_id, destination_id, node_id, lane, origin, accepted_at,
        lease_owner, lease_token, attempt)
    select id, message_id, account_id, destination_id, node_id, lane, origin, accepted_at,
        case when is_there then lease_owner end, case when is_there then lease_token end,
        case when is_there and lease_token is not null then 1 else 0 end from parcel
)
""".strip()


@value
class DeliveryRow:
    """`destination_id` for a customer's inbox, None for mail of our own: its envelope says where to."""

    id: UUID
    destination_id: UUID | None
    lease: Lease | None


async def locate(tx: Transaction, message_id: UUID) -> Location | None:
    """Where a message's bytes lie now: the sweep may have moved them since the claim."""
    row = await tx.row("select segment, record_offset, record_length from message where id = $1", message_id)
    return row and _location(row)


def leave_lease(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    """A claim's transaction leaves these leases; where others took some since, the token is the fence."""
    if claimed:
        tx.leaves(
            "select exists (select from delivery "
            "where id = any($1::uuid[]) and lease_token = any($2::uuid[]))",
            [c.id for c in claimed],
            [c.lease.token for c in claimed],
        )


# Each row is found by its key: no index knows the tokens, and among much that waits the table is long.
async def give_back(tx: Transaction, claimed: Sequence[Claimed], *, count_attempt: bool) -> None:
    """Deliveries go back to the queue, due now, as if never claimed (`count_attempt` false)."""
    await tx.execute(
        "update delivery set lease_owner = null, lease_token = null, next_attempt_at = now(), "
        "attempt = attempt - $3::int "
        "where id = any($1::uuid[]) and lease_token = any($2::uuid[])",
        [c.id for c in claimed],
        [c.lease.token for c in claimed],
        0 if count_attempt else 1,
    )


@dataclass(frozen=True, slots=True)
class PutOff:
    """A delivery that waits so many seconds for its provider's sake."""

    claimed: Claimed
    provider: str
    seconds: float


async def put_off(tx: Transaction, waiting: Sequence[PutOff]) -> None:
    """Not now, for the provider's sake: no attempt was made, none is counted."""
    await tx.execute(
        "update delivery d set lease_owner = null, lease_token = null, attempt = attempt - 1, "
        "provider = put.provider, next_attempt_at = now() + make_interval(secs => put.seconds) "
        "from unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[]) as put (id, token, provider, seconds) "
        "where d.id = any($1) and d.id = put.id and d.lease_token = put.token",
        [each.claimed.id for each in waiting],
        [each.claimed.lease.token for each in waiting],
        [each.provider for each in waiting],
        [each.seconds for each in waiting],
    )


async def hold(tx: Transaction, claimed: Claimed) -> None:
    """The bytes are damaged: nothing is sent nor lost, no attempt is counted, an operator must look."""
    await tx.execute(
        "update delivery set state = 'held', lease_owner = null, lease_token = null, attempt = attempt - 1 "
        "where id = $1 and lease_token = $2",
        claimed.id,
        claimed.lease.token,
    )


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
