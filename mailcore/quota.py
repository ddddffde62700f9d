"""The daily quota, counted exactly: in the transaction that accepts the mail.

A UTC day; the unit is the delivery. Must never count mail of our own (DSN, notice).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from mailcore.database import Transaction
from mailcore.plans import limits_for
from mailcore.submission import Submission

_COUNT = """
insert into usage_day (account_id, day, forwarded, bytes)
select account_id, $2, forwarded, bytes from unnest($1::uuid[], $3::int[], $4::bigint[]) as row
    (account_id, forwarded, bytes)
on conflict (account_id, day) do update
    set forwarded = usage_day.forwarded + excluded.forwarded, bytes = usage_day.bytes + excluded.bytes
returning account_id, forwarded
"""


async def count(tx: Transaction, submissions: Sequence[Submission], day: date) -> set[UUID]:
    """Counts customers' mail. Returns the submissions that do not fit any more; those are not counted."""
    counted = [submission for submission in submissions if submission.origin == "smtp"]
    if not counted:
        return set()
    totals = await _add(tx, counted, day, sign=1)
    limits = {r.account_id: limits_for(r.plan).daily_quota for s in counted for r in s.recipients}
    over = _those_over(counted, {account: total - limits[account] for account, total in totals.items()})
    if over:
        await _add(tx, [s for s in counted if s.id in over], day, sign=-1)
    return over


async def _add(
    tx: Transaction, submissions: Sequence[Submission], day: date, *, sign: int
) -> dict[UUID, int]:
    """Adds (or takes back) these submissions. Returns each account's deliveries of the day."""
    forwarded: Counter[UUID] = Counter()
    size: Counter[UUID] = Counter()
    for submission in submissions:
        for recipient in submission.recipients:
            forwarded[recipient.account_id] += sign * len(recipient.destinations)
            size[recipient.account_id] += sign * submission.size
    accounts = sorted(forwarded)  # one order for all, so that two receivers cannot wait for each other
    rows = await tx.fetch(
        _COUNT, accounts, day, [forwarded[a] for a in accounts], [size[a] for a in accounts]
    )
    return {row["account_id"]: row["forwarded"] for row in rows}


def _those_over(submissions: Sequence[Submission], excess: dict[UUID, int]) -> set[UUID]:
    """The latest submissions, until no account is over its quota any more."""
    over: set[UUID] = set()
    for submission in reversed(submissions):
        if any(excess[r.account_id] > 0 for r in submission.recipients):
            over.add(submission.id)
            for r in submission.recipients:
                excess[r.account_id] -= len(r.destinations)
    return over
