"""An account that we suspend, for abuse or because we must: its mail is refused and nothing of it changes.

What was taken before is still delivered. Must never happen without a line in both audit logs and a letter to
its owners, nor for a reason that is not named here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, team
from customers.audit import Actor, Subject
from customers.suspension_letters import REASONS, Reason
from mailcore import changes
from mailcore.admission import SUSPENSION_PUTS_OFF
from mailcore.clock import Clock
from mailcore.errors import Conflict, NotFound
from mailcore.models import Account

# Columns by name: staff do this by a role of the database that sees no others.
_SUSPEND: Final = """
update account set suspended_at = :now, suspended_for = :reason, suspended_note = :note
where id = :id and suspended_at is null returning name
"""
_RESUME: Final = """
update account set suspended_at = null, suspended_for = null, suspended_note = ''
where id = :id and suspended_at is not null returning name
"""


@dataclass(frozen=True, slots=True)
class Suspension:
    """`note`: what we wrote to the owners. Mail is put off, and from `refused_from` on refused."""

    since: datetime
    reason: Reason
    note: str

    @property
    def refused_from(self) -> datetime:
        return self.since + SUSPENSION_PUTS_OFF

    @property
    def explanation(self) -> str:
        return REASONS[self.reason]


def of(account: Account) -> Suspension | None:
    return told(account.suspended_at, account.suspended_for, account.suspended_note)


def told(since: datetime | None, reason: str | None, note: str) -> Suspension | None:
    """From the columns of an account."""
    known = next((each for each in REASONS if each == reason), None)
    return Suspension(since, known, note) if since and known else None


async def suspend(
    session: AsyncSession, clock: Clock, actor: Actor, account_id: UUID, reason: Reason, note: str
) -> None:
    """From its next RCPT and its next request on. Raises NotFound, Conflict where it is suspended."""
    values = {"now": clock.now(), "reason": reason, "note": note}
    name = await _set(session, _SUSPEND, account_id, "It is suspended already.", **values)
    _record(session, clock, actor, "account.suspended", account_id, name, reason)
    await changes.note(session, account_id, "account", suspended=True)
    await team.write_to_owners(
        session, clock, "account-suspended", account_id, account=name, reason=reason, note=note
    )


async def resume(session: AsyncSession, clock: Clock, actor: Actor, account_id: UUID, note: str) -> None:
    """All works again as it did. Raises NotFound, Conflict where it is not suspended."""
    name = await _set(session, _RESUME, account_id, "It is not suspended.")
    _record(session, clock, actor, "account.resumed", account_id, name)
    await changes.note(session, account_id, "account", suspended=False)
    await team.write_to_owners(session, clock, "account-resumed", account_id, account=name, note=note)


async def _set(
    session: AsyncSession, statement: str, account_id: UUID, otherwise: str, **values: object
) -> str:
    """Its name."""
    connection = await session.connection()
    found = (await connection.execute(text(statement), {"id": account_id, **values})).first()
    if found is None:
        known = await connection.execute(text("select id from account where id = :id"), {"id": account_id})
        raise Conflict(otherwise) if known.first() else NotFound("There is no such account.")
    return str(found.name)


def _record(
    session: AsyncSession,
    clock: Clock,
    actor: Actor,
    action: str,
    account_id: UUID,
    name: str,
    reason: Reason | None = None,
) -> None:
    """The account's name is its own: our log holds the id."""
    audit.record(session, clock, account_id, actor, action, Subject(account_id, name), reason=reason)
    audit.record(session, clock, None, actor, action, Subject(account_id), reason=reason)
