"""The warrant canary: whether it is signed, and how long it still holds. Must never renew anything."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from clearpost.checks.finding import Finding, ok, warn
from customers import canaries, canary_signers
from customers.canaries import Standing
from customers.canary_document import Document
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.settings import Settings

_AREA: Final = "canary"
_SECONDS: Final = 10.0
_SOON: Final = timedelta(days=7)
_NEXT: Final = "clearpost canary draft, and two of the signers"


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """Nothing about a database that is away: another check says so."""
    signers = canary_signers.of(settings.canary_signers)
    if isinstance(signers, str):
        mend = "correct the file that CLEARPOST_CANARY_SIGNERS names; until then nothing is verified"
        return [warn(_AREA, signers, mend)]
    try:
        async with asyncio.timeout(_SECONDS):
            standing = await _standing(settings)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []
    return [_judge(standing, clock.now(), signers is not None)]


async def _standing(settings: Settings) -> Standing:
    url = settings.database_url.get_secret_value()
    database = await Database.open(url, size=1, name="clearpost doctor")
    try:
        return await canaries.standing(database, settings)
    finally:
        await database.close()


def _judge(standing: Standing, now: datetime, has_signers: bool) -> Finding:
    document = standing.newest.document if standing.newest else None
    match standing.state(now):
        case "none" if has_signers:
            return warn(_AREA, "has signers, and none was published yet", _NEXT)
        case "none":
            return ok(_AREA, "none is published here")
        case "unverified":
            mend = "look at CLEARPOST_CANARY_SIGNERS, and at who changed the table"
            return warn(_AREA, "the newest is not signed by two of the signers", mend)
        case "expired":
            return warn(_AREA, "has expired, and everybody sees it", _NEXT)
        case state:
            assert document is not None
            return _left(document, now, state)


def _left(document: Document, now: datetime, state: str) -> Finding:
    left = document.expires - now
    what = f"number {document.number} is {state} and holds for {left.days} days"
    return warn(_AREA, what, _NEXT) if left < _SOON else ok(_AREA, what)
