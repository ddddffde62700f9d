"""The rows of accepted mail in one statement: messages, deliveries, log, ledger and what counts for quotas.

One round trip for a whole batch. Each table's part stands in the file that owns the table; here they are put
together. Must never write some of them without the others, nor commit.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mailcore import event_log, ledger, queue, quota, routing
from mailcore.database import Transaction
from mailcore.event_log import Event, LoggedMessage, columns
from mailcore.log_keys import LogKeys
from mailcore.queue import DeliveryRow, MessageRow
from mailcore.quota import Usage
from mailcore.values import value


@value
class Accepted:
    """One message for one alias, its deliveries, and what the log keeps of it."""

    message: MessageRow
    deliveries: Sequence[DeliveryRow]
    logged: LoggedMessage
    received: Event


@value
class Written:
    """`unleased`: deliveries whose alias, domain or destination was deleted or stopped since RCPT; they wait
    in the queue, which ends them. `forwarded`: deliveries of the day, by account.
    """

    unleased: frozenset[UUID]
    forwarded: dict[UUID, int]


# What is not a delivery's own is said once for each message, or once at all ($1, the node).
_WRITE: Final = f"""
with mail as materialized (
    select $1::uuid as node_id, m.*
    from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::smallint[], $7::text[], $8::uuid[],
        $9::bigint[], $10::bigint[], $11::bool[], $12::bool[], $13::bool[], $14::text[], $15::timestamptz[],
        $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[], $22::text[],
        $23::int[])
    as m (id, account_id, domain_id, alias_id, recipient, lane, segment, record_offset, record_length, shared,
        sender_authenticated, smtputf8, origin, accepted_at, sealed, alias_hash, untagged_hash, sender_hash,
        dmarc_hash, said, code, duration_ms)
), parcel as materialized (
    select p.*, {routing.IS_THERE} as is_there
    from (
        select d.*, m.id as message_id, m.account_id, m.domain_id, m.alias_id, m.node_id, m.lane, m.origin,
            m.accepted_at
        from unnest($24::uuid[], $25::uuid[], $26::uuid[], $27::uuid[], $28::uuid[])
            as d (id, of_message, destination_id, lease_owner, lease_token)
        join mail m on m.id = d.of_message
    ) p
), usage as materialized (
    select * from unnest($29::uuid[], $30::date[], $31::int[], $32::bigint[])
    as u (account_id, day, forwarded, bytes)
),
{queue.INSERTED},
{event_log.RECEIVED},
{ledger.CREATED},
{quota.COUNTED}
select pg_current_xact_id()::text as xid,
    array(select id from parcel where lease_token is not null and not is_there) as unleased,
    array(select account_id from counted) as accounts, array(select forwarded from counted) as forwarded
"""


async def write(
    tx: Transaction, keys: LogKeys, mail: Sequence[Accepted], usage: Sequence[Usage] = ()
) -> Written:
    """At least one message, all of one node. Wakes the lanes of what is not leased."""
    row_keys = await keys.to_write((a.message.account_id, a.message.accepted_at) for a in mail)
    messages = [
        (m.id, m.account_id, m.domain_id, m.alias_id, m.recipient, m.lane,
         m.location.segment, m.location.offset, m.location.length, m.shared, m.sender_authenticated,
         m.smtputf8, m.origin, m.accepted_at,
         *event_log.columns_of(a.logged, a.received, key))
        for a, key in zip(mail, row_keys, strict=True) for m in (a.message,)
    ]  # fmt: skip
    deliveries = [
        (d.id, a.message.id, d.destination_id, d.lease and d.lease.owner, d.lease and d.lease.token)
        for a in mail
        for d in a.deliveries
    ]
    row = await tx.row(
        _WRITE,
        mail[0].message.node_id,
        *columns(messages, 22),
        *columns(deliveries, 5),
        *columns([(u.account_id, u.day, u.forwarded, u.bytes) for u in usage], 4),
    )
    tx.known_as(row["xid"])
    event_log.leave_received(tx, mail[0].message.id)
    tx.tell()
    written = Written(frozenset(row["unleased"]), dict(zip(row["accounts"], row["forwarded"], strict=True)))
    _wake(tx, mail, written.unleased)
    return written


def _wake(tx: Transaction, mail: Sequence[Accepted], unleased: frozenset[UUID]) -> None:
    for a in mail:
        if any(d.lease is None or d.id in unleased for d in a.deliveries):
            tx.wake(a.message.node_id, a.message.lane)
