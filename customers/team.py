"""The team of an account: who belongs to it, as what, and who owns it.

Must never leave an account without an owner, nor let anybody but an owner make one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, letters
from customers.audit import Actor, Subject
from customers.callers import OF_ROLE, Caller, Role, Scope
from customers.letter_texts import Kind as LetterKind
from mailcore.clock import Clock
from mailcore.errors import Conflict, Forbidden, Invalid, NotFound
from mailcore.models import AccountClaim, Membership, Person


@dataclass(frozen=True, slots=True)
class Member:
    """A person in an account; `id` is that of the membership."""

    id: UUID
    person_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Member]:
    """Who has belonged longest comes first; `after` is the last id of the page before."""
    query = accounts.page_of(_people(account_id), Membership.id, after=after, limit=limit)
    rows = await session.exec(query)
    return [_member(membership, person) for membership, person in rows]


async def owners(session: AsyncSession, account_id: UUID) -> Sequence[Member]:
    rows = await session.exec(_people(account_id).where(col(Membership.role) == Role.OWNER))
    return [_member(membership, person) for membership, person in rows]


async def write_to_owners(
    session: AsyncSession, clock: Clock, kind: LetterKind, account_id: UUID, **about: str | int
) -> None:
    """A letter to each of them; see letters.post. An account without one has nobody to tell."""
    for owner in await owners(session, account_id):
        await letters.post(session, clock, kind, owner.email, account_id=account_id, **about)


async def addresses_at(session: AsyncSession, account_id: UUID, domain: str) -> list[str]:
    """Addresses at this domain that people of the account sign in with."""
    here = func.split_part(col(Person.email), "@", 2) == domain
    rows = (await session.exec(_people(account_id).where(here))).all()
    return [person.email for _, person in rows]


async def has(session: AsyncSession, account_id: UUID, email: str) -> bool:
    """Whether the person of this address belongs to the account."""
    return (await session.exec(_people(account_id).where(col(Person.email) == email))).first() is not None


async def change_role(
    session: AsyncSession, clock: Clock, who: Caller, actor: Actor, member_id: UUID, role: Role
) -> Member:
    """Raises NotFound, Forbidden (only an owner makes or unmakes owners), Conflict (the last owner)."""
    membership, person = await _locked(session, who.account_id, member_id)
    before = Role(membership.role)
    if before is not role:
        _check_owners_hand(who, before, role)
        check_reach(who, role)
        if before is Role.OWNER:
            await _check_another_owner(session, who.account_id)
        await _set_role(session, membership, role)
        subject = Subject(membership.id, person.email)
        audit.record(session, clock, who.account_id, actor, "member.changed", subject, role=role, was=before)
    return _member(membership, person)


async def get(session: AsyncSession, account_id: UUID, member_id: UUID) -> Member:
    """Raises NotFound."""
    row = (await session.exec(_people(account_id).where(col(Membership.id) == member_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such thing in this account.")
    return _member(*row)


async def remove(session: AsyncSession, clock: Clock, who: Caller, actor: Actor, member_id: UUID) -> None:
    """Takes a person out of the account; what apps may do there in their name goes with the membership. Who
    removes themselves leaves.

    Raises NotFound, Forbidden (an owner is removed by an owner), Conflict (the last owner).
    """
    membership, person = await _locked(session, who.account_id, member_id)
    if membership.role == Role.OWNER:
        _check_owners_hand(who, Role.OWNER, Role.VIEWER)
        await _check_another_owner(session, who.account_id)
    await _withdraw_claim(session, membership)
    await session.delete(membership)
    await session.flush()
    action = "member.left" if person.id == who.person_id else "member.removed"
    audit.record(session, clock, who.account_id, actor, action, Subject(membership.id, person.email))


async def leave(session: AsyncSession, clock: Clock, account_id: UUID, person_id: UUID, actor: Actor) -> None:
    """A person leaves an account that they belong to. Raises Conflict (the last owner)."""
    await accounts.get(session, account_id, lock=True)
    row = (
        await session.exec(_people(account_id).where(col(Membership.person_id) == person_id))
    ).one_or_none()
    if row is not None:
        membership, person = row
        if membership.role == Role.OWNER:
            await _check_another_owner(session, account_id)
        await _withdraw_claim(session, membership)
        await session.delete(membership)
        await session.flush()
        subject = Subject(membership.id, person.email)
        audit.record(session, clock, account_id, actor, "member.left", subject)


async def transfer(
    session: AsyncSession, clock: Clock, who: Caller, actor: Actor, member_id: UUID, name: str
) -> Member:
    """The member owns the account from now on, the owner who asks becomes an admin. `name`: the account's,
    said by whoever means it. Raises NotFound, Forbidden, Invalid.
    """
    account = await accounts.get(session, who.account_id, lock=True)
    confirm(account.name, name)
    membership, person = await _locked(session, who.account_id, member_id)
    if person.id == who.person_id:
        raise Invalid("You own this account already: name another member.")
    own = (
        await session.exec(_people(who.account_id).where(col(Membership.person_id) == who.person_id))
    ).one_or_none()
    if own is None or own[0].role != Role.OWNER:  # meanwhile somebody else may have been faster
        raise owner_needed()
    await _set_role(session, membership, Role.OWNER)
    await _set_role(session, own[0], Role.ADMIN)
    subject = Subject(membership.id, person.email)
    audit.record(session, clock, who.account_id, actor, "account.transferred", subject, previous=own[1].email)
    return _member(membership, person)


def confirm(name: str, said: str) -> None:
    """What cannot be taken back is confirmed by saying the account's name. Raises Invalid."""
    if said.strip() != name:
        raise Invalid("Say the account's name exactly, to confirm.", code="confirmation_wrong")


