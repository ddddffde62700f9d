"""People: found by a verified address, made once, and the accounts they belong to.

Must never take an address that nobody vouched for, nor tell one person of another's accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit
from customers.audit import Actor, Subject
from customers.callers import Role
from mailcore.clock import Clock
from mailcore.envelope import parse_mailbox, untagged
from mailcore.models import Account, Membership, Person


@dataclass(frozen=True, slots=True)
class Belonging:
    """An account that a person belongs to, and as what."""

    account_id: UUID
    name: str
    role: Role


def address_of(text: str) -> str | None:
    """An address that somebody may sign in with, in the one way we write it; None for what is none.

    In lower case: nobody who gives out addresses today gives two that differ in case to two people. ASCII
    only, so that no letter of another alphabet passes for this one.
    """
    mailbox = parse_mailbox(text.strip())
    return mailbox.address.lower() if mailbox is not None and mailbox.is_ascii else None


async def get(session: AsyncSession, person_id: UUID) -> Person:
    return await session.get_one(Person, person_id)


async def rename(session: AsyncSession, person_id: UUID, name: str) -> None:
    """How the people of their accounts see them; nobody signs in by it."""
    (await get(session, person_id)).name = name


async def by_email(session: AsyncSession, email: str) -> Person | None:
    """Whatever its case."""
    return (await session.exec(select(Person).where(col(Person.email) == email.lower()))).one_or_none()


async def ensure(session: AsyncSession, clock: Clock, email: str, name: str = "") -> Person:
    """The person of a verified address, made where there is none yet; of two at once, one makes them."""
    if (person := await by_email(session, email)) is not None:
        return person
    row = {"id": clock.new_id(), "email": email.lower(), "name": name}
    await session.exec(insert(Person).values(**row).on_conflict_do_nothing())
    return (await session.exec(select(Person).where(col(Person.email) == email.lower()))).one()


async def belongings(session: AsyncSession, person_id: UUID) -> Sequence[Belonging]:
    """All accounts of a person, the oldest belonging first."""
    query = (
        select(Account.id, Account.name, Membership.role)
        .join(Membership, col(Membership.account_id) == col(Account.id))
        .where(col(Membership.person_id) == person_id)
        .order_by(col(Membership.id))
    )
    return [Belonging(identifier, name, Role(role)) for identifier, name, role in await session.exec(query)]


def is_inbox(column: ColumnElement[str] | Mapped[str], address: str) -> ColumnElement[bool]:
    """Whether an address in lower case reaches the same inbox, whatever its tag."""
    bare = untagged(address)
    local_part, _, domain = bare.rpartition("@")
    tagged = column.startswith(f"{local_part}+", autoescape=True)
    return or_(column == bare, and_(tagged, column.endswith(f"@{domain}", autoescape=True)))


async def accounts_of_inbox(session: AsyncSession, address: str) -> Sequence[UUID]:
    """Accounts of everybody who signs in with this inbox: for our own work across accounts."""
    mine = col(Membership.person_id) == col(Person.id)
    query = select(Membership.account_id).join(Person, mine)
    return (await session.exec(query.where(is_inbox(col(Person.email), address)))).all()


async def join(
    session: AsyncSession, clock: Clock, *, account_id: UUID, person_id: UUID, role: Role
) -> Membership:
    """The person belongs to the account; who belongs there already keeps their role."""
    known = select(Membership).where(
        col(Membership.account_id) == account_id, col(Membership.person_id) == person_id
    )
    if (member := (await session.exec(known)).one_or_none()) is None:
        member = Membership(id=clock.new_id(), account_id=account_id, person_id=person_id, role=role)
        session.add(member)
        await session.flush()
    return member


async def record(
    session: AsyncSession, clock: Clock, person_id: UUID, actor: Actor, action: str, subject: Subject
) -> None:
    """A change of how somebody signs in, in the audit log of every account they belong to; in the service's
    own where they belong to none.
    """
    logs: list[UUID | None] = [each.account_id for each in await belongings(session, person_id)]
    for account_id in logs or [None]:
        audit.record(session, clock, account_id, actor, action, subject)
