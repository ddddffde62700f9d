"""People as identity providers know them: (issuer, subject) stands for a person, an address never does.

Must never link an address that the provider does not vouch for, nor give an existing person's account to an
identity before that person was seen: a provider may be wrong, or an address have changed hands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import people, sign_in_addresses, sign_up
from customers.audit import Actor, Subject
from mailcore.clock import Clock
from mailcore.models import Identity, Person
from mailcore.settings import SignUp


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider has seen. `email` is empty unless it says that the address is verified."""

    issuer: str
    subject: str
    email: str
    name: str


# Nobody is known by this identity, and: the address is not vouched for; a person has it and must show first
# that they are that person; or nobody new may come, or not with this address.
Unknown = Literal["unverified", "confirm", "closed", "hosted", "left"]


async def resolve(session: AsyncSession, clock: Clock, rule: SignUp, seen: Vouched) -> Person | Unknown:
    """Who signs in by this identity; somebody new is made and linked at once."""
    if (person := await _known(session, seen, clock.now())) is not None:
        return person
    if not seen.email:
        return "unverified"
    if await people.by_email(session, seen.email) is not None:
        return "confirm"
    made = await sign_up.admit(session, clock, rule, email=seen.email, name=seen.name)
    if made is None:
        return await sign_in_addresses.refusal(session, clock.now(), seen.email) or "closed"
    await link(session, clock, made, seen.issuer, seen.subject)
    return made


async def _known(session: AsyncSession, seen: Vouched, now: datetime) -> Person | None:
    query = select(Identity).where(col(Identity.issuer) == seen.issuer, col(Identity.subject) == seen.subject)
    identity = (await session.exec(query)).one_or_none()
    if identity is None:
        return None
    identity.last_used_at = now
    return await people.get(session, identity.person_id)


async def link(session: AsyncSession, clock: Clock, person: Person, issuer: str, subject: str) -> bool:
    """From now on this identity is this person; False where it is somebody already."""
    row = {"id": clock.new_id(), "person_id": person.id, "issuer": issuer, "subject": subject}
    made = await session.exec(insert(Identity).values(**row).on_conflict_do_nothing())
    if made.rowcount != 1:
        return False
    actor = Actor("person", person.email, person.id)
    await people.record(session, clock, person.id, actor, "identity.linked", Subject(None, issuer))
    return True


async def of_person(session: AsyncSession, person_id: UUID) -> Sequence[Identity]:
    query = select(Identity).where(col(Identity.person_id) == person_id).order_by(col(Identity.id))
    return (await session.exec(query)).all()


async def unlink(session: AsyncSession, person_id: UUID, identity_id: UUID) -> str | None:
    """The issuer of what was unlinked; None where the person has no such identity. A link by mail stays."""
    gone = delete(Identity).where(col(Identity.id) == identity_id, col(Identity.person_id) == person_id)
    return (await session.exec(gone.returning(col(Identity.issuer)))).scalar_one_or_none()


async def unlink_all(session: AsyncSession, person_id: UUID) -> None:
    """Where somebody else may have linked one: the caller says so in an audit log."""
    await session.exec(delete(Identity).where(col(Identity.person_id) == person_id))
