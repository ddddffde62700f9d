"""The log of an account as our staff see it: under a live grant and no further, each look written down.

`_unlock` is the one function of ours that hands out a reader for another's log, and it takes a live grant.
Must never show a row before the line that tells of it is committed, nor refuse without a line that says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from customers import audit, staff, support_grants
from customers.audit import Actor, Subject
from mailcore import changes, service_counts
from mailcore.clock import Clock
from mailcore.database import Database, Granted, Staff
from mailcore.errors import Forbidden, Unauthorized
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_reader import Cursor, Found, LogFilter, LogReader
from mailcore.models import SupportGrant

_REFUSED: Final = (
    "Staff see of an account's log what a live grant covers, and nothing else. Its people are told that you "
    "tried."
)
What = Literal["list", "message"]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose log, and by which grant of theirs: None for the newest that covers what is asked."""

    account_id: UUID
    grant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody saw, as the account reads it: ids of messages, and by which filters they were found, but
    not what was looked for: that could be an address.
    """

    what: What
    message_ids: Sequence[UUID]
    by: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A reader and how far it reaches. Made by `_unlock` alone."""

    grant: SupportGrant
    reader: LogReader
    reach: Granted


@dataclass(frozen=True, slots=True)
class StaffLog:
    """Looks of our staff. Each is a transaction of its own, so that a refusal leaves its line."""

    database: Database
    clock: Clock
    reader: LogReader

    async def messages(
        self, actor: Actor, whose: Whose, wanted: LogFilter, after: Cursor | None, limit: int
    ) -> Found:
        """Newest first.

        Raises Forbidden (no_grant), NotFound (no such account), Unauthorized.
        """
        asked = Seen("list", (), [each.name for each in fields(wanted) if getattr(wanted, each.name)])
        async with self.database.session(Staff()) as session:
            opened = await self._unlock(session, actor, whose, wanted.domain_id)
            if opened is not None:
                found = await opened.reader.messages(opened.reach, wanted, after, limit)
                seen = Seen("list", [each.message.id for each in found.rows], asked.by)
                await self._tell(session, actor, opened.grant, seen)
                return found
            await self._tell_refused(session, actor, whose, asked)
        raise Forbidden(_REFUSED, code="no_grant")

    async def message(
        self, actor: Actor, whose: Whose, message_id: UUID
    ) -> tuple[LoggedMessage, Sequence[Event]]:
        """With its events, in the order they became true. What is not there and what the grant does not cover
        are refused alike. Raises as `messages` does.
        """
        seen = Seen("message", [message_id])
        async with self.database.session(Staff()) as session:
            opened = await self._unlock(session, actor, whose, None)
            if opened and (found := await opened.reader.message(opened.reach, message_id)):
                events = await opened.reader.timeline(opened.reach, message_id)
                await self._tell(session, actor, opened.grant, seen)
                return found, events
            await self._tell_refused(session, actor, whose, seen)
        raise Forbidden(_REFUSED, code="no_grant")

    async def _unlock(
        self, session: AsyncSession, actor: Actor, whose: Whose, domain_id: UUID | None
    ) -> _Opened | None:
        """None where no live grant covers it. Raises Unauthorized for who is not staff now, NotFound."""
        if actor.id is None or not await staff.is_staff(session, actor.id):
            raise Unauthorized("Sign in as staff first.")
        await staff.require_account(session, whose.account_id)
        now = self.clock.now()
        grant = await support_grants.find_live(session, now, whose.account_id, whose.grant_id, domain_id)
        if grant is None:
            return None
        among = None if grant.domain_ids is None else frozenset(grant.domain_ids)
        return _Opened(grant, self.reader, Granted(grant.account_id, among))

    async def _tell(self, session: AsyncSession, actor: Actor, grant: SupportGrant, seen: Seen) -> None:
        """In the account's audit log with the messages, in the service's own by their number."""
        subject, count = support_grants.subject_of(grant), len(seen.message_ids)
        audit.record(session, self.clock, grant.account_id, actor, "support.viewed", subject, **_detail(seen))
        ours = Subject(grant.account_id)
        audit.record(session, self.clock, None, actor, "support.viewed", ours, what=seen.what, count=count)
        await service_counts.add(session, "staff views")
        await changes.note(session, grant.account_id, "support", grant.id, viewed=True)

    async def _tell_refused(self, session: AsyncSession, actor: Actor, whose: Whose, asked: Seen) -> None:
        account_id = whose.account_id
        for log, subject in ((account_id, Subject(None)), (None, Subject(account_id))):
            audit.record(session, self.clock, log, actor, "support.refused", subject, **_detail(asked))
        await changes.note(session, account_id, "support", None, refused=True)


def _detail(seen: Seen) -> dict[str, str | float | bool | list[str] | None]:
    return {
        "what": seen.what,
        "messages": [str(each) for each in seen.message_ids],
        "by": list(seen.by) or None,
    }
