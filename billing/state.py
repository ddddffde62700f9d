"""The rows of customers: who is due to be fetched from Stripe, and what was found, applied under lock.

Must never apply what was fetched earlier over what was fetched later, nor change a plan that Stripe's state
does not ask to change: what an operator has set stays until then. Due times are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from billing import subscriptions
from billing.prices import Prices
from billing.subscriptions import AtStripe, Before, Decision
from customers import accounts, audit, letters, plan_change, team
from customers.audit import SERVICE, Subject
from mailcore import changes
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.errors import NotFound
from mailcore.models import Account, Subscription
from mailcore.plans import Plan

# Whoever has taken a customer to be fetched and is not back by then has died: another one goes.
_CLAIM: Final = """
update subscription set fetch_at = now() + interval '1 minute' where account_id in (
    select account_id from subscription where fetch_at <= now() and dirty_at is {}
    order by fetch_at limit $1 for update skip locked)
returning account_id, customer_id, clock_timestamp() as began
"""
_CLAIM_NEWS: Final = _CLAIM.format("not null")
_CLAIM_ROUTINE: Final = _CLAIM.format("null")
# Seconds until a failed fetch is tried again: 2, 4, 8, ... 600.
_PUT_OFF: Final = """
update subscription set tries = tries + 1,
    fetch_at = now() + least(600, 2 ^ least(tries + 1, 10)) * interval '1 second'
where account_id = $1 and (fetched_at is null or fetched_at < $2)
"""
_ADD: Final = """
insert into subscription (account_id, customer_id, fetch_at) values ($1, $2, now() + interval '1 hour')
on conflict (account_id) do update set fetch_at = subscription.fetch_at returning customer_id
"""
# The fetch that comes next finds nothing bought, and writes so.
_REPLACE: Final = """
update subscription set customer_id = $3, subscription_id = null, disputed = false, tries = 0,
    dirty_at = clock_timestamp(), fetch_at = now()
where account_id = $1 and customer_id = $2
"""
_MARK: Final = "update subscription set dirty_at = clock_timestamp(), fetch_at = now() where account_id = $1"
_DISPUTES: Final = """
update stripe_event set fetch_at = now() + interval '1 minute' where id in (
    select id from stripe_event where fetch_at <= now() order by fetch_at limit $1 for update skip locked)
returning id, dispute_id, type
"""
# The conditions are those of the indexes ix_subscription_odd and ix_subscription_news, word by word.
_ALERTS: Final = """
select count(*) filter (where odd_price) as odd_prices, count(*) filter (where disputed) as disputed,
count(*) filter (where tries > 3) as failing,
(select coalesce(extract(epoch from now() - min(dirty_at)), 0)::float from subscription
 where dirty_at is not null) as oldest_seconds
from subscription where odd_price or disputed or tries > 3
"""
_FLAG: Final = """
with seen as (select disputed from subscription where customer_id = $1)
update subscription set disputed = $2,
    dirty_at = case when $3 then clock_timestamp() else dirty_at end,
    fetch_at = case when $3 then now() else fetch_at end
where customer_id = $1 and (disputed <> $2 or $3) returning (select disputed from seen) <> $2
"""
# One that is open is asked after again, in case that the event of its end is lost; one event is enough.
_AGAIN: Final = """
update stripe_event set fetch_at = case when $3 and id = $1 then now() + interval '6 hours' end,
    customer_id = $4
where dispute_id = $2 and fetch_at is not null
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A customer to be fetched. `began`: what events told before that, the fetch will show."""

    account_id: UUID
    customer_id: str
    began: datetime
    has_news: bool


@dataclass(frozen=True, slots=True)
class DueDispute:
    """`is_closing`: the event that told of its end, of which there is one."""

    event_id: str
    dispute_id: str
    is_closing: bool


@dataclass(frozen=True, slots=True)
class Alerts:
    """How many customers need our eyes, and how long the oldest news waits to be fetched, in seconds."""

    odd_prices: int
    disputed: int
    failing: int
    oldest_seconds: float


async def get(session: AsyncSession, account_id: UUID) -> Subscription | None:
    """None for an account that never came near to paying."""
    return await session.get(Subscription, account_id)


async def past_due_since(session: AsyncSession, account_id: UUID) -> datetime | None:
    """Since when a payment fails; None where none does."""
    row = await get(session, account_id)
    return row.past_due_since if row else None


@dataclass(frozen=True, slots=True)
class Paid:
    """What staff see of a subscription. Amounts in the smallest unit of the currency, by the month."""

    status: str
    plan: str | None
    interval: str | None
    amount_monthly: int
    currency: str
    period_end: datetime | None
    cancel_at: datetime | None
    past_due_since: datetime | None
    disputed: bool


async def paid(session: AsyncSession, account_id: UUID) -> Paid | None:
    """By the columns that the role of staff may read."""
    names = [getattr(Subscription, each.name) for each in fields(Paid)]
    query = select(*names).where(col(Subscription.account_id) == account_id)
    row = (await session.exec(query)).one_or_none()
    return Paid(*row) if row else None


async def add(tx: Transaction, account_id: UUID, customer_id: str) -> str:
    """The account's customer at Stripe: this one, or the one that another request was first with."""
    return str(await tx.value(_ADD, account_id, customer_id))


async def replace(tx: Transaction, account_id: UUID, gone: str, customer_id: str) -> None:
    """This customer in place of the one that is gone, with all that was bought. A second time: nothing."""
    await tx.execute(_REPLACE, account_id, gone, customer_id)


async def mark(tx: Transaction, account_id: UUID) -> None:
    """We have changed something at Stripe: its customer is due now."""
    await tx.execute(_MARK, account_id)


