"""Our staff: people marked on the server's command line, and what they may look at.

They work by the database role clearpost_staff: it reads accounts, people, usage, figures of the queue and
nothing of a log, and suspends (suspension.py). Must never let one in without a passkey, nor show an account
without a line in its audit log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, browser_sessions, passkeys, people, suspension, team
from customers.audit import Actor, Subject
from customers.browser_sessions import SignedIn
from customers.suspension import Suspension
from mailcore.clock import Clock
from mailcore.errors import Conflict, Forbidden, Invalid, NotFound
from mailcore.models import Passkey, Person

LASTS: Final = timedelta(hours=8)
# A first passkey is added by whoever reads the mail; later ones only by who signed in with a passkey.
FIRST_PASSKEY: Final = timedelta(hours=24)
_USAGE_DAYS: Final = timedelta(days=7)


# --- on the server's command line ---


@dataclass(frozen=True, slots=True)
class StaffMember:
    id: UUID
    email: str
    since: datetime
    passkeys: int


async def add(session: AsyncSession, clock: Clock, email: str, actor: Actor) -> Person:
    """Raises Invalid, Conflict."""
    address = people.address_of(email)
    if address is None:
        raise Invalid("this is not a mail address: write it as name@example.org")
    person = await people.ensure(session, clock, address)
    if person.staff_since is not None:
        raise Conflict(f"{person.email} is staff already")
    person.staff_since = clock.now()
    _record(session, clock, actor, "staff.added", person)
    return person


async def remove(session: AsyncSession, clock: Clock, email: str, actor: Actor) -> Person:
    """Every session of theirs ends. They stay a person with their own accounts. Raises NotFound."""
    person = await _staff(session, email)
    person.staff_since = None
    await browser_sessions.revoke_all(session, person.id)
    _record(session, clock, actor, "staff.removed", person)
    return person


async def reset_passkeys(session: AsyncSession, clock: Clock, email: str, actor: Actor) -> Person:
    """Theirs are void and every session ends; a first one can be added for a day again. Raises NotFound."""
    person = await _staff(session, email)
    person.staff_since = clock.now()
    await passkeys.remove_all(session, person.id)
    await browser_sessions.revoke_all(session, person.id)
    _record(session, clock, actor, "staff.passkeys-reset", person)
    await people.record(session, clock, person.id, actor, "passkeys.reset", Subject(person.id, person.email))
    return person


async def list_of(session: AsyncSession) -> Sequence[StaffMember]:
    keys = select(func.count()).where(col(Passkey.person_id) == col(Person.id)).scalar_subquery()
    query = (
        select(Person.id, Person.email, Person.staff_since, keys)
        .where(col(Person.staff_since).is_not(None))
        .order_by(col(Person.email))
    )
    return [StaffMember(*row) for row in (await session.exec(query)).all()]


def check_new_passkey(person: Person, who: SignedIn, now: datetime) -> None:
    """Staff add passkeys with a passkey, but for the first day. Raises Forbidden."""
    if person.staff_since is None or who.method == "passkey" or now - person.staff_since < FIRST_PASSKEY:
        return
    detail = "Staff add a passkey after signing in with one; the operator can reset them for a day."
    raise Forbidden(detail, code="passkey_needed")


async def _staff(session: AsyncSession, email: str) -> Person:
    person = await people.by_email(session, email)
    if person is None or person.staff_since is None:
        raise NotFound(f"{email} is not staff")
    return person


def _record(session: AsyncSession, clock: Clock, actor: Actor, action: str, person: Person) -> None:
    audit.record(session, clock, None, actor, action, Subject(person.id, person.email))


# --- what they look at: in a transaction of the role clearpost_staff ---


@dataclass(frozen=True, slots=True)
class Found:
    id: UUID
    name: str
    plan: str
    created_at: datetime
    suspended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Used:
    """What an account did on a day in UTC."""

    day: date
    forwarded: int
    refused: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Overview:
    """An account in figures. `waiting`: deliveries by lane; `usage`: of the last 7 days, those on which
    anything happened, the newest first; `forwarded` and `refused` sum it up.
    """

    account: Found
    suspended: Suspension | None
    policy_told_at: datetime | None
    owners: Sequence[str]
    usage: Sequence[Used]
    members: int
    domains: int
    verified: int
    waiting: dict[str, int]
    forwarded: int
    refused: int


_SEARCH: Final = """
select a.id, a.name, a.plan, a.created_at, a.suspended_at from account a
where a.name ilike :pattern
   or exists (select from domain d where d.account_id = a.id and d.name ilike :pattern)
   or exists (select from membership m join person p on p.id = m.person_id
              where m.account_id = a.id and p.email ilike :pattern)
order by a.id desc limit :limit
"""
_OVERVIEW: Final = """
select a.id, a.name, a.plan, a.created_at, a.policy_told_at,
       a.suspended_at, a.suspended_for, a.suspended_note,
       (select count(m.id) from membership m where m.account_id = a.id) as members,
       (select count(d.id) from domain d where d.account_id = a.id) as domains,
       (select count(d.id) from domain d where d.account_id = a.id and d.verified_at is not null) as verified,
       (select coalesce(json_object_agg(lane, waiting), '{}') from (
            select w.lane, count(w.id) as waiting from delivery w where w.account_id = a.id group by w.lane
        ) lanes) as waiting
from account a where a.id = :id
"""
_USAGE: Final = """
select u.day, u.forwarded, u.refused, u.bytes from usage_day u
where u.account_id = :id and u.day > :day order by u.day desc
"""


async def is_staff(session: AsyncSession, person_id: UUID) -> bool:
    query = select(Person.staff_since).where(col(Person.id) == person_id)
    return (await session.exec(query)).one_or_none() is not None


async def require_account(session: AsyncSession, account_id: UUID) -> None:
    """Raises NotFound."""
    if not await _rows(session, "select id from account where id = :id", id=account_id):
        raise NotFound("There is no such account.")


async def search(session: AsyncSession, clock: Clock, actor: Actor, wanted: str, limit: int) -> list[Found]:
    """By name, domain or a member's address; newest first. What was looked for is not written down."""
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await _rows(session, _SEARCH, pattern=f"%{escaped}%", limit=limit)
    audit.record(session, clock, None, actor, "accounts.searched", Subject(None), found=len(rows))
    return [Found(*row) for row in rows]


async def look_at(session: AsyncSession, clock: Clock, actor: Actor, account_id: UUID) -> Overview:
    """The account reads in its audit log who looked; the service's own says so as well. Raises NotFound."""
    since: date = (clock.now() - _USAGE_DAYS).date()
    rows = await _rows(session, _OVERVIEW, id=account_id)
    if not rows:
        raise NotFound("There is no such account.")
    row = rows[0]
    usage = [Used(*each) for each in await _rows(session, _USAGE, id=account_id, day=since)]
    for log in (account_id, None):
        audit.record(session, clock, log, actor, "account.viewed", Subject(account_id))
    return Overview(
        account=Found(row.id, row.name, row.plan, row.created_at, row.suspended_at),
        suspended=suspension.told(row.suspended_at, row.suspended_for, row.suspended_note),
        policy_told_at=row.policy_told_at,
        owners=[owner.email for owner in await team.owners(session, account_id)],
        usage=usage,
        members=row.members,
        domains=row.domains,
        verified=row.verified,
        waiting=row.waiting,
        forwarded=sum(each.forwarded for each in usage),
        refused=sum(each.refused for each in usage),
    )


async def _rows(session: AsyncSession, query: str, **values: object) -> Sequence[Any]:
    return (await (await session.connection()).execute(text(query), values)).all()
