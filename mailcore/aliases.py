"""The alias table: create, change, list, delete, and resolve a forward-path to where its mail goes.

`resolve` runs once for every RCPT and asks the database each time: a stale answer bounces mail. Must
never hand out an alias of another account, nor a destination to anybody but its owner and the path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, func, insert, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore import accounts, cancellation, destinations
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.envelope import MAX_LOCAL_PART_OCTETS, Mailbox, normalise_local_part, parse_mailbox, split_tag
from mailcore.errors import Conflict, Invalid, LimitReached
from mailcore.models import Account, Alias, AliasDestination, Domain
from mailcore.plans import Lane, Plan, limits_for
from mailcore.settings import Settings

CATCH_ALL = "*"
# RFC 5321 section 4.5.1 and RFC 2142: these work at every domain we serve.
ROLES = frozenset({"postmaster", "abuse"})


@dataclass(frozen=True, slots=True)
class DestinationRef:
    """Where a copy goes: a destination of the customer (`id`), or an address of our own mail (no `id`)."""

    id: UUID | None
    address: str
    delivered_before: bool = True


@dataclass(frozen=True, slots=True)
class Recipient:
    """An admitted recipient: the alias as it was written to, and where its mail goes.

    `alias_number` stands for the alias in SRS addresses; 0 where the address as written must be kept
    (a catch-all, a role address).
    """

    account_id: UUID
    plan: Plan
    domain_id: UUID | None
    alias_id: UUID | None
    alias_number: int
    alias_address: str
    destinations: tuple[DestinationRef, ...]

    @property
    def lane(self) -> Lane:
        return limits_for(self.plan).lane


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipient of ours. `enabled` is false when its owner switched it off."""

    recipient: Recipient
    enabled: bool
    forwarded_today: int


@dataclass(frozen=True, slots=True)
class NoSuchAlias:
    """The domain is served here, the address does not exist."""

    account_id: UUID
    domain_id: UUID


@dataclass(frozen=True, slots=True)
class NotServed:
    """Nobody has verified this domain; `claimed_at` is the newest claim, if any."""

    claimed_at: datetime | None


Resolution = Resolved | NoSuchAlias | NotServed

_RESOLVE = """
select d.id as domain_id, d.account_id, d.plus_addressing, c.plan,
       a.id as alias_id, a.number, a.local_part, a.enabled,
       coalesce((select u.forwarded from usage_day u
                 where u.account_id = d.account_id and u.day = $3), 0) as forwarded_today,
       array(select (t.id, t.address, t.delivered_before)
             from alias_destination l join destination t on t.id = l.destination_id
             where l.alias_id = a.id order by t.id) as destinations
from domain d join account c on c.id = d.account_id
left join alias a on a.domain_id = d.id and a.local_part = any($2::text[])
where d.name = $1 and d.verified_at is not null
"""

_OWNER = """
select p.email from membership m join person p on p.id = m.person_id
where m.account_id = $1 and m.role = 'owner' order by m.created_at limit 1
"""


async def resolve(database: Database, mailbox: Mailbox, now: datetime) -> Resolution:
    """Exact alias, then the alias before the plus tag, then the role addresses, then the catch-all."""
    local_part = normalise_local_part(mailbox.local_part)
    untagged, tag = split_tag(local_part)
    rows = await database.fetch(_RESOLVE, mailbox.domain, [local_part, untagged, CATCH_ALL], now.date())
    if not rows:
        return await _unserved(database, mailbox.domain)
    by_name = {row["local_part"]: row for row in rows}
    first = rows[0]
    found = by_name.get(local_part) or (by_name.get(untagged) if tag and first["plus_addressing"] else None)
    if found is None and local_part in ROLES and (owner := await database.value(_OWNER, first["account_id"])):
        return _role(first, mailbox, owner)
    found = found or by_name.get(CATCH_ALL)
    return _resolved(found, mailbox) if found else NoSuchAlias(first["account_id"], first["domain_id"])


async def _unserved(database: Database, domain: str) -> NotServed:
    return NotServed(await database.value("select max(created_at) from domain where name = $1", domain))


async def want_check(database: Database, domain: str) -> None:
    """Mail came for a claim that is not verified: upkeep looks at its DNS within seconds."""
    async with database.transaction() as tx:
        await tx.execute(
            "update domain set check_wanted = true where name = $1 and verified_at is null and not check_wanted "
            "and (checked_at is null or checked_at < now() - interval '10 seconds')",
            domain,
        )


def _resolved(row: Any, mailbox: Mailbox) -> Resolved:
    destinations = tuple(DestinationRef(*destination) for destination in row["destinations"])
    number = 0 if row["local_part"] == CATCH_ALL else row["number"]
    recipient = Recipient(
        row["account_id"],
        Plan(row["plan"]),
        row["domain_id"],
        row["alias_id"],
        number,
        mailbox.address,
        destinations,
    )
    return Resolved(recipient, row["enabled"] and bool(destinations), row["forwarded_today"])


