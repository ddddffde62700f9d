"""The alias table as its owner sees it: create, change, list, delete.

Must never reach an alias of another account, or leave one without a destination.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, delete, func, insert, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, cancellation, inboxes
from customers.inboxes import Inboxes
from mailcore.alias_lookup import CATCH_ALL
from mailcore.clock import Clock
from mailcore.envelope import MAX_LOCAL_PART_OCTETS, normalise_local_part, parse_mailbox
from mailcore.errors import Conflict, Invalid, LimitReached
from mailcore.keyring import Keyring
from mailcore.models import Account, Alias, AliasDestination, Domain
from mailcore.plans import Plan, limits_for
from mailcore.settings import Settings

# --- what an account does with its own ---


@dataclass(frozen=True, slots=True)
class NewAlias:
    """`destinations` are addresses or ids of the account's destinations; `local_part` may be `*`."""

    local_part: str
    destinations: Sequence[str]
    note: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class AliasChange:
    """None leaves a thing as it is."""

    destinations: Sequence[str] | None = None
    note: str | None = None
    enabled: bool | None = None


async def create(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    keyring: Keyring,
    account_id: UUID,
    domain_id: UUID,
    new: NewAlias,
) -> Alias:
    """Raises NotFound, Invalid, Conflict, LimitReached. The locked rows keep the limit exact: the account's
    while its plan changes, the domain's while others create.
    """
    key = checked_local_part(new.local_part)
    account = await accounts.get(session, account_id, lock=True)
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    await _check_room(session, account, domain, key)
    alias = Alias(
        id=clock.new_id(),
        account_id=account_id,
        domain_id=domain.id,
        local_part=key,
        note=new.note,
        enabled=new.enabled,
    )
    session.add(alias)
    await session.flush()
    await _link(session, clock, settings, keyring, alias, new.destinations)
    return alias


async def change(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    keyring: Keyring,
    account_id: UUID,
    alias_id: UUID,
    wanted: AliasChange,
) -> Alias:
    """Raises NotFound, Invalid, LimitReached."""
    if wanted.destinations is not None:  # the plan says how many, and must not change meanwhile
        await accounts.get(session, account_id, lock=True)
    alias = await accounts.get_owned(session, Alias, account_id, alias_id, lock=True)
    if wanted.note is not None:
        alias.note = wanted.note
    if wanted.enabled is not None:
        alias.enabled = wanted.enabled
    session.add(alias)
    await session.flush()
    if wanted.destinations is not None:
        await _link(session, clock, settings, keyring, alias, wanted.destinations)
    return alias


async def remove(session: AsyncSession, account_id: UUID, alias_id: UUID) -> None:
    """Its address refuses mail from now on, and mail that waits for it ends as cancelled."""
    alias = await accounts.get_owned(session, Alias, account_id, alias_id, lock=True)
    await session.delete(alias)
    await session.flush()
    await cancellation.of_alias(session, account_id, alias_id)


@dataclass(frozen=True, slots=True)
class AliasFilter:
    """`text` is looked for in the address and the note; `destination_id` is one of theirs."""

    domain_id: UUID | None = None
    text: str | None = None
    destination_id: UUID | None = None
    enabled: bool | None = None


async def list_of(
    session: AsyncSession,
    account_id: UUID,
    wanted: AliasFilter,
    *,
    after: UUID | None,
    limit: int,
    newest_first: bool = False,
) -> Sequence[Alias]:
    """Oldest first, unless said otherwise; `after` is the last id of the page before."""
    query = select(Alias).where(*_matching(account_id, wanted))
    page = accounts.page_of(query, Alias.id, after=after, limit=limit, newest_first=newest_first)
    return (await session.exec(page)).all()


async def count(session: AsyncSession, account_id: UUID, wanted: AliasFilter, *, after: UUID) -> int:
    """How many there are beyond this id."""
    query = select(func.count()).where(*_matching(account_id, wanted), col(Alias.id) > after)
    return (await session.exec(query)).one()


async def count_by_domain(
    session: AsyncSession, account_id: UUID, domain_ids: Collection[UUID]
) -> dict[UUID, int]:
    """Of these domains of the account; those without any are left out."""
    mine = (col(Alias.account_id) == account_id, col(Alias.domain_id).in_(domain_ids))
    query = select(Alias.domain_id, func.count()).where(*mine).group_by(col(Alias.domain_id))
    return dict((await session.exec(query)).all())


def _matching(account_id: UUID, wanted: AliasFilter) -> list[ColumnElement[bool]]:
    found = [col(Alias.account_id) == account_id]
    if wanted.domain_id:
        found.append(col(Alias.domain_id) == wanted.domain_id)
    if wanted.text:
        found.append(_holds(account_id, wanted.text))
    if wanted.destination_id:
        link = AliasDestination
        there = select(link.alias_id).where(col(link.destination_id) == wanted.destination_id)
        found.append(col(Alias.id).in_(there))
    if wanted.enabled is not None:
        found.append(col(Alias.enabled) == wanted.enabled)
    return found


