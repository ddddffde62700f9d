"""The counted identity: created = delivered + hard-bounced + waiting + held, by origin.

Append-only rows, written in the same transactions as what they count. Must never be corrected by
hand: a gap is a finding, not something to tidy away.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mailcore.database import Database, Transaction

Origin = Literal["smtp", "dsn", "notice"]


# Part of accepted_rows.py, which has `parcel`.
CREATED = """
entered as (
    insert into ledger (origin, created) select origin, count(*) from parcel group by origin
)
""".strip()
# Part of settlement.py: those that `ended`.
ENDED = """
entered as (
    insert into ledger (origin, delivered, hard_bounced)
    select origin, count(*) filter (where type = 'delivered'), count(*) filter (where type = 'hard-bounced')
    from ended group by origin
)
""".strip()


@dataclass(slots=True)
class Entries:
    """What one transaction created and closed, to be written as one row for each origin."""

    created: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    hard_bounced: Counter[str] = field(default_factory=Counter)

    async def write(self, tx: Transaction) -> None:
        origins = sorted(self.created.keys() | self.delivered.keys() | self.hard_bounced.keys())
        if origins:
            await tx.execute(
                "insert into ledger (origin, created, delivered, hard_bounced) select * from "
                "unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])",
                origins,
                [self.created[origin] for origin in origins],
                [self.delivered[origin] for origin in origins],
                [self.hard_bounced[origin] for origin in origins],
            )


@dataclass(frozen=True, slots=True)
class Balance:
    """One origin's line. `difference` must be zero."""

    origin: str
    created: int
    delivered: int
    hard_bounced: int
    waiting: int
    held: int

    @property
    def difference(self) -> int:
        return self.created - self.delivered - self.hard_bounced - self.waiting - self.held


_BALANCE = """
with counted as (
    select origin, sum(created) as created, sum(delivered) as delivered, sum(hard_bounced) as hard_bounced
    from ledger group by origin
), queued as (
    select origin, count(*) filter (where not held) as waiting, count(*) filter (where held) as held
    from (
        select d.origin, d.state = 'held' or not exists (select from process p where p.node_id =
            d.node_id) as held
        from delivery d
    ) seen group by origin
)
select origin, coalesce(created, 0)::bigint as created, coalesce(delivered, 0)::bigint as delivered,
       coalesce(hard_bounced, 0)::bigint as hard_bounced, coalesce(waiting, 0) as waiting,
       coalesce(held, 0) as held
from counted full join queued using (origin) order by origin
"""


async def balance(database: Database) -> Sequence[Balance]:
    """Read in one statement, so in one snapshot. The mail of a node without any process counts as held."""
    return [Balance(*row) for row in await database.fetch(_BALANCE)]


async def compact(database: Database) -> None:
    """Sums old rows into one per origin; the identity holds at every moment. The history is not
    needed, the sums are.
    """
    async with database.transaction() as tx:
        await tx.execute(
            "with old as (delete from ledger where at < now() - interval '1 hour' returning origin, "
            "created, delivered, hard_bounced) "
            "insert into ledger (at, origin, created, delivered, hard_bounced) "
            "select now() - interval '1 hour', origin, sum(created), sum(delivered), "
            "sum(hard_bounced) from old group by origin"
        )
