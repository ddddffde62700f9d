"""What the database holds about forward-paths: one query for all that are asked about in one moment.

Each is read anew, nothing is remembered: a stale answer bounces mail. Must never decide what a row means.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from mailcore.batching import Batcher
from mailcore.database import Database
from mailcore.values import value

CATCH_ALL: Final = "*"
# A query that hangs must not hold up those who come after it.
_AT_ONCE: Final = 2
# The arrays stand in selects of their own so that the planner takes every batch for the same: it plans once
# for each connection, and reads by the indexes of names and ids.
_LOOK_UP: Final = f"""
select q.place, d.id as domain_id, d.account_id, d.plus_addressing, d.off_at, d.paused_at as domain_paused_at,
       c.plan, c.suspended_at, a.id as alias_id, a.number, a.local_part, a.enabled, a.paused_at, a.created_at,
       (c.surplus_pauses_at is null or c.surplus_told = 3) as is_cut,
       d.failing_since is not null as domain_failing, d.strict_dmarc, d.require_tls, d.spam_threshold,
       d.log_level,
       coalesce((select u.forwarded from usage_day u
                 where u.account_id = d.account_id and u.day = $4), 0) as forwarded_today,
       array(select (t.confirmed_at is not null, t.created_at, t.id, t.address, t.delivered_before,
                     t.failing_since is not null)
             from alias_destination l join destination t on t.id = l.destination_id
             where l.alias_id = a.id and t.stopped_at is null order by t.id) as destinations
from unnest((select $1::text[]), (select $2::text[]), (select $3::text[]))
     with ordinality as q(domain, local_part, untagged, place)
join domain d on d.name = q.domain and d.verified_at is not null
join account c on c.id = d.account_id
left join alias a on a.domain_id = d.id and a.local_part = any(array[q.local_part, q.untagged, '{CATCH_ALL}'])
"""


@value
class Question:
    """About a domain, and its aliases of these normalised names beside the catch-all; mail is counted for
    `day`.
    """

    domain: str
    local_part: str
    untagged: str
    day: date


class AliasLookup:
    """Of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batcher = Batcher(self._ask, concurrency=_AT_ONCE)

    async def rows(self, question: Question) -> Sequence[Any]:
        """One for each alias that is there; one without an alias where there is none; none where nobody has
        verified the domain.
        """
        return await self._batcher.submit(question)

    async def _ask(self, questions: Sequence[Question]) -> Sequence[Sequence[Any]]:
        rows = await self._database.fetch(
            _LOOK_UP,
            [each.domain for each in questions],
            [each.local_part for each in questions],
            [each.untagged for each in questions],
            questions[-1].day,  # they come in one moment: who is first on a new day brings the others along
        )
        answers: list[list[Any]] = [[] for _ in questions]
        for row in rows:
            answers[row["place"] - 1].append(row)
        return answers