def _holds(account_id: UUID, text: str) -> ColumnElement[bool]:
    """In the note, in the local part, in the domain's name; or over the @ of the whole address."""
    name, before, after = col(Domain.name), *text.rpartition("@")[::2]
    mine = select(Domain.id).where(col(Domain.account_id) == account_id)
    if "@" not in text:
        fields = [each.icontains(text, autoescape=True) for each in (col(Alias.local_part), col(Alias.note))]
        there = mine.where(name.icontains(text, autoescape=True))
        return or_(*fields, col(Alias.domain_id).in_(there))
    there = mine.where(name.istartswith(after, autoescape=True))
    address = and_(col(Alias.local_part).iendswith(before, autoescape=True), col(Alias.domain_id).in_(there))
    return or_(col(Alias.note).icontains(text, autoescape=True), address)


@dataclass(frozen=True, slots=True)
class Reach:
    """What an alias gets mail of: its `address`; of a catch-all None: any of the domain whose local part is
    not among the `others`.
    """

    domain_id: UUID
    address: str | None
    others: Sequence[str] = ()


async def reach(session: AsyncSession, account_id: UUID, alias_id: UUID) -> Reach:
    """Raises NotFound."""
    alias = await accounts.get_owned(session, Alias, account_id, alias_id)
    if alias.local_part != CATCH_ALL:
        domain = await accounts.get_owned(session, Domain, account_id, alias.domain_id)
        return Reach(domain.id, f"{alias.local_part}@{domain.name}")
    others = select(Alias.local_part).where(
        col(Alias.account_id) == account_id, col(Alias.domain_id) == alias.domain_id
    )
    return Reach(alias.domain_id, None, (await session.exec(others)).all())


async def ids(
    session: AsyncSession, account_id: UUID, keys: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], UUID]:
    """Ids of those that the account has of these, by domain and normalised local part."""
    mine = col(Alias.account_id) == account_id
    here = col(Alias.domain_id).in_({domain_id for domain_id, _ in keys})
    named = col(Alias.local_part).in_({local_part for _, local_part in keys})
    query = select(Alias.domain_id, Alias.local_part, Alias.id).where(mine, here, named)
    return {(domain_id, key): alias_id for domain_id, key, alias_id in (await session.exec(query)).all()}


async def addresses_to(session: AsyncSession, destination_id: UUID, *, limit: int) -> list[str]:
    """Addresses that forward to this destination, oldest first; it is its account's own to see."""
    query = (
        select(Alias.local_part, Domain.name)
        .join(Domain, col(Domain.id) == col(Alias.domain_id))
        .join(AliasDestination, col(AliasDestination.alias_id) == col(Alias.id))
        .where(col(AliasDestination.destination_id) == destination_id)
        .order_by(col(Alias.id))
    )
    return [f"{local_part}@{name}" for local_part, name in (await session.exec(query.limit(limit))).all()]


def checked_local_part(text: str) -> str:
    """The normalised key: dot-atom of RFC 5321 section 4.1.2, or the catch-all."""
    if text == CATCH_ALL:
        return CATCH_ALL
    key = normalise_local_part(text)
    fits = len(key.encode()) <= MAX_LOCAL_PART_OCTETS
    if not fits or key.startswith('"') or parse_mailbox(f"{key}@example.org") is None:
        detail = "Write what stands before the @, without spaces; or * for all other addresses."
        raise Invalid(detail, code="local_part_invalid")
    return key


async def _check_room(session: AsyncSession, account: Account, domain: Domain, key: str) -> None:
    here = col(Alias.domain_id) == domain.id
    if (await session.exec(select(Alias.id).where(here, col(Alias.local_part) == key))).first():
        raise Conflict("This domain has this alias already.", code="alias_exists")
    if (await session.exec(select(func.count()).select_from(Alias).where(here))).one() >= most_in(account):
        raise no_room(account)


def most_in(account: Account) -> int:
    """How many aliases a domain of the account may have."""
    return limits_for(Plan(account.plan)).aliases_per_domain


def no_room(account: Account) -> LimitReached:
    limit = most_in(account)
    detail = f"The {account.plan} plan has room for {limit} aliases in one domain."
    return LimitReached(detail, resource="aliases_per_domain", limit=limit, plan=account.plan)


async def _link(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    keyring: Keyring,
    alias: Alias,
    wanted: Sequence[str],
) -> None:
    account = await accounts.get(session, alias.account_id)
    found = await inboxes.look_up(session, clock, settings, keyring, account, wanted)
    identifiers = chosen(found, account, wanted)
    await found.make(session)
    # After the destinations are locked, in the order in which deleting one takes its locks.
    await session.exec(delete(AliasDestination).where(col(AliasDestination.alias_id) == alias.id))
    rows = [{"alias_id": alias.id, "destination_id": each} for each in identifiers]
    await session.exec(insert(AliasDestination).values(rows))


def chosen(found: Inboxes, account: Account, wanted: Sequence[str]) -> list[UUID]:
    """The destinations of one alias; those that are new will be made. Raises Invalid, LimitReached."""
    identifiers, limit = found.named(wanted), limits_for(Plan(account.plan)).destinations_per_alias
    if not identifiers:
        raise Invalid("An alias needs at least one destination.", code="destination_missing")
    if len(identifiers) > limit:
        detail = f"The {account.plan} plan has room for {limit} destinations of one alias."
        raise LimitReached(detail, resource="destinations_per_alias", limit=limit, plan=account.plan)
    found.choose(identifiers)
    return identifiers
