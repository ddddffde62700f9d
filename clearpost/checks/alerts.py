"""What the service itself has found wrong, and not seen mended yet. Must never end an alert."""

import asyncio
from typing import Final

import asyncpg

from clearpost.checks.finding import Finding, ok, warn
from mailcore import service_alerts
from mailcore.database import Database
from mailcore.service_alerts import Alert, Kind
from mailcore.settings import Settings

_SECONDS: Final = 10.0
_MENDS: Final[dict[Kind, str]] = {
    "blocklisted": "find out what brought it there (the list's page says), then ask to be removed",
    "deferring": "look at what it answers: clearpost queue list --provider",
    "certificate": "renew it: a new one is taken without a restart",
}


async def check(settings: Settings) -> list[Finding]:
    """None where the database can't be asked: the checks of the database say so."""
    try:
        async with asyncio.timeout(_SECONDS):
            url = settings.database_url.get_secret_value()
            database = await Database.open(url, size=1, name="clearpost doctor")
            try:
                standing = await service_alerts.standing(database)
            finally:
                await database.close()
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []
    return [_of(alert) for alert in standing] or [ok("alerts", "none is open")]


def _of(alert: Alert) -> Finding:
    what = f"{alert.kind} since {alert.since:%Y-%m-%d %H:%M} UTC: {alert.subject} ({alert.detail})"
    return warn("alerts", what, _MENDS[alert.kind])
