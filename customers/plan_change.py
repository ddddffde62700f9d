"""The one place where an account's plan changes, with all that hangs on it.

In one transaction: limits (they are read from the plan), the lane of all mail that waits, what an earlier
downgrade paused, and when what has no room now will pause. Must never delete or pause anything.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, downgrade_grace
from customers.audit import Actor, Subject
from mailcore import changes
from mailcore.clock import Clock
from mailcore.database import wake_after_commit
from mailcore.plans import Lane, Plan, limits_for

_ASCENDING: Final = (Plan.FREE, Plan.PREMIUM, Plan.BUSINESS)

# Messages first and by id, as settling takes them: whoever is second waits, and nobody for each other.
# Letters of ours are no part of a plan. What is leased now is settled into the lane that its row names then.
_LOCK: Final = """
select count(*) from (
    select from message where account_id = :account and lane <> :lane and origin <> 'notice'
    order by id for no key update
) locked
"""
_RELABEL_MESSAGES: Final = (
    "update message set lane = :lane where account_id = :account and lane <> :lane and origin <> 'notice'"
)
_RELABEL_DELIVERIES: Final = """
with moved as (
    update delivery set lane = :lane where account_id = :account and lane <> :lane and origin <> 'notice'
    returning node_id
) select distinct node_id from moved
"""


async def set_plan(session: AsyncSession, clock: Clock, account_id: UUID, plan: Plan, actor: Actor) -> bool:
    """False where the account has this plan already: then nothing is changed. Raises NotFound.

    For a transaction of the service's own, not a tenant's: it moves mail, and sees all domains.
    """
    account = await accounts.get(session, account_id, lock=True)
    before = Plan(account.plan)
    if before is plan:
        return False
    account.plan = plan
    await _relabel(session, account_id, limits_for(plan).lane)
    await downgrade_grace.begin(
        session, account, downgraded=_ASCENDING.index(plan) < _ASCENDING.index(before)
    )
    subject = Subject(account.id, account.name)
    audit.record(session, clock, account.id, actor, "plan.changed", subject, plan=plan, before=before)
    await changes.note(session, account.id, "plan", plan=plan)
    await session.flush()
    return True


async def _relabel(session: AsyncSession, account_id: UUID, lane: Lane) -> None:
    """Wakes the lane on each node that has such mail, after the commit."""
    connection, values = await session.connection(), {"account": account_id, "lane": lane}
    await connection.execute(text(_LOCK), values)
    await connection.execute(text(_RELABEL_MESSAGES), values)
    for (node_id,) in await connection.execute(text(_RELABEL_DELIVERIES), values):
        wake_after_commit(session, node_id, lane)
