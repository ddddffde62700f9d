"""Tenants: the account with its plan, limits and usage, and the narrow gate to everything an account owns.

Must never hand out a thing without the account it belongs to: a foreign id is answered like an absent one.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import people
from mailcore.clock import Clock
from mailcore.errors import Forbidden, NotFound
from mailcore.models import (
    Account,
    Alias,
    ApiKey,
    Destination,
    Domain,
    Invitation,
    Membership,
    OauthApp,
    Person,
    UsageDay,
)
from mailcore.plans import Plan, PlanLimits, limits_for

Owned = TypeVar("Owned", Domain, Alias, Destination, ApiKey, OauthApp, Invitation)
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])

_TOKEN_BYTES = 16


async def get_owned(
    session: AsyncSession,
    model: type[Owned],
    account_id: UUID,
    identifier: UUID,
    *,
    lock: bool = False,
    ends: bool = False,
) -> Owned:
    """The thing of that id if the account owns it. `lock` keeps its row from changing until the commit; with
    `ends` whoever is about to refer to it waits as well, and finds it gone.

    Raises NotFound, the same for a foreign id as for one that never existed.
    """
    query = select(model).where(col(model.id) == identifier, col(model.account_id) == account_id)
    if lock or ends:
        # FOR NO KEY UPDATE: rows that only refer to this one (log counters, say) need not wait.
        query = query.with_for_update(key_share=not ends).execution_options(populate_existing=True)
    if (found := (await session.exec(query)).one_or_none()) is None:
        raise NotFound("There is no such thing in this account.")
    return found


def page_of(
    query: Query, identifier: UUID, *, after: UUID | None, limit: int, newest_first: bool = False
) -> Query:
    """The rows of one page by the column `identifier`, oldest first unless said otherwise; `after` is the
    last id of the page before.
    """
    if after is not None:
        beyond = col(identifier) < after if newest_first else col(identifier) > after
        query = query.where(beyond)
    order = col(identifier).desc() if newest_first else col(identifier)
    return query.order_by(order).limit(limit)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the account did on one UTC day; `bytes` counts messages as received.

    `refused_by_plan`: those of `refused` that a larger plan would have taken.
    """

    day: date
    forwarded: int = 0
    refused: int = 0
    bytes: int = 0
    refused_by_plan: int = 0


async def create(
    session: AsyncSession,
    clock: Clock,
    *,
    name: str,
    owner_email: str,
    plan: Plan = Plan.FREE,
    told: bool = False,
) -> Account:
    """A new account with its owner. The caller has checked the owner's address.

    `told`: whoever it is for was told what is logged and for how long.
    """
    account = Account(
        id=clock.new_id(),
        name=name,
        plan=plan,
        verification_token=secrets.token_hex(_TOKEN_BYTES),
        policy_told_at=clock.now() if told else None,
    )
    person = await people.ensure(session, clock, owner_email)
    session.add(account)
    await session.flush()
    session.add(Membership(id=clock.new_id(), account_id=account.id, person_id=person.id, role="owner"))
    await session.flush()
    return account


async def get(session: AsyncSession, account_id: UUID, *, lock: bool = False) -> Account:
    """The caller's own account. `lock` lets one at a time create what the plan counts."""
    query = select(Account).where(col(Account.id) == account_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    if (account := (await session.exec(query)).one_or_none()) is None:
        raise NotFound("This account does not exist any more.")
    return account


def require_told(account: Account) -> None:
    """Nobody brings a domain before they know what is logged of its mail. Raises Forbidden."""
    if account.policy_told_at is None:
        detail = (
            "Read first what is logged of your mail and for how long: GET /v1/account/policy, then say so "
            'with POST /v1/account/policy {"read": true}.'
        )
        raise Forbidden(detail, code="policy_unread")


async def mark_told(session: AsyncSession, account_id: UUID, now: datetime) -> tuple[Account, bool]:
    """Somebody of the account says that they have read the policy; True where they are the first."""
    account = await get(session, account_id, lock=True)
    if account.policy_told_at is not None:
        return account, False
    account.policy_told_at = now
    await session.flush()
    return account, True


async def mark_exported(session: AsyncSession, account_id: UUID, now: datetime) -> None:
    (await get(session, account_id, lock=True)).exported_at = now
    await session.flush()


async def rename(session: AsyncSession, account_id: UUID, name: str) -> Account:
    account = await get(session, account_id, lock=True)
    account.name = name
    await session.flush()
    return account


async def by_ids(session: AsyncSession, account_ids: Sequence[UUID]) -> dict[UUID, Account]:
    """For our own work across accounts, never for a caller's."""
    rows = (await session.exec(select(Account).where(col(Account.id).in_(account_ids)))).all()
    return {account.id: account for account in rows}


async def newest(session: AsyncSession, limit: int) -> Sequence[tuple[Account, Sequence[str]]]:
    """For the operator of the server: accounts with the addresses of their owners."""
    rows = (await session.exec(select(Account).order_by(col(Account.id).desc()).limit(limit))).all()
    query = (
        select(Membership.account_id, Person.email)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(
            col(Membership.account_id).in_([account.id for account in rows]), col(Membership.role) == "owner"
        )
        .order_by(col(Person.email))
    )
    owners = (await session.exec(query)).all()
    return [(account, [email for owned, email in owners if owned == account.id]) for account in rows]


async def owned_by(session: AsyncSession, email: str) -> Account | None:
    """The oldest account that the person of this address owns."""
    query = (
        select(Account)
        .join(Membership, col(Membership.account_id) == col(Account.id))
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(col(Person.email) == email, col(Membership.role) == "owner")
        .order_by(col(Account.id))
    )
    return (await session.exec(query)).first()


async def lead_addresses(session: AsyncSession, account_id: UUID) -> frozenset[str]:
    """Addresses, in lower case, that the account's owner and admins sign in with."""
    query = (
        select(Person.email)
        .join(Membership, col(Membership.person_id) == col(Person.id))
        .where(col(Membership.account_id) == account_id, col(Membership.role).in_(("owner", "admin")))
    )
    return frozenset(email.lower() for email in (await session.exec(query)).all())


async def usage(session: AsyncSession, account_id: UUID, last: date, days: int = 1) -> list[Usage]:
    """So many days, the newest (`last`) first; those on which nothing happened are there as well."""
    since = last - timedelta(days=days - 1)
    query = select(UsageDay).where(
        col(UsageDay.account_id) == account_id, col(UsageDay.day).between(since, last)
    )
    found = {
        row.day: Usage(row.day, row.forwarded, row.refused, row.bytes, row.refused_by_plan)
        for row in (await session.exec(query)).all()
    }
    wanted = [last - timedelta(days=n) for n in range(days)]
    return [found.get(day) or Usage(day) for day in wanted]


def limits_of(account: Account) -> PlanLimits:
    return limits_for(Plan(account.plan))
