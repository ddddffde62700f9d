"""Who is here, who pays, and how much a month: figures for everybody to see.

Must never tell one account from another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailcore.database import Database
from mailcore.plans import Plan

# A trial pays nothing yet; a late payment is one until its grace has ended, and its plan with it.
_PAYING = """
select plan, currency, count(*) as accounts, sum(amount_monthly) as monthly from subscription
where status in ('active', 'past_due') and plan <> 'free' group by plan, currency order by plan, currency
"""


@dataclass(frozen=True, slots=True)
class Paying:
    """`monthly`: list prices by the month, before discounts and taxes, in the smallest unit of `currency`; a
    year's price counts a twelfth.
    """

    plan: Plan
    currency: str
    accounts: int
    monthly: int


async def paying(database: Database) -> Sequence[Paying]:
    """By plan and currency; those that nobody pays for are absent."""
    rows = await database.fetch(_PAYING)
    return [Paying(Plan(row["plan"]), row["currency"], row["accounts"], int(row["monthly"])) for row in rows]


async def accounts(database: Database) -> Mapping[Plan, int]:
    """How many there are of each plan."""
    rows = await database.fetch("select plan, count(*) as accounts from account group by plan")
    found = {row["plan"]: row["accounts"] for row in rows}
    return {plan: found.get(plan, 0) for plan in Plan}