def _role(row: Any, mailbox: Mailbox, owner: str) -> Resolved:
    recipient = Recipient(
        row["account_id"],
        Plan(row["plan"]),
        row["domain_id"],
        None,
        0,
        mailbox.address,
        (DestinationRef(None, owner),),
    )
    return Resolved(recipient, True, row["forwarded_today"])


# Mail to the service itself belongs to no customer.
SERVICE_ACCOUNT = UUID(int=0)


def service_role(mailbox: Mailbox, postmaster: str) -> Recipient:
    return Recipient(
        SERVICE_ACCOUNT, Plan.PREMIUM, None, None, 0, mailbox.address, (DestinationRef(None, postmaster),)
    )


def total_destinations(recipients: Sequence[Recipient]) -> int:
    return sum(len(recipient.destinations) for recipient in recipients)


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
    session: AsyncSession, clock: Clock, settings: Settings, account_id: UUID, domain_id: UUID, new: NewAlias
) -> Alias:
    """Raises NotFound, Invalid, Conflict, LimitReached. The locked domain row keeps the limit exact."""
    key = _checked_local_part(new.local_part)
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    await _check_room(session, await accounts.get(session, account_id), domain, key)
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
    await _link(session, clock, settings, alias, new.destinations)
    return alias


async def change(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    account_id: UUID,
    alias_id: UUID,
    wanted: AliasChange,
) -> Alias:
    """Raises NotFound, Invalid, LimitReached."""
    alias = await accounts.get_owned(session, Alias, account_id, alias_id, lock=True)
    if wanted.note is not None:
        alias.note = wanted.note
    if wanted.enabled is not None:
        alias.enabled = wanted.enabled
    session.add(alias)
    await session.flush()
    if wanted.destinations is not None:
        await session.exec(delete(AliasDestination).where(col(AliasDestination.alias_id) == alias.id))
        await _link(session, clock, settings, alias, wanted.destinations)
    return alias


async def remove(session: AsyncSession, account_id: UUID, alias_id: UUID) -> None:
    """Its address refuses mail from now on, and mail that waits for it ends as cancelled."""
    alias = await accounts.get_owned(session, Alias, account_id, alias_id, lock=True)
    await session.delete(alias)
    await session.flush()
    await cancellation.of_alias(session, account_id, alias_id)


@dataclass(frozen=True, slots=True)
class AliasFilter:
    """`text` is looked for in the local part and the note."""

    domain_id: UUID | None = None
    text: str | None = None


async def list_of(
    session: AsyncSession, account_id: UUID, wanted: AliasFilter, *, after: UUID | None, limit: int
) -> Sequence[tuple[Alias, str]]:
    """Aliases with the name of their domain, oldest first; `after` is the last id of the page before."""
    query = (
        select(Alias, Domain.name)
        .join(Domain, col(Domain.id) == col(Alias.domain_id))
        .where(col(Alias.account_id) == account_id)
    )
    if wanted.domain_id:
        query = query.where(col(Alias.domain_id) == wanted.domain_id)
    if wanted.text:
        fields = (col(Alias.local_part), col(Alias.note))
        query = query.where(or_(*(field.icontains(wanted.text, autoescape=True) for field in fields)))
    if after:
        query = query.where(col(Alias.id) > after)
    return (await session.exec(query.order_by(col(Alias.id)).limit(limit))).all()


def _checked_local_part(text: str) -> str:
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
    limit = limits_for(Plan(account.plan)).aliases_per_domain
    if (await session.exec(select(func.count()).select_from(Alias).where(here))).one() >= limit:
        detail = f"The {account.plan} plan has room for {limit} aliases in one domain."
        raise LimitReached(detail, resource="aliases_per_domain", limit=limit, plan=account.plan)


async def _link(
    session: AsyncSession, clock: Clock, settings: Settings, alias: Alias, wanted: Sequence[str]
) -> None:
    found = await destinations.find_or_create(session, clock, settings, alias.account_id, wanted)
    account = await accounts.get(session, alias.account_id)
    limit = limits_for(Plan(account.plan)).destinations_per_alias
    if not found:
        raise Invalid("An alias needs at least one destination.", code="destination_missing")
    if len(found) > limit:
        detail = f"The {account.plan} plan has room for {limit} destinations of one alias."
        raise LimitReached(detail, resource="destinations_per_alias", limit=limit, plan=account.plan)
    rows = [{"alias_id": alias.id, "destination_id": destination.id} for destination in found]
    await session.exec(insert(AliasDestination).values(rows))
