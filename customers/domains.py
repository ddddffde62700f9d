"""Domains: claimed by an account, and what it sees of and does with its own.

Must never show one account's claim to another, nor verify one: that is for what DNS says (domain_watch.py).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, cancellation
from customers.domain_answers import OWNERSHIP_LABEL
from customers.domain_check import OWNERSHIP_PREFIX
from customers.domain_names import claimable, is_of_the_service
from mailcore.clock import Clock
from mailcore.errors import Conflict, LimitReached
from mailcore.mail_rules import LogLevel
from mailcore.models import Account, Domain
from mailcore.plans import Lane
from mailcore.settings import Settings

# What an owner decides about the mail of a domain; told at the columns of `Domain`.
Choice = Literal["plus_addressing", "strict_dmarc", "require_tls", "spam_threshold", "log_level"]
Chosen = bool | float | LogLevel | None


# --- what an account does with its own ---


async def create(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    account_id: UUID,
    name: str,
    log_level: LogLevel = LogLevel.FULL,
) -> Domain:
    """A claim, not yet verified; another account's claim to the name does not matter here.

    Raises Invalid, Conflict (claimed by this account already), LimitReached, Forbidden (see `require_told`).
    """
    name = claimable(name, settings)
    account = await accounts.get(session, account_id, lock=True)
    accounts.require_told(account)
    mine = select(Domain.id).where(col(Domain.account_id) == account_id, col(Domain.name) == name)
    if (await session.exec(mine)).first():
        raise Conflict("This account has this domain already.", code="domain_exists")
    limit = accounts.limits_of(account).domains
    if await count(session, account_id) >= limit:
        detail = f"The {account.plan} plan has room for {_counted(limit, 'domain')}."
        raise LimitReached(detail, resource="domains", limit=limit, plan=account.plan)
    domain = Domain(id=clock.new_id(), account_id=account_id, name=name, log_level=log_level)
    session.add(domain)
    await session.flush()
    return domain


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[Domain]:
    """Oldest first; `after` is the last id of the page before."""
    query = select(Domain).where(col(Domain.account_id) == account_id)
    return (await session.exec(accounts.page_of(query, Domain.id, after=after, limit=limit))).all()


async def count(session: AsyncSession, account_id: UUID) -> int:
    mine = select(func.count()).select_from(Domain).where(col(Domain.account_id) == account_id)
    return (await session.exec(mine)).one()


async def names(session: AsyncSession, account_id: UUID, domain_ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of these domains of the account, by id."""
    query = select(Domain.id, Domain.name).where(
        col(Domain.account_id) == account_id, col(Domain.id).in_(domain_ids)
    )
    return dict((await session.exec(query)).all())


async def ids(session: AsyncSession, account_id: UUID, of_names: Collection[str]) -> dict[str, UUID]:
    """Ids of the account's domains of these names, by name."""
    query = select(Domain.name, Domain.id).where(
        col(Domain.account_id) == account_id, col(Domain.name).in_(of_names)
    )
    return dict((await session.exec(query)).all())


async def change(
    session: AsyncSession, account_id: UUID, domain_id: UUID, chosen: Mapping[Choice, Chosen]
) -> Domain:
    """For mail that comes, and attempts that begin, from now on. `spam_threshold` None: never refuse.
    What the log has keeps its days, whatever its level is now.
    """
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    for name, value in chosen.items():
        setattr(domain, name, value)
    session.add(domain)
    await session.flush()
    return domain


async def delete(session: AsyncSession, account_id: UUID, domain_id: UUID) -> None:
    """With its aliases; mail that waits for them ends as cancelled."""
    domain = await accounts.get_owned(session, Domain, account_id, domain_id, lock=True)
    await session.delete(domain)
    await session.flush()
    await cancellation.of_domain(session, account_id, domain_id)


def txt_name(domain: Domain) -> str:
    return f"{OWNERSHIP_LABEL}.{domain.name}"


def txt_value(account: Account) -> str:
    return f"{OWNERSHIP_PREFIX}{account.verification_token}"


def mx_names(account: Account, settings: Settings) -> tuple[str, ...]:
    """What to publish, preferred first: the fast lane has a name of its own."""
    fast = accounts.limits_of(account).lane is Lane.FAST
    return (settings.fast_mx_name, settings.mx_name) if fast else (settings.mx_name,)


# By whom a name is served is not for this account to know.
_OURS = text(
    "select wanted.name from unnest(cast(:names as text[])) as wanted(name) "
    "where domain_is_served(wanted.name) or exists (select from domain d where d.name = wanted.name "
    "and d.account_id = :account_id)"
)


async def ours_among(
    session: AsyncSession, settings: Settings, account_id: UUID, names: Collection[str]
) -> set[str]:
    """Those to which mail would come back to us: the service's own, served ones, claims of this account."""
    wanted = {"names": list(names), "account_id": account_id}
    rows = await (await session.connection()).execute(_OURS, wanted)
    return {name for (name,) in rows} | {name for name in names if is_of_the_service(name, settings)}


def spf_include(settings: Settings) -> str:
    return f"spf.{settings.service_domain}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
