"""What a claim costs while so many deliveries wait, all of them due: the plain statements, timed.

Rows without content, of a node that does not exist, so nobody delivers them. Must never be told for the cost
of a delivery.
"""

import statistics
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

import asyncpg

from mailcore import queue_claim
from mailcore.database import Aborted, Database
from mailcore.plans import Lane
from mailcore.queue_claim import FIRST_TURN, Room

_NODE = UUID(int=9)
_TENANTS = 1_000
_BATCH = 100
_TIMES = 30
_INSERT = """
with made as (
    select gen_random_uuid() as id, gen_random_uuid() as message, md5('tenant' || n % $2)::uuid as account,
           now() - n * interval '1 millisecond' as at from generate_series(1, $3) n
), inserted as (
    insert into message (id, account_id, recipient, lane, node_id, segment, record_offset, record_length,
                         shared, sender_authenticated, smtputf8, origin, accepted_at)
    select message, account, 0, 'standard', $1, gen_random_uuid(), 0, 4096, false, true, false, 'smtp', at
    from made
)
insert into delivery (id, message_id, account_id, node_id, lane, origin, accepted_at, next_attempt_at)
select id, message, account, $1, 'standard', 'smtp', at, at from made
"""


@dataclass(frozen=True, slots=True)
class Claims:
    """Milliseconds for whose turn it is and a claim of 100, median and worst of 30."""

    waiting: int
    claimed: int
    median_ms: float
    worst_ms: float


class _Undo(Exception):
    """Leases taken while timing are given back."""


async def claims(url: str, waiting: int) -> Claims:
    """Fills up to `waiting` deliveries, then claims again and again, each claim rolled back."""
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        there = await connection.fetchval("select count(*) from delivery where node_id = $1", _NODE)
        if waiting > there:
            await connection.execute(_INSERT, _NODE, _TENANTS, waiting - there)
        await connection.execute("analyze delivery, message")
    finally:
        await connection.close()
    database = await Database.open(url, size=1)
    try:
        timed = [await _time(database) for _ in range(_TIMES)]
    finally:
        await database.close()
    spans = [span for span, _ in timed]
    return Claims(waiting, timed[-1][1], statistics.median(spans) * 1000, max(spans) * 1000)


async def _time(database: Database) -> tuple[float, int]:
    found = 0
    begun = ended = perf_counter()
    try:
        async with database.transaction() as tx:
            turns = await queue_claim.turns(tx, _NODE, Lane.STANDARD, after=FIRST_TURN)
            room = Room(_BATCH, each=_BATCH // 5)
            found = len(await queue_claim.claim(tx, _NODE, _NODE, Lane.STANDARD, turns.order, room))
            ended = perf_counter()
            raise _Undo
    except (_Undo, Aborted):
        return ended - begun, found
