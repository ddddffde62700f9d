"""Who may become a person here, and the account that a new one gets.

Must never make an account where the setting closes the door, nor for an address that nobody vouched for.
Whoever accepts an invitation is a person by that (invitations.py) and comes through here as one who is known.
"""

from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, people, sign_in_addresses
from customers.audit import Actor, Subject
from mailcore.clock import Clock
from mailcore.models import Person
from mailcore.settings import SignUp


async def admit(
    session: AsyncSession, clock: Clock, rule: SignUp, *, email: str, name: str = ""
) -> Person | None:
    """The person of a verified address, or a new one with an account of their own; None where the door is
    closed, or nobody new may sign in with the address.
    """
    if (person := await people.by_email(session, email)) is not None:
        return person
    if rule != "open" or await sign_in_addresses.refusal(session, clock.now(), email):
        return None
    person = await people.ensure(session, clock, email, name)
    if not await people.belongings(session, person.id):  # else another browser of theirs was first
        await _give_account(session, clock, person)
    return person


async def _give_account(session: AsyncSession, clock: Clock, person: Person) -> None:
    name = person.name or person.email
    account = await accounts.create(session, clock, name=name, owner_email=person.email)
    actor = Actor("person", person.email, person.id)
    audit.record(session, clock, account.id, actor, "account.created", Subject(account.id, name))
