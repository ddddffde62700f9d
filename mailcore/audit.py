"""The audit log: who changed what, written in the transaction of the change. 30 days, append-only.

Must never be changed, and never hold a secret or anything of a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.callers import Caller, Kind
from mailcore.clock import Clock
from mailcore.models import AuditEvent


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
    **detail: str | int | bool | list[str] | None,
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
