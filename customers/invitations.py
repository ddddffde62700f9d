"""Invitations: into an account with a role, or to this server with an account to be made.

The link in the mail proves the address it went to: whoever opens it belongs, and still signs in to act. Must
never sign anybody in, be accepted twice, or make an owner where no owner asked for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from customers import accounts, audit, letters, people, sign_in_addresses, signed_links, team
from customers.audit import Actor, Subject
from customers.callers import Caller, Role
from mailcore import changes, suppression
from mailcore.clock import Clock
from mailcore.database import Transaction
from mailcore.errors import Conflict, Invalid, NotFound
from mailcore.keyring import Keyring
from mailcore.models import Invitation

PURPOSE: Final = "invitation"
VALID: Final = timedelta(days=7)
_THIS_SERVER: Final = "this server"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page of a link shows. `account` is None where one is still to be made."""

    id: UUID
    email: str
    role: Role
    invited_by: str
    account: str | None


async def create(
    session: AsyncSession, clock: Clock, keyring: Keyring, who: Caller, actor: Actor, email: str, role: Role
) -> Invitation:
    """Into the caller's account; the letter leaves with the commit.

    Raises Invalid, Forbidden (only an owner invites an owner), Conflict (belongs or is invited already).
    """
    address = _address(email)
    team.check_reach(who, role)
    await _check_wanted(session, keyring, address)
    await sign_in_addresses.check_elsewhere(session, address)
    account = await accounts.get(session, who.account_id, lock=True)
    if await team.has(session, account.id, address):
        raise Conflict("This person belongs to the account already.", code="member_exists")
    waiting = _waiting(account.id).where(
        col(Invitation.email) == address, col(Invitation.expires_at) > clock.now()
    )
    if (await session.exec(waiting)).first():
        raise Conflict("This address is invited already: send that one again.", code="invitation_exists")
    invitation = await _invite(session, clock, account.id, address, role, actor.name, who.person_id)
    await _post(session, clock, invitation, account.name)
    subject = Subject(invitation.id, address)
    audit.record(session, clock, account.id, actor, "invitation.created", subject, role=role)
    return invitation


async def to_server(session: AsyncSession, clock: Clock, actor: Actor, email: str) -> Invitation:
    """To have an account here, where signing up takes an invitation."""
    address = _address(email)
    await sign_in_addresses.check_elsewhere(session, address)
    invitation = await _invite(session, clock, None, address, Role.OWNER, actor.name)
    await _post(session, clock, invitation, _THIS_SERVER)
    audit.record(session, clock, None, actor, "invitation.created", Subject(invitation.id, invitation.email))
    return invitation


async def list_of(
    session: AsyncSession, clock: Clock, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Invitation]:
    """Those that wait to be accepted, the oldest first."""
    query = _waiting(account_id).where(col(Invitation.expires_at) > clock.now())
    return (await session.exec(accounts.page_of(query, Invitation.id, after=after, limit=limit))).all()


async def get(
    session: AsyncSession, account_id: UUID, invitation_id: UUID, *, lock: bool = False
) -> Invitation:
    """One that was not accepted yet; `lock` keeps it so until the commit. Raises NotFound."""
    found = await accounts.get_owned(session, Invitation, account_id, invitation_id, lock=lock)
    if found.accepted_at is not None:
        raise NotFound("There is no such thing in this account.")
    return found


async def send_again(
    session: AsyncSession, clock: Clock, keyring: Keyring, who: Caller, actor: Actor, invitation_id: UUID
) -> Invitation:
    """A new letter, whose link is valid for as long as the first one was; the caller invites from now on.

    Raises NotFound, Invalid, Forbidden as in `create`.
    """
    account = await accounts.get(session, who.account_id, lock=True)
    invitation = await get(session, account.id, invitation_id, lock=True)
    team.check_reach(who, Role(invitation.role))
    await _check_wanted(session, keyring, invitation.email)
    invitation.invited_by, invitation.invited_by_id = actor.name, who.person_id
    invitation.expires_at = clock.now() + VALID
    await session.flush()
    await _post(session, clock, invitation, account.name)
    subject = Subject(invitation.id, invitation.email)
    audit.record(session, clock, account.id, actor, "invitation.sent", subject)
    return invitation


async def delete(
    session: AsyncSession, clock: Clock, account_id: UUID, actor: Actor, invitation_id: UUID
) -> None:
    """Its link is void from now on. Raises NotFound."""
    invitation = await get(session, account_id, invitation_id, lock=True)
    await session.delete(invitation)
    await session.flush()
    subject = Subject(invitation_id, invitation.email)
    audit.record(session, clock, account_id, actor, "invitation.deleted", subject)