async def claim(database: Database, most: int, *, routine: int | None = None) -> Sequence[Due]:
    """Whoever is due, for this process alone and for a minute: those of whom an event told, and beside them
    up to `routine` who were not asked after for an hour.
    """
    async with database.transaction() as tx:
        rows = await tx.fetch(_CLAIM_NEWS, most)
        room = most - len(rows)
        others = await tx.fetch(_CLAIM_ROUTINE, room if routine is None else min(room, routine))
    return [
        Due(row["account_id"], row["customer_id"], row["began"], has_news)
        for those, has_news in ((rows, True), (others, False))
        for row in those
    ]


async def put_off(database: Database, due: Due) -> None:
    """The fetch failed: again a little later, each time more so. What is known stays as it is."""
    async with database.transaction() as tx:
        await tx.execute(_PUT_OFF, due.account_id, due.began)


async def apply(
    session: AsyncSession, clock: Clock, prices: Prices, due: Due, found: Sequence[AtStripe]
) -> None:
    """What was fetched becomes what is. An account deleted meanwhile, another customer, or a later
    fetch leaves nothing to do.

    Raises subscriptions.Vanished.
    """
    try:  # first the account: a deletion takes the locks in this order too
        account = await accounts.get(session, due.account_id, lock=True)
    except NotFound:
        return
    row = await _locked(session, due.account_id)
    if row is None or row.customer_id != due.customer_id:
        return
    if row.fetched_at is not None and row.fetched_at >= due.began:
        return
    before = Before(row.subscription_id, row.past_due_since)
    decision = subscriptions.decide(found, before, prices, clock.now())
    seen = _facts(row)
    given = row.plan or Plan.FREE
    _write(row, decision)
    _settle(row, due.began)
    if decision.plan is not None and decision.plan != given:
        await _give(session, clock, account, decision.plan)
    if row.status == "past_due":
        await _write_letters(session, clock, account, row)
    if _facts(row) != seen:
        audit.record(
            session, clock, account.id, SERVICE, "subscription.changed", Subject(None), status=row.status,
            plan=row.plan, interval=row.interval,
        )  # fmt: skip
        await changes.note(session, account.id, "plan", status=row.status)
    session.add(row)


async def _give(session: AsyncSession, clock: Clock, account: Account, plan: Plan) -> None:
    """Owners are told when a plan has ended: it takes room away, whoever has ended it."""
    before = account.plan
    if await plan_change.set_plan(session, clock, account.id, plan, SERVICE) and plan is Plan.FREE:
        about = {"account": account.name, "plan": before}
        await team.write_to_owners(session, clock, "plan-ended", account.id, **about)


async def _locked(session: AsyncSession, account_id: UUID) -> Subscription | None:
    query = select(Subscription).where(col(Subscription.account_id) == account_id).with_for_update()
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


def _facts(row: Subscription) -> tuple[object, ...]:
    """What people are shown."""
    return row.status, row.plan, row.interval, row.cancel_at, row.period_end, row.next_plan, row.odd_price


def _write(row: Subscription, decision: Decision) -> None:
    row.subscription_id = decision.subscription_id
    row.status = decision.status
    row.price_id = decision.price_id
    row.interval = decision.interval
    row.amount_monthly = decision.amount_monthly
    row.currency = decision.currency
    row.odd_price = decision.odd_price
    row.cancel_at = decision.cancel_at
    row.period_end = decision.period_end
    row.trial_end = decision.trial_end
    row.next_plan = decision.next_plan
    row.next_interval = decision.next_interval
    if row.past_due_since != decision.past_due_since:
        row.told_past_due = 0
    row.past_due_since = decision.past_due_since
    if decision.plan is not None:
        row.plan = decision.plan


def _settle(row: Subscription, began: datetime) -> None:
    """Fetched; due again in an hour, or at once where an event came while we asked."""
    row.fetched_at = began
    row.tries = 0
    if row.dirty_at is not None and row.dirty_at > began:
        row.fetch_at = began
        return
    row.dirty_at = None
    row.fetch_at = began + subscriptions.again_after(row.account_id)


async def _write_letters(session: AsyncSession, clock: Clock, account: Account, row: Subscription) -> None:
    """On the days 0, 7 and 12 after a payment has failed; of those that were missed, only the last."""
    assert row.past_due_since is not None
    wanted = subscriptions.letters_due(row.past_due_since, clock.now())
    if wanted <= row.told_past_due:
        return
    row.told_past_due = wanted
    ends = (row.past_due_since + subscriptions.GRACE).date().isoformat()
    for owner in await team.owners(session, account.id):
        await letters.post(
            session,
            clock,
            "payment-failed",
            owner.email,
            account_id=account.id,
            account=account.name,
            ends=ends,
        )


# --- disputes: an event names one, its state is asked at Stripe ---


async def claim_disputes(database: Database, most: int) -> Sequence[DueDispute]:
    async with database.transaction() as tx:
        rows = await tx.fetch(_DISPUTES, most)
    return [DueDispute(row["id"], row["dispute_id"], row["type"] == "charge.dispute.closed") for row in rows]


async def flag(
    database: Database, due: DueDispute, customer_id: str | None, *, is_open: bool, has_ended: bool
) -> bool:
    """Whether this is news. The plan stays until Stripe says otherwise: it is asked at once where something
    `has_ended` for this.
    """
    async with database.transaction() as tx:
        is_news = await tx.value(_FLAG, customer_id, is_open, has_ended)
        await tx.execute(_AGAIN, due.event_id, due.dispute_id, is_open, customer_id)
    return bool(is_news)


async def alerts(database: Database) -> Alerts:
    return Alerts(**dict(await database.row(_ALERTS)))
