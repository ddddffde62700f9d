"""`clearpost authority add|settle|list`: what authorities asked for, as /transparency counts it.

Must never ask whom it was about.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from clearpost.progress import say, table
from clearpost.with_database import run
from customers import authority_requests
from customers.authority_requests import Kind, Outcome
from mailcore.clock import Clock
from mailcore.errors import NotFound
from mailcore.models import AuthorityRequest
from mailcore.settings import Settings


def add(settings: Settings, received_on: date, kind: Kind, outcome: Outcome, *, as_json: bool) -> int:
    """0 noted, 1 not and why."""

    async def work(session: AsyncSession) -> AuthorityRequest:
        return await authority_requests.add(session, Clock(), received_on, kind, outcome)

    return _change(settings, work, as_json)


def settle(settings: Settings, identifier: str, outcome: Outcome, *, as_json: bool) -> int:
    """0 noted, 1 not and why."""

    async def work(session: AsyncSession) -> AuthorityRequest:
        return await authority_requests.settle(session, _id(identifier), outcome)

    return _change(settings, work, as_json)


def show_list(settings: Settings, *, as_json: bool) -> int:
    def show(found: Sequence[AuthorityRequest]) -> None:
        if as_json:
            say(json.dumps([_plain(each) for each in found], indent=2))
        elif found:
            rows = [(str(each.id), f"{each.received_on}", each.kind, each.outcome) for each in found]
            say(table(("id", "received", "kind", "outcome"), rows))
        else:
            say("  None. Note one: clearpost authority add KIND OUTCOME")

    return run(settings, authority_requests.list_of, show)


def _change(
    settings: Settings, work: Callable[[AsyncSession], Awaitable[AuthorityRequest]], as_json: bool
) -> int:
    def show(request: AuthorityRequest) -> None:
        plain = _plain(request)
        said = f"  {request.id}: {request.kind}, {request.outcome}; /transparency counts it within a minute"
        say(json.dumps(plain) if as_json else said)

    return run(settings, work, show)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such request: see `clearpost authority list`") from None


def _plain(request: AuthorityRequest) -> dict[str, str]:
    return {
        "id": str(request.id),
        "received_on": request.received_on.isoformat(),
        "kind": request.kind,
        "outcome": request.outcome,
    }
