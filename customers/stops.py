"""An inbox that wants to hear from us no more; and its reader, who signs in with it, and takes that back.

Must never end what somebody forwards to the inbox that they sign in with themselves because of a letter that
another account caused.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, cancellation, people
from customers.audit import SERVICE, Actor, Subject
from customers.destinations import state_of
from mailcore import changes, suppression
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.models import Destination

_LIFTED: Final = "person.suppression-lifted"


async def stop(session: AsyncSession, clock: Clock, keyring: Keyring, destination: Destination) -> None:
    """Nothing goes there any more, whoever's destination the inbox is, and nobody asks again; what waits is
    cancelled. What is confirmed stays for accounts that its reader signs in to, but for this one destination.
    """
    await suppression.add(session, keyring, destination.address)
    own = await people.accounts_of_inbox(session, destination.address)
    ends = or_(
        col(Destination.id) == destination.id,
        col(Destination.confirmed_at).is_(None),
        col(Destination.account_id).not_in(own),
    )
    for each in await _inboxes(session, destination.address, col(Destination.stopped_at).is_(None), ends):
        each.stopped_at = clock.now()
        await session.flush()
        await cancellation.of_destination(session, each.account_id, each.id)
        await _note(session, clock, each, "destination.stopped")


async def lift(session: AsyncSession, clock: Clock, keyring: Keyring, actor: Actor, person_id: UUID) -> None:
    """Who signs in with the inbox wants to hear from us again: letters, questions, and what their own
    accounts forwarded there. Destinations of other accounts stay stopped.
    """
    address = (await people.get(session, person_id)).email
    if not await suppression.remove(session, keyring, address):
        return
    own = await people.accounts_of_inbox(session, address)
    stopped = col(Destination.stopped_at).is_not(None)
    for each in await _inboxes(session, address, stopped, col(Destination.account_id).in_(own)):
        each.stopped_at = None
        await session.flush()
        await _note(session, clock, each, "destination.resumed")
    await people.record(session, clock, person_id, actor, _LIFTED, Subject(person_id, address))


async def _inboxes(session: AsyncSession, address: str, *where: ColumnElement[bool]) -> Sequence[Destination]:
    """Of all accounts, whatever the case and the tag of the address; locked."""
    reach = or_(
        people.is_inbox(func.lower(col(Destination.address)), address),
        col(Destination.address) == address,  # the database's lower() may know ASCII only
    )
    query = select(Destination).where(reach, *where).order_by(col(Destination.id))
    return (await session.exec(query.with_for_update(key_share=True))).all()


async def _note(session: AsyncSession, clock: Clock, destination: Destination, action: str) -> None:
    about = Subject(destination.id, destination.address)
    audit.record(session, clock, destination.account_id, SERVICE, action, about)
    state = state_of(destination)
    await changes.note(session, destination.account_id, "destination", destination.id, state=state)
