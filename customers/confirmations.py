"""Whoever reads an inbox says whether mail may be forwarded to it, by a link mailed there and nowhere else.

Must never take an answer without that link, write to an inbox more often than the rates allow, or show
another account's things to whoever opens the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, aliases, audit, letter_rates, letters, signed_links
from customers.audit import SERVICE, Subject
from customers.letter_texts import ANSWER, STOP
from mailcore import changes
from mailcore.clock import Clock
from mailcore.keyring import Keyring
from mailcore.models import Destination
from mailcore.rates import Rate, Rates, Taken

_OF_DESTINATION: Final = Rate(3, timedelta(days=1))
_OF_ACCOUNT: Final = Rate(500, timedelta(days=1))
_PUT_OFF: Final = timedelta(minutes=10)
_NAMED_ALIASES: Final = 5


# --- asking ---


async def may_ask(rates: Rates, destination: Destination) -> Taken:
    """One question to this inbox: bounded by destination, by account, and by address over all accounts."""
    bounds = (
        ("confirm-destination", str(destination.id), _OF_DESTINATION),
        ("confirm-account", str(destination.account_id), _OF_ACCOUNT),
    )
    for kind, who, rate in bounds:
        taken = await rates.take(kind, who, rate)
        if not taken.allowed:
            return taken
    return await letter_rates.from_others(rates, destination.address)


async def unasked(session: AsyncSession, *, limit: int = 50) -> Sequence[UUID]:
    """New destinations of all accounts that may be asked now and were not yet, longest due first."""
    new = (col(Destination.asked_at), col(Destination.confirmed_at), col(Destination.stopped_at))
    query = select(Destination.id).where(*(column.is_(None) for column in new))
    due = col(Destination.ask_after)  # by the database's clock, as all due times are
    return (await session.exec(query.where(due <= func.now()).order_by(due).limit(limit))).all()


async def ask(session: AsyncSession, clock: Clock, destination: Destination) -> None:
    """The letter with the link, in the session's transaction. The caller has asked `may_ask`."""
    account = await accounts.get(session, destination.account_id)
    named = await aliases.addresses_to(session, destination.id, limit=_NAMED_ALIASES + 1)
    await letters.post(
        session,
        clock,
        "confirm-destination",
        destination.address,
        account_id=account.id,
        id=str(destination.id),
        account=account.name,
        aliases="\n".join(named[:_NAMED_ALIASES]),
        more=int(len(named) > _NAMED_ALIASES),
    )
    destination.asked_at = clock.now()
    session.add(destination)


async def ask_first(session: AsyncSession, clock: Clock, rates: Rates, destination_id: UUID) -> None:
    """For upkeep. Whoever comes second finds nothing to ask, and counts nothing. Where the rates allow no
    question now, it is put off until they may.
    """
    query = select(Destination).where(
        col(Destination.id) == destination_id,
        col(Destination.asked_at).is_(None),
        col(Destination.confirmed_at).is_(None),
        col(Destination.stopped_at).is_(None),
        col(Destination.ask_after) <= func.now(),
    )
    query = query.with_for_update(key_share=True, skip_locked=True)
    if (destination := (await session.exec(query)).one_or_none()) is None:
        return
    taken = await may_ask(rates, destination)
    if taken.allowed:
        await ask(session, clock, destination)
    else:
        await put_off(session, destination_id, timedelta(seconds=taken.retry_after))


async def put_off(session: AsyncSession, destination_id: UUID, wait: timedelta = _PUT_OFF) -> None:
    """Nobody asks it by themselves for so long."""
    query = update(Destination).where(col(Destination.id) == destination_id)
    await session.exec(query.values(ask_after=func.now() + wait))


# --- answering ---


@dataclass(frozen=True, slots=True)
class Question:
    """What a link asks: about this destination. `may_confirm`: not only to stop."""

    destination: Destination
    may_confirm: bool


async def question(session: AsyncSession, keyring: Keyring, clock: Clock, token: str) -> Question | None:
    """None for a link that is not ours, is over, or whose destination is gone. Locks the destination."""
    answer = signed_links.read(keyring, ANSWER, token, clock.now())
    link = answer or signed_links.read(keyring, STOP, token, clock.now())
    if link is None:
        return None
    query = select(Destination).where(col(Destination.id) == link.id).with_for_update(key_share=True)
    destination = (await session.exec(query)).one_or_none()
    return Question(destination, answer is not None) if destination else None


async def confirm(session: AsyncSession, clock: Clock, destination: Destination) -> None:
    """From now on mail goes there. Nothing happens where it was confirmed, or stopped, before."""
    if destination.confirmed_at or destination.stopped_at:
        return
    destination.confirmed_at = clock.now()
    session.add(destination)
    await _note(session, clock, destination, "destination.confirmed", "confirmed")


async def _note(
    session: AsyncSession, clock: Clock, destination: Destination, action: str, state: str
) -> None:
    about = Subject(destination.id, destination.address)
    audit.record(session, clock, destination.account_id, SERVICE, action, about)
    await changes.note(session, destination.account_id, "destination", destination.id, state=state)
