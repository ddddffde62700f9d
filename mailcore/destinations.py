"""Destinations: the real inboxes of an account.

Must never accept an address that leads back to us, and never show one to anybody but its owner.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col, exists, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore import accounts, cancellation, domains, suppression, team
from mailcore.clock import Clock
from mailcore.envelope import Mailbox, parse_mailbox
from mailcore.errors import Conflict, Invalid, LimitReached, NotFound
from mailcore.keyring import Keyring
from mailcore.models import Account, AliasDestination, Destination
from mailcore.plans import PlanLimits
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
    mailbox = await _checked(session, settings, account_id, address)
    await accounts.get(session, account_id, lock=True)
    if await _known(session, account_id, [mailbox]):
        raise Conflict("This account has this destination already.", code="destination_exists")
    return (await _created(session, clock, keyring, account_id, [mailbox]))[0]


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Destination]:
    """Oldest first; `after` is the last id of the page before."""
    query = select(Destination).where(col(Destination.account_id) == account_id)
    return (await session.exec(accounts.page_of(query, Destination.id, after=after, limit=limit))).all()


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


# --- finding and making ---


async def find_or_create(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    keyring: Keyring,
    account_id: UUID,
    wanted: Sequence[str],
) -> list[Destination]:
    """Destinations named by id or address, duplicates folded, ordered by id; new addresses are made."""
    identifiers, addresses = _sorted_out(wanted)
    found = await _by_ids(session, account_id, identifiers)
    mailboxes: dict[str, Mailbox] = {}
    for address in addresses:
        mailbox = await _checked(session, settings, account_id, address)
        mailboxes.setdefault(_key(mailbox), mailbox)
    known = await _known(session, account_id, list(mailboxes.values()))
    if len(known) < len(mailboxes):
        await accounts.get(session, account_id, lock=True)
        known = await _known(session, account_id, list(mailboxes.values()))
        new = [mailbox for key, mailbox in mailboxes.items() if key not in known]
        found += await _created(session, clock, keyring, account_id, new) if new else []
    every = {destination.id: destination for destination in [*found, *known.values()]}
    return [every[identifier] for identifier in sorted(every)]


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


def most_destinations(limits: PlanLimits) -> int:
    """As many as every alias could use at once; plans count them by alias, this only bounds the table."""
    return limits.domains * limits.aliases_per_domain * limits.destinations_per_alias


def _sorted_out(wanted: Sequence[str]) -> tuple[set[UUID], list[str]]:
    identifiers: set[UUID] = set()
    addresses: list[str] = []
    for each in wanted:
        if "@" in each:
            addresses.append(each)
            continue
        try:
            identifiers.add(UUID(each))
        except ValueError:
            raise Invalid(
                "A destination is an e-mail address or the id of one.", code="destination_invalid"
            ) from None
    return identifiers, addresses


async def _by_ids(session: AsyncSession, account_id: UUID, identifiers: set[UUID]) -> list[Destination]:
    if not identifiers:
        return []
    mine = (col(Destination.account_id) == account_id, col(Destination.id).in_(identifiers))
    query = select(Destination).where(*mine).with_for_update(read=True, key_share=True)
    found = list((await session.exec(query)).all())
    if len(found) < len(identifiers):
        raise NotFound("There is no such destination in this account.")
    return found


async def _checked(session: AsyncSession, settings: Settings, account_id: UUID, address: str) -> Mailbox:
    mailbox = parse_mailbox(address.strip())
    if mailbox is None:
        raise Invalid("This is not an e-mail address that mail can be sent to.", code="destination_invalid")
    if await domains.is_ours(session, settings, account_id, mailbox.domain):
        detail = "This address is at a domain that is forwarded here: mail would go in a loop."
        raise Invalid(detail, code="destination_loops")
    return mailbox


async def _known(
    session: AsyncSession, account_id: UUID, mailboxes: Sequence[Mailbox]
) -> dict[str, Destination]:
    """Those the account has already, by key; spellings that differ in case only are one."""
    if not mailboxes:
        return {}
    keys = [_key(mailbox) for mailbox in mailboxes]
    # The database's lower() may know ASCII only, so a spelling beyond it is also looked for as it stands.
    same = or_(
        func.lower(col(Destination.address)).in_(keys),
        col(Destination.address).in_([mailbox.address for mailbox in mailboxes]),
    )
    # FOR KEY SHARE: they must not be deleted before the alias that is about to name them is committed.
    query = select(Destination).where(col(Destination.account_id) == account_id, same)
    query = query.order_by(col(Destination.id)).with_for_update(read=True, key_share=True)
    return {destination.address.lower(): destination for destination in (await session.exec(query)).all()}


async def _created(
    session: AsyncSession, clock: Clock, keyring: Keyring, account_id: UUID, mailboxes: Sequence[Mailbox]
) -> list[Destination]:
    """Confirmed at once where the owner or an admin signs in with the address: that has proved it."""
    account = await accounts.get(session, account_id)
    await _check_limit(session, account, len(mailboxes))
    for mailbox in mailboxes:
        if await suppression.includes(session, keyring, mailbox.address):
            raise Invalid("This inbox has asked to get no mail from us.", code="destination_suppressed")
    proved = await accounts.lead_addresses(session, account_id)
    rows = [
        {
            "id": clock.new_id(),
            "account_id": account_id,
            "address": mailbox.address,
            "confirmed_at": clock.now() if _key(mailbox) in proved else None,
        }
        for mailbox in mailboxes
    ]
    statement = insert(Destination).values(rows).returning(Destination)
    return list((await session.exec(statement)).scalars().all())


async def _check_limit(session: AsyncSession, account: Account, more: int) -> None:
    limit = most_destinations(accounts.limits_of(account))
    mine = select(func.count()).select_from(Destination).where(col(Destination.account_id) == account.id)
    if (await session.exec(mine)).one() + more > limit:
        detail = f"The {account.plan} plan has room for {limit} destinations."
        raise LimitReached(detail, resource="destinations", limit=limit, plan=account.plan)


def _key(mailbox: Mailbox) -> str:
    return mailbox.address.lower()
