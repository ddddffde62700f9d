"""The end of a person: of all they sign in with, and of their place in every account.

Must never leave an account without an owner, nor take an account along: that is deleted by itself, before.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, people, team
from customers.audit import Actor, Subject
from mailcore import changes
from mailcore.clock import Clock
from mailcore.errors import Conflict
from mailcore.models import Person

# Invitations to this server, not those of somebody else's account.
_FORGET: Final = """
with gone as (
    select email from person where id = any(cast(:people as uuid[]))
    union select email from sign_in_link
    where purpose = 'undo-address' and person_id = any(cast(:people as uuid[]))
), uninvited as (
    delete from invitation where account_id is null and email in (select email from gone)
)
delete from sign_in_link where person_id is null and email in (select email from gone)
"""


async def delete(session: AsyncSession, clock: Clock, person_id: UUID, actor: Actor) -> None:
    """In a transaction of the service. From its commit on no session, passkey, provider or app of theirs
    opens anything, and every account they leave says so in its audit log.

    Raises Conflict for the last owner of an account, and for one of our staff.
    """
    person = await session.get_one(Person, person_id, with_for_update=True, populate_existing=True)
    if person.staff_since is not None:
        raise Conflict("You are staff of this server: have its operator take that from you first.")
    # In the order of ids: two who leave the same accounts at once cannot wait for each other.
    for account_id in sorted(each.account_id for each in await people.belongings(session, person_id)):
        await team.leave(session, clock, account_id, person_id, actor)
        await changes.note(session, account_id, "account")
    audit.record(session, clock, None, Actor("person", "a person"), "person.deleted", Subject(person_id))
    await forget(session, [person_id])
    await session.delete(person)
    await session.flush()


async def forget(session: AsyncSession, person_ids: Sequence[UUID]) -> None:
    """Before these people go: what names an address of theirs alone, now or before they changed it. Links
    that they asked for in order to change it go with them by themselves: that address may be another's.
    """
    await (await session.connection()).execute(text(_FORGET), {"people": list(person_ids)})
