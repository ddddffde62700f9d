"""The 7 days after a downgrade, in which nothing pauses; and what pauses, and wakes again, afterwards.

Upkeep looks every minute, so whoever makes room by deleting something gets the next oldest back by itself.
Must never pause anything of whose end its owner was not told a day before.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final
from uuid import UUID

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, surplus, team
from customers.audit import SERVICE, Subject
from customers.letter_texts import Kind
from customers.surplus import Changed, Surplus
from mailcore import changes
from mailcore.clock import Clock
from mailcore.models import Account

GRACE: Final = timedelta(days=7)
WARNING: Final = timedelta(days=1)


class Told(IntEnum):
    """How far the owner knows of what has no room."""

    NOTHING = 0
    GRACE = 1
    LAST_DAY = 2
    PAUSED = 3


async def begin(session: AsyncSession, account: Account, *, downgraded: bool) -> None:
    """The plan has just changed. What has room wakes; the grace of what has none begins with a downgrade,
    and goes on otherwise.
    """
    limits = accounts.limits_of(account)
    await surplus.wake(session, account.id, limits)
    if not await surplus.beyond(session, account.id, limits):
        _end(account)
    elif downgraded or account.surplus_pauses_at is None:
        account.surplus_pauses_at = await _now(session) + GRACE
        account.surplus_told = Told.NOTHING
    await session.flush()


async def settle(session: AsyncSession, clock: Clock, account_id: UUID) -> None:
    """One account: wakes, tells, pauses, or ends the grace. Whoever comes second finds nothing to do."""
    account = await accounts.get(session, account_id, lock=True)
    if account.surplus_pauses_at is None:
        return
    limits = accounts.limits_of(account)
    woken = await surplus.wake(session, account_id, limits)
    if woken:
        await _note(session, clock, account, "surplus.woken", woken)
    if left := await surplus.beyond(session, account_id, limits):
        await _go_on(session, clock, account, left)
    else:
        _end(account)
        await changes.note(session, account_id, "plan", plan=account.plan)
    await session.flush()


async def _go_on(session: AsyncSession, clock: Clock, account: Account, left: Surplus) -> None:
    now, told = await _now(session), Told(account.surplus_told)
    assert account.surplus_pauses_at is not None
    step = next_step(account.surplus_pauses_at, told, now)
    if step is None:
        return
    if step is Told.PAUSED:
        paused = await surplus.pause(session, account.id, accounts.limits_of(account))
        await _note(session, clock, account, "surplus.paused", paused)
    elif step is Told.LAST_DAY:  # where upkeep stood still for days, the last day begins now
        account.surplus_pauses_at = max(account.surplus_pauses_at, now + WARNING - timedelta(minutes=5))
    account.surplus_told = step
    await _tell(session, clock, account, left, step)


def next_step(pauses_at: datetime, told: Told, now: datetime) -> Told | None:
    """What comes now: a word, a last word a day before the end, pausing; or nothing yet."""
    if told >= Told.LAST_DAY and now >= pauses_at:
        return None if told is Told.PAUSED else Told.PAUSED
    if told < Told.LAST_DAY and now >= pauses_at - WARNING:
        return Told.LAST_DAY
    return Told.GRACE if told is Told.NOTHING else None


def _end(account: Account) -> None:
    account.surplus_pauses_at, account.surplus_told = None, Told.NOTHING


async def _note(session: AsyncSession, clock: Clock, account: Account, action: str, what: Changed) -> None:
    subject = Subject(account.id, account.name)
    count = {"domains": what.domains, "aliases": what.aliases}
    audit.record(session, clock, account.id, SERVICE, action, subject, **count)
    await changes.note(session, account.id, "plan", plan=account.plan)


async def _tell(session: AsyncSession, clock: Clock, account: Account, left: Surplus, step: Told) -> None:
    assert account.surplus_pauses_at is not None
    about: dict[str, str | int] = {
        "account": account.name,
        "plan": account.plan,
        "domains": len(left.domains),
        "aliases": len(left.aliases),
        "inboxes": len(left.inboxes),
        "on": f"{account.surplus_pauses_at:%-d %B %Y}",
    }
    kind: Kind = "plan-paused" if step is Told.PAUSED else "plan-surplus"
    await team.write_to_owners(session, clock, kind, account.id, **about)


async def _now(session: AsyncSession) -> datetime:
    """The database's, as in all due times."""
    return (await session.exec(select(func.now()))).one()
