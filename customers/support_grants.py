"""Consent to look: a customer lets our staff read the log of some domains, or of all, for hours or days.

Must never be opened by us, be made longer, nor count for a moment longer than its account says. What a live
one lets staff see, granted_log.py hands out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, any_, text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, domains, team
from customers.audit import Actor, Subject
from mailcore import changes
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import NotFound
from mailcore.models import SupportGrant

LONGEST: Final = timedelta(days=7)
# After its end, as long as the audit log tells what was looked at under it.
_KEPT: Final = audit.KEPT
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class NewGrant:
    """`domain_ids`: None for all. `lasts` is at most LONGEST."""

    reason: str
    domain_ids: frozenset[UUID] | None
    lasts: timedelta


# --- what an account does ---


async def open_for(
    session: AsyncSession, clock: Clock, account_id: UUID, actor: Actor, new: NewGrant
) -> SupportGrant:
    """From the commit on. Its owners get a letter, its open pages hear of it. Raises NotFound (a domain)."""
    names = await _names(session, account_id, new.domain_ids)
    now = clock.now()
    grant = SupportGrant(
        id=clock.new_id(),
        account_id=account_id,
        opened_by_id=actor.id,
        opened_by=actor.name,
        reason=new.reason,
        domain_ids=None if new.domain_ids is None else sorted(new.domain_ids),
        opened_at=now,
        expires_at=now + min(new.lasts, LONGEST),
    )
    session.add(grant)
    await session.flush()
    until = f"{grant.expires_at:%Y-%m-%d %H:%M} UTC"
    _record(session, clock, actor, "support.opened", grant, until=until, domains=names)
    await changes.note(session, account_id, "support", grant.id, opened=True)
    await _write(session, clock, grant, until, names)
    return grant


async def revoke(
    session: AsyncSession, clock: Clock, account_id: UUID, actor: Actor, grant_id: UUID
) -> SupportGrant:
    """Counts from the commit on. One that is over stays as it ended. Raises NotFound."""
    query = select(SupportGrant).where(
        col(SupportGrant.id) == grant_id, col(SupportGrant.account_id) == account_id
    )
    grant = (await session.exec(query.with_for_update())).one_or_none()
    if grant is None:
        raise NotFound("There is no such thing in this account.")
    if is_live(grant, clock.now()):
        grant.revoked_at = clock.now()
        session.add(grant)
        await session.flush()
        _record(session, clock, actor, "support.revoked", grant)
        await changes.note(session, account_id, "support", grant.id, revoked=True)
    return grant


async def list_of(
    session: AsyncSession, now: datetime, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[SupportGrant]:
    """The newest first; `after` is the last id of the page before. Old ones leave as the audit log does."""
    query = select(SupportGrant).where(col(SupportGrant.account_id) == account_id, _ended_at() > now - _KEPT)
    if after is not None:
        query = query.where(col(SupportGrant.id) < after)
    return (await session.exec(query.order_by(col(SupportGrant.id).desc()).limit(limit))).all()


async def last_until(session: AsyncSession, now: datetime, account_id: UUID) -> datetime | None:
    """When the last one that lives ends; None where staff see nothing."""
    query = select(func.max(SupportGrant.expires_at)).where(
        *_live(now), col(SupportGrant.account_id) == account_id
    )
    return (await session.exec(query)).one()


def is_live(grant: SupportGrant, now: datetime) -> bool:
    return grant.revoked_at is None and now < grant.expires_at


def subject_of(grant: SupportGrant) -> Subject:
    """As the audit log shows it: by how its reason begins."""
    reason = grant.reason if len(grant.reason) <= _SHOWN else f"{grant.reason[: _SHOWN - 1]}…"
    return Subject(grant.id, reason)


async def _names(session: AsyncSession, account_id: UUID, ids: frozenset[UUID] | None) -> list[str] | None:
    if ids is None:
        return None
    found = await domains.names(session, account_id, ids)
    if len(found) < len(ids):
        raise NotFound("There is no such domain in this account.")
    return sorted(found.values())


async def _write(
    session: AsyncSession, clock: Clock, grant: SupportGrant, until: str, names: list[str] | None
) -> None:
    account = await accounts.get(session, grant.account_id)
    await team.write_to_owners(
        session,
        clock,
        "support-opened",
        account.id,
        account=account.name,
        by=grant.opened_by,
        until=until,
        domains="\n".join(names or ()),
    )


def _record(
    session: AsyncSession,
    clock: Clock,
    actor: Actor,
    action: str,
    grant: SupportGrant,
    **detail: str | list[str] | None,
) -> None:
    audit.record(session, clock, grant.account_id, actor, action, subject_of(grant), **detail)


# --- what staff hold: in a transaction of the role clearpost_staff ---


@dataclass(frozen=True, slots=True)
class Held:
    """A live grant with what staff need to find their way: the account's name and those of its domains."""

    grant: SupportGrant
    account: str
    domains: dict[UUID, str] | None


_ACCOUNTS: Final = "select id, name from account where id = any(:ids)"
_DOMAINS: Final = "select id, account_id, name from domain where id = any(:ids)"


async def held(session: AsyncSession, now: datetime, limit: int) -> list[Held]:
    """All that live, whoever's; those that end first come first."""
    query = select(SupportGrant).where(*_live(now)).order_by(col(SupportGrant.expires_at)).limit(limit)
    grants = (await session.exec(query)).all()
    connection = await session.connection()
    ids = list({grant.account_id for grant in grants})
    names = {row.id: row.name for row in await connection.execute(text(_ACCOUNTS), {"ids": ids})}
    ids = list({each for grant in grants for each in grant.domain_ids or ()})
    known = (await connection.execute(text(_DOMAINS), {"ids": ids})).all()
    return [
        Held(
            grant,
            names.get(grant.account_id, ""),
            None
            if grant.domain_ids is None
            else {row.id: row.name for row in known if row.id in grant.domain_ids},
        )
        for grant in grants
    ]


async def find_live(
    session: AsyncSession, now: datetime, account_id: UUID, grant_id: UUID | None, domain_id: UUID | None
) -> SupportGrant | None:
    """The one of the account that is named, or else the newest, if it lives and covers that domain (None: as
    far as it reaches). Asked anew at each look.
    """
    query = select(SupportGrant).where(*_live(now), col(SupportGrant.account_id) == account_id)
    if grant_id is not None:
        query = query.where(col(SupportGrant.id) == grant_id)
    if domain_id is not None:
        among = col(SupportGrant.domain_ids)
        query = query.where(among.is_(None) | (any_(among) == domain_id))
    newest = query.order_by(col(SupportGrant.id).desc()).limit(1)
    return (await session.exec(newest)).first()


def _live(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return col(SupportGrant.revoked_at).is_(None), col(SupportGrant.expires_at) > now


def _ended_at() -> ColumnElement[datetime]:
    return func.least(SupportGrant.expires_at, SupportGrant.revoked_at)


# --- in time ---


async def expire(database: Database, now: datetime) -> None:
    """Upkeep: those leave that ended 30 days ago. That they are over takes nobody to say so."""
    await database.delete_in_batches("support_grant", "least(expires_at, revoked_at) <= $1", now - _KEPT)
