"""The audit log: who changed what, written in the transaction of the change. 30 days, append-only.

Must never be changed, never be read past its 30 days, and never hold a secret or anything of a message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers.callers import Caller, Kind
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.models import AuditEvent

KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the log shows them: a person's address, a key's name, an app's name, "clearpost"."""

    kind: Kind
    name: str
    id: UUID | None = None
    request_id: str = ""

    @classmethod
    def of(cls, who: Caller, request_id: str = "") -> "Actor":
        return cls(who.kind, who.name, who.actor_id, request_id)


SERVICE: Final = Actor("service", "clearpost")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed: its id, and how its owner calls it (an alias, a domain, a key's name)."""

    id: UUID | None
    name: str = ""


def record(
    session: AsyncSession,
    clock: Clock,
    account_id: UUID | None,
    actor: Actor,
    action: str,
    subject: Subject,
    **detail: str | float | bool | list[str] | None,
) -> None:
    """One line, such as "alias.created". `account_id` None is the service's own log. It leaves with the
    session's commit, or not at all. `detail`: fields that changed and their new values, no secrets.
    """
    session.add(
        AuditEvent(
            id=clock.new_id(),
            account_id=account_id,
            at=clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor=actor.name,
            action=action,
            subject_id=subject.id,
            subject=subject.name,
            detail=_plain(detail),
            request_id=actor.request_id,
        )
    )


def _plain(detail: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in detail.items() if value is not None}


# --- reading: always by account, always younger than 30 days ---


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """None means any. `action` is a whole one ("alias.created") or its noun ("alias"); `actor` and `subject`
    are names as the log shows them. `actions`: any of these whole ones.
    """

    action: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    actions: Sequence[str] = ()
    subject_id: UUID | None = None


async def list_of(
    session: AsyncSession,
    now: datetime,
    account_id: UUID | None,
    wanted: AuditFilter,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[AuditEvent]:
    """Newest first; `after` is the last id of the page before. `account_id` None: the service's own log."""
    query = select(AuditEvent).where(
        col(AuditEvent.account_id) == account_id, col(AuditEvent.at) > now - KEPT
    )
    if wanted.action:
        word = col(AuditEvent.action)
        query = query.where((word == wanted.action) | word.startswith(f"{wanted.action}.", autoescape=True))
    if wanted.actions:
        query = query.where(col(AuditEvent.action).in_(wanted.actions))
    if wanted.subject_id:
        query = query.where(col(AuditEvent.subject_id) == wanted.subject_id)
    if wanted.actor:
        query = query.where(col(AuditEvent.actor) == wanted.actor)
    if wanted.subject:
        query = query.where(col(AuditEvent.subject) == wanted.subject)
    if wanted.since:
        query = query.where(col(AuditEvent.at) >= wanted.since)
    if wanted.until:
        query = query.where(col(AuditEvent.at) < wanted.until)
    if after:
        query = query.where(col(AuditEvent.id) < after)
    return (await session.exec(query.order_by(col(AuditEvent.id).desc()).limit(limit))).all()


async def count_of(
    session: AsyncSession, now: datetime, account_id: UUID, action: str, subject_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """How many lines of this action there are about each of these."""
    query = (
        select(AuditEvent.subject_id, func.count())
        .where(
            col(AuditEvent.account_id) == account_id,
            col(AuditEvent.at) > now - KEPT,
            col(AuditEvent.action) == action,
            col(AuditEvent.subject_id).in_(subject_ids),
        )
        .group_by(col(AuditEvent.subject_id))
    )
    return {subject: count for subject, count in (await session.exec(query)).all() if subject}


async def expire(database: Database, now: datetime) -> None:
    """Upkeep: lines leave once they are 30 days old; the service's own as well."""
    await database.delete_in_batches("audit_event", "at <= $1", now - KEPT)
