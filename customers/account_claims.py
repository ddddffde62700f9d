"""An account whose owners are gone: an admin asks to own it, every owner is told, and after a week without a
word from any of them it is theirs.

Must never go to somebody who is no admin any more, nor where an owner was seen since it was asked for.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, letters, people, signed_links, team
from customers.audit import SERVICE, Actor, Subject
from customers.callers import Caller, Role
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import Conflict, Invalid, NotFound
from mailcore.keyring import Keyring
from mailcore.models import AccountClaim, Membership, Person

PURPOSE: Final = "account-claim"
WAITS: Final = timedelta(days=7)
# An owner who signs in, or asks for anything at all, is not gone.
_HEARD: Final = """
select c.account_id from account_claim c where exists (
    select from membership m join browser_session s on s.person_id = m.person_id
    where m.account_id = c.account_id and m.role = 'owner' and s.last_seen_at > c.created_at)
"""


async def ask(session: AsyncSession, clock: Clock, who: Caller, actor: Actor) -> AccountClaim:
    """Raises Invalid for who is no admin, Conflict where it is asked for already."""
    account = await accounts.get(session, who.account_id, lock=True)
    if who.role is not Role.ADMIN or who.person_id is None:
        raise Invalid("An admin asks for an account; an owner has it already.")
    if await of_account(session, account.id) is not None:
        raise Conflict("An admin has asked to own this account already.", code="claim_exists")
    now = clock.now()
    claim = AccountClaim(
        id=clock.new_id(),
        account_id=account.id,
        person_id=who.person_id,
        due_at=now + WAITS,
        created_at=now,
    )
    session.add(claim)
    await session.flush()
    for owner in await team.owners(session, account.id):
        about = {"id": str(claim.id), "account": account.name, "by": who.name}
        await letters.post(session, clock, "account-claim", owner.email, account_id=account.id, **about)
    subject = Subject(claim.id, who.name)
    audit.record(session, clock, account.id, actor, "claim.created", subject)
    return claim


async def of_account(session: AsyncSession, account_id: UUID) -> AccountClaim | None:
    query = select(AccountClaim).where(col(AccountClaim.account_id) == account_id)
    return (await session.exec(query)).one_or_none()


async def end(session: AsyncSession, clock: Clock, who: Caller, actor: Actor) -> None:
    """By an owner who objects, or by whoever asked. Raises NotFound, Forbidden."""
    await accounts.get(session, who.account_id, lock=True)
    if (claim := await of_account(session, who.account_id)) is None:
        raise NotFound("Nobody asks to own this account.")
    if who.role is not Role.OWNER and claim.person_id != who.person_id:
        raise team.owner_needed()
    await _end(session, clock, claim, actor)


async def opened(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> AccountClaim | None:
    """What an owner's link is about; None where it is over."""
    link = signed_links.read(keyring, PURPOSE, token, clock.now())
    query = select(AccountClaim).where(col(AccountClaim.id) == link.id) if link else None
    return (await session.exec(query)).one_or_none() if query is not None else None


async def object_to(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> bool:
    """The button behind an owner's link: the claim ends. False where it is over."""
    if (claim := await opened(session, clock, keyring, token)) is None:
        return False
    await _end(session, clock, claim, Actor("person", "an owner, by mail"))
    return True


async def heard(database: Database) -> list[UUID]:
    """Accounts that are claimed and whose owners were seen since: for upkeep."""
    return [row["account_id"] for row in await database.fetch(_HEARD)]


async def end_heard(session: AsyncSession, clock: Clock, account_id: UUID) -> None:
    """For upkeep: the claim on such an account ends."""
    await accounts.get(session, account_id, lock=True)
    if (claim := await of_account(session, account_id)) is not None:
        await _end(session, clock, claim, SERVICE)


async def due(database: Database, now: datetime) -> list[UUID]:
    """Accounts that were claimed a week ago: for upkeep."""
    rows = await database.fetch("select account_id from account_claim where due_at <= $1", now)
    return [row["account_id"] for row in rows]


async def grant(session: AsyncSession, clock: Clock, account_id: UUID) -> None:
    """For upkeep: whoever asked owns the account from now on, if they are still its admin."""
    await accounts.get(session, account_id, lock=True)
    claim = await of_account(session, account_id)
    if claim is None or claim.due_at > clock.now():
        return
    query = (
        select(Membership, Person)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(
            col(Membership.account_id) == claim.account_id,
            col(Membership.person_id) == claim.person_id,
            col(Membership.role) == Role.ADMIN,
        )
    )
    if (found := (await session.exec(query)).one_or_none()) is not None:
        found[0].role = Role.OWNER
        subject = Subject(found[0].id, found[1].email)
        audit.record(session, clock, claim.account_id, SERVICE, "claim.granted", subject)
    await session.delete(claim)


async def make_owner(session: AsyncSession, clock: Clock, account_id: UUID, email: str, actor: Actor) -> None:
    """By the operator of the server: in the account's log, and in the service's own."""
    account = await accounts.get(session, account_id, lock=True)
    person = await people.ensure(session, clock, email)
    member = await people.join(session, clock, account_id=account.id, person_id=person.id, role=Role.OWNER)
    member.role = Role.OWNER
    if claim := await of_account(session, account.id):
        await session.delete(claim)
    for log in (account.id, None):
        audit.record(session, clock, log, actor, "owner.made", Subject(account.id, person.email))


async def _end(session: AsyncSession, clock: Clock, claim: AccountClaim, actor: Actor) -> None:
    await session.delete(claim)
    await session.flush()
    audit.record(session, clock, claim.account_id, actor, "claim.ended", Subject(claim.id))