def owner_needed() -> Forbidden:
    return Forbidden("Only an owner of the account may do this.", code="role_missing", role=Role.OWNER)


async def may_give(session: AsyncSession, account_id: UUID, person_id: UUID, role: Role) -> bool:
    """Whether this person may, right now, make somebody this in the account."""
    query = select(Membership.role).where(
        col(Membership.account_id) == account_id, col(Membership.person_id) == person_id
    )
    own = OF_ROLE[Role(found)] if (found := (await session.exec(query)).one_or_none()) else frozenset[Scope]()
    return Scope.ACCOUNT_WRITE in own and OF_ROLE[role] <= own


def check_reach(who: Caller, role: Role) -> None:
    """Nobody makes a person that may more than they may themselves. Raises Forbidden."""
    if role is Role.OWNER and who.role is not Role.OWNER:
        raise owner_needed()
    for scope in sorted(OF_ROLE[role] - who.scopes):
        detail = f"This role has the scope {scope}, which this caller lacks."
        raise Forbidden(detail, code="scope_missing", scope=scope)


def _check_owners_hand(who: Caller, before: Role, after: Role) -> None:
    """A key or an app is no owner."""
    if Role.OWNER in (before, after) and who.role is not Role.OWNER:
        raise owner_needed()


async def _check_another_owner(session: AsyncSession, account_id: UUID) -> None:
    """The account's row is locked: of two who give up ownership at once, one is second, and sees it."""
    query = select(func.count()).where(
        col(Membership.account_id) == account_id, col(Membership.role) == Role.OWNER
    )
    if (await session.exec(query)).one() < 2:
        detail = "The account would be left without an owner: transfer it first, or delete it."
        raise Conflict(detail, code="last_owner")


async def _set_role(session: AsyncSession, membership: Membership, role: Role) -> None:
    membership.role = role
    if role is not Role.ADMIN:
        await _withdraw_claim(session, membership)
    await session.flush()


async def _withdraw_claim(session: AsyncSession, membership: Membership) -> None:
    """Who is no admin any more does not inherit the account."""
    query = select(AccountClaim).where(
        col(AccountClaim.account_id) == membership.account_id,
        col(AccountClaim.person_id) == membership.person_id,
    )
    if claim := (await session.exec(query)).one_or_none():
        await session.delete(claim)


async def _locked(session: AsyncSession, account_id: UUID, member_id: UUID) -> tuple[Membership, Person]:
    """The account's row first: roles in an account change one at a time."""
    await accounts.get(session, account_id, lock=True)
    query = _people(account_id).where(col(Membership.id) == member_id)
    row = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound("There is no such thing in this account.")
    return row[0], row[1]


def _people(account_id: UUID) -> Any:
    return (
        select(Membership, Person)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(col(Membership.account_id) == account_id)
    )


def _member(membership: Membership, person: Person) -> Member:
    return Member(
        membership.id, person.id, person.email, person.name, Role(membership.role), membership.created_at
    )