async def offered(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> Offer | None:
    """What a link offers; None where it is not ours, over, withdrawn or accepted, or where whoever invited
    may not give that role any more.
    """
    invitation = await _opened(session, clock, keyring, token)
    if invitation is None or not await _is_backed(session, invitation):
        return None
    account = await accounts.get(session, invitation.account_id) if invitation.account_id else None
    role, name = Role(invitation.role), account.name if account else None
    return Offer(invitation.id, invitation.email, role, invitation.invited_by, name)


async def accept(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> Offer | None:
    """The person of the address belongs to the account from now on, which is made where there is none yet.

    Who belongs there already keeps their role. None as in `offered`.
    """
    offer = await offered(session, clock, keyring, token)
    if offer is None or await sign_in_addresses.refusal(session, clock.now(), offer.email):
        return None
    found = await session.get_one(Invitation, offer.id)
    if (account_id := found.account_id) is not None:
        await accounts.get(session, account_id, lock=True)  # roles in it stand still
    invitation = await session.get(Invitation, offer.id, with_for_update=True, populate_existing=True)
    if invitation is None or invitation.accepted_at is not None or not await _is_backed(session, invitation):
        return None
    invitation.accepted_at = clock.now()
    if account_id is None:
        name = offer.email.rpartition("@")[2]
        account_id = (await accounts.create(session, clock, name=name, owner_email=offer.email)).id
    person = await people.ensure(session, clock, offer.email)
    await people.join(session, clock, account_id=account_id, person_id=person.id, role=offer.role)
    actor = Actor("person", person.email, person.id)
    subject = Subject(offer.id, offer.email)
    audit.record(session, clock, account_id, actor, "invitation.accepted", subject, role=offer.role)
    await changes.note(session, account_id, "account")
    return offer


async def _is_backed(session: AsyncSession, invitation: Invitation) -> bool:
    """An invitation is worth what its inviter may give when it is accepted, not when it was written."""
    if invitation.account_id is None:
        return True
    if invitation.invited_by_id is None:
        return False
    role = Role(invitation.role)
    return await team.may_give(session, invitation.account_id, invitation.invited_by_id, role)


async def _check_wanted(session: AsyncSession, keyring: Keyring, address: str) -> None:
    if await suppression.includes(session, keyring, address):
        detail = "This inbox has asked to get no mail from this service: the letter would not leave."
        raise Invalid(detail, code="address_suppressed")


async def forget(tx: Transaction, clock: Clock) -> None:
    """What was accepted, and what is over."""
    await tx.execute("delete from invitation where accepted_at is not null or expires_at < $1", clock.now())


async def _opened(session: AsyncSession, clock: Clock, keyring: Keyring, token: str) -> Invitation | None:
    link = signed_links.read(keyring, PURPOSE, token, clock.now())
    if link is None:
        return None
    query = select(Invitation).where(
        col(Invitation.id) == link.id,
        col(Invitation.accepted_at).is_(None),
        col(Invitation.expires_at) > clock.now(),
    )
    return (await session.exec(query)).one_or_none()


async def _invite(
    session: AsyncSession,
    clock: Clock,
    account_id: UUID | None,
    email: str,
    role: Role,
    by: str,
    by_id: UUID | None = None,
) -> Invitation:
    now = clock.now()
    invitation = Invitation(
        id=clock.new_id(),
        account_id=account_id,
        email=email,
        role=role,
        invited_by=by,
        invited_by_id=by_id,
        expires_at=now + VALID,
        created_at=now,
    )
    session.add(invitation)
    await session.flush()
    return invitation


async def _post(session: AsyncSession, clock: Clock, invitation: Invitation, account: str) -> None:
    await letters.post(
        session,
        clock,
        "invitation",
        invitation.email,
        account_id=invitation.account_id,
        id=str(invitation.id),
        account=account,
        invited_by=invitation.invited_by,
        role=invitation.role,
    )


def _waiting(account_id: UUID) -> SelectOfScalar[Invitation]:
    return select(Invitation).where(
        col(Invitation.account_id) == account_id, col(Invitation.accepted_at).is_(None)
    )


def _address(email: str) -> str:
    if (address := people.address_of(email)) is None:
        raise Invalid("This is not an e-mail address that somebody can sign in with.", code="address_invalid")
    return address
