"""Destinations: the real inboxes of an account.

Must never accept an address that leads back to us, and never show one to anybody but its owner.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import aliased
from sqlmodel import col, exists, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, cancellation, inboxes, team
from mailcore.clock import Clock
from mailcore.errors import Conflict
from mailcore.keyring import Keyring
from mailcore.models import AliasDestination, Destination
from mailcore.settings import Settings

_MOST_NAMED = 100  # aliases named in one refusal


State = Literal["unconfirmed", "confirmed", "failing", "stopped"]


def state_of(destination: Destination) -> State:
    """Mail goes to the confirmed and the failing ones."""
    if destination.stopped_at:
        return "stopped"
    if destination.confirmed_at is None:
        return "unconfirmed"
    return "failing" if destination.failing_since else "confirmed"


async def create(
    session: AsyncSession, clock: Clock, settings: Settings, keyring: Keyring, account_id: UUID, address: str
) -> Destination:
    """A new inbox; upkeep asks it at once whether it wants mail. Raises Conflict when the account has it
    already, Invalid for what cannot be one.
    """
    account = await accounts.get(session, account_id, lock=True)
    found = await inboxes.look_up(session, clock, settings, keyring, account, [address])
    (identifier,) = found.named([address])
    if not found.is_new(identifier):
        raise Conflict("This account has this destination already.", code="destination_exists")
    found.choose([identifier])
    await found.make(session)
    return await session.get_one(Destination, identifier)


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Destination]:
    """Oldest first; `after` is the last id of the page before."""
    query = select(Destination).where(col(Destination.account_id) == account_id)
    return (await session.exec(accounts.page_of(query, Destination.id, after=after, limit=limit))).all()


async def count_aliases(session: AsyncSession, destination_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many aliases forward to each of these, which the caller has got through their own gate; those that
    none does are left out.
    """
    there = col(AliasDestination.destination_id)
    query = select(there, func.count()).where(there.in_(destination_ids)).group_by(there)
    return dict((await session.exec(query)).all())


async def delete(session: AsyncSession, account_id: UUID, destination_id: UUID) -> str:
    """Takes it out of every alias; its address. Raises Conflict where an alias would be left without any."""
    await delete_no_other(session, account_id)
    destination = await accounts.get_owned(session, Destination, account_id, destination_id, ends=True)
    await _check_unneeded(session, destination_id)
    await session.delete(destination)
    await session.flush()
    await cancellation.of_destination(session, account_id, destination_id)
    return destination.address


async def delete_no_other(session: AsyncSession, account_id: UUID) -> None:
    """Until this transaction ends: two deletions could each leave the other's destination to an alias. Comes
    before the lock of any row, or two would wait for each other.
    """
    await session.exec(select(func.pg_advisory_xact_lock(func.hashtext(f"destinations of {account_id}"))))


async def _check_unneeded(session: AsyncSession, destination_id: UUID) -> None:
    """No alias depends on this one alone: its mail would be refused, and nobody had said so."""
    link, other = AliasDestination, aliased(AliasDestination)
    another = exists().where(
        col(other.alias_id) == col(link.alias_id), col(other.destination_id) != destination_id
    )
    query = select(link.alias_id).where(col(link.destination_id) == destination_id, ~another)
    if needing := (await session.exec(query.order_by(col(link.alias_id)))).all():
        raise Conflict(
            "Aliases forward to this destination alone: give them another one, or delete them first.",
            code="in_use",
            aliases=[str(alias_id) for alias_id in needing[:_MOST_NAMED]],
            count=len(needing),
        )


# --- those that fail ---

_TOLD_AGAIN: Final = timedelta(days=1)
_MOST_TOLD = 20  # destinations named in one letter


def _untold() -> ColumnElement[bool]:
    """By the database's clock, as all due times are."""
    told = col(Destination.told_failing_at)
    return and_(
        col(Destination.failing_since).is_not(None),
        col(Destination.stopped_at).is_(None),
        or_(told.is_(None), told < func.now() - _TOLD_AGAIN),
    )


async def accounts_to_tell(session: AsyncSession, *, limit: int = 100) -> Sequence[UUID]:
    """Accounts with a failing destination that was not told of within a day: for upkeep."""
    query = select(Destination.account_id).where(_untold()).distinct().limit(limit)
    return (await session.exec(query)).all()


async def tell_failing(session: AsyncSession, clock: Clock, account_id: UUID) -> None:
    """One letter to the owners about all of them; whoever comes second waits, and finds nothing to tell."""
    account = await accounts.get(session, account_id, lock=True)
    query = select(Destination).where(col(Destination.account_id) == account_id, _untold())
    query = query.order_by(col(Destination.id)).with_for_update(key_share=True)
    failing = (await session.exec(query)).all()
    told_at = (await session.exec(select(func.now()))).one()
    for destination in failing:
        destination.told_failing_at = told_at
        session.add(destination)
    if failing:
        named = "\n".join(destination.address for destination in failing[:_MOST_TOLD])
        more = int(len(failing) > _MOST_TOLD)
        about: dict[str, str | int] = {"account": account.name, "inboxes": named, "more": more}
        await team.write_to_owners(session, clock, "destination-failing", account_id, **about)


async def of_aliases(session: AsyncSession, alias_ids: Sequence[UUID]) -> dict[UUID, list[Destination]]:
    """Destinations of these aliases, which the caller has got through their own gate."""
    query = (
        select(AliasDestination.alias_id, Destination)
        .join(Destination, col(Destination.id) == col(AliasDestination.destination_id))
        .where(col(AliasDestination.alias_id).in_(alias_ids))
        .order_by(col(Destination.id))
    )
    grouped: dict[UUID, list[Destination]] = {alias_id: [] for alias_id in alias_ids}
    for alias_id, destination in (await session.exec(query)).all():
        grouped[alias_id].append(destination)
    return grouped
