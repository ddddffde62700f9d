"""`clearpost staff add|remove|list|reset-passkeys`: who of us may look at accounts; said here, nowhere else.

Every change is a line in the service's audit log. Must never sign anybody in, nor print a secret.
"""

import json
from collections.abc import Awaitable, Callable, Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from clearpost.progress import say, table
from clearpost.with_database import OPERATOR, UNREADY, in_transaction, run
from customers import staff
from customers.audit import Actor
from customers.staff import StaffMember
from mailcore.clock import Clock
from mailcore.models import Person
from mailcore.settings import Settings

Change = Callable[[AsyncSession, Clock, str, Actor], Awaitable[Person]]
_NEXT = "sign in at {url}/auth/sign-in within 24 hours and add a passkey: there is no other way in"


def add(settings: Settings, email: str, *, as_json: bool) -> int:
    """0 done, 1 not and why."""
    return _change(settings, staff.add, email, _NEXT.format(url=settings.web_url), as_json)


async def first(settings: Settings, email: str) -> str:
    """For `clearpost init`: what became of it, empty where there is no migrated database. Raises
    BusinessError.
    """

    async def work(session: AsyncSession) -> Person:
        return await staff.add(session, Clock(), email, OPERATOR)

    try:
        person = await in_transaction(settings, work)
    except UNREADY:
        return ""
    return f"{person.email}: {_NEXT.format(url=settings.web_url)}"


def remove(settings: Settings, email: str, *, as_json: bool) -> int:
    return _change(settings, staff.remove, email, "is no staff any more; their sessions have ended", as_json)


def reset_passkeys(settings: Settings, email: str, *, as_json: bool) -> int:
    return _change(settings, staff.reset_passkeys, email, _NEXT.format(url=settings.web_url), as_json)


def show_list(settings: Settings, *, as_json: bool) -> int:
    def show(members: Sequence[StaffMember]) -> None:
        if as_json:
            say(json.dumps([_plain(member) for member in members], indent=2))
        elif members:
            rows = [(m.email, m.since.isoformat(timespec="minutes"), str(m.passkeys)) for m in members]
            say(table(("staff", "since", "passkeys"), rows))
        else:
            say("  Nobody. Add somebody: clearpost staff add EMAIL")

    return run(settings, staff.list_of, show)


def _change(settings: Settings, change: Change, email: str, then: str, as_json: bool) -> int:
    async def work(session: AsyncSession) -> Person:
        return await change(session, Clock(), email, OPERATOR)

    def show(person: Person) -> None:
        found = {"id": str(person.id), "email": person.email, "staff": person.staff_since is not None}
        say(json.dumps(found) if as_json else f"  {person.email}: {then}")

    return run(settings, work, show)


def _plain(member: StaffMember) -> dict[str, object]:
    return {
        "id": str(member.id),
        "email": member.email,
        "since": member.since.isoformat(),
        "passkeys": member.passkeys,
    }
