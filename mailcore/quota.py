"""The daily quota, counted exactly: in the transaction that accepts the mail.

A UTC day; the unit is the delivery. Must never count mail of our own (DSN, notice).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mailcore.plans import limits_for
from mailcore.submission import Submission

# Part of accepted_rows.py, which has `usage`.
COUNTED: Final = """
counted as (
    insert into usage_day (account_id, day, forwarded, bytes)
    select account_id, day, forwarded, bytes from usage
    on conflict (account_id, day) do update
        set forwarded = usage_day.forwarded + excluded.forwarded, bytes = usage_day.bytes + excluded.bytes
    returning account_id, forwarded
)
""".strip()


class OverQuota(Exception):
    """These do not fit any more. Their transaction must be rolled back, and tried again without them."""

    def __init__(self, submissions: frozenset[UUID]) -> None:
        super().__init__("over the daily quota")
        self.submissions = submissions


@dataclass(frozen=True, slots=True)
class Usage:
    """What a batch adds to an account's day."""

    account_id: UUID
    day: date
    forwarded: int
    bytes: int


def usage_of(submissions: Sequence[Submission], day: date) -> list[Usage]:
    """Of customers' mail, by account; in one order for all: two receivers must not wait for each other."""
    forwarded: Counter[UUID] = Counter()
    size: Counter[UUID] = Counter()
    for submission in submissions:
        if submission.origin == "smtp":
            for recipient in submission.recipients:
                forwarded[recipient.account_id] += len(recipient.destinations)
                size[recipient.account_id] += submission.size
    return [Usage(account, day, forwarded[account], size[account]) for account in sorted(forwarded)]


def check(submissions: Sequence[Submission], forwarded: Mapping[UUID, int]) -> None:
    """`forwarded`: deliveries of the day, these among them. Raises `OverQuota` where a plan allows less."""
    counted = [submission for submission in submissions if submission.origin == "smtp"]
    limits = {r.account_id: limits_for(r.plan).daily_quota for s in counted for r in s.recipients}
    if any(forwarded[account] > limits[account] for account in limits):
        excess = {account: forwarded[account] - limits[account] for account in limits}
        raise OverQuota(frozenset(_those_over(counted, excess)))


def _those_over(submissions: Sequence[Submission], excess: dict[UUID, int]) -> set[UUID]:
    """The latest submissions, until no account is over its quota any more."""
    over: set[UUID] = set()
    for submission in reversed(submissions):
        if any(excess[r.account_id] > 0 for r in submission.recipients):
            over.add(submission.id)
            for r in submission.recipients:
                excess[r.account_id] -= len(r.destinations)
    return over
