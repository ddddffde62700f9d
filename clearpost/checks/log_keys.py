"""Keys of the log: there for every row that is still shown, and gone for every hour that is past.

Must never make a key, nor show one.
"""

import asyncio
from datetime import timedelta
from typing import Final

import asyncpg

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore import log_figures
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.log_key_files import LogKeyFiles
from mailcore.log_keys import HOUR
from mailcore.settings import Settings

_SECONDS: Final = 10.0
# An upkeep that lives destroys a key within seconds.
_LATE: Final = timedelta(minutes=10)
_MEND: Final = (
    "mount or bring back the key folder; what is lost for good stays unreadable, and mail goes on: a damaged "
    "key file of an account must be removed, then a new one is made"
)


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """None where the database can't be asked: the checks of the database say so."""
    files, now = LogKeyFiles(settings.key_dir), clock.now()
    try:
        async with asyncio.timeout(_SECONDS):
            url = settings.database_url.get_secret_value()
            database = await Database.open(url, size=1, name="clearpost doctor")
            try:
                async with database.transaction() as tx:
                    sealed = await log_figures.sealed_since(tx, now - settings.log_retention)
            finally:
                await database.close()
        lacking = await asyncio.to_thread(_lacking, files, sealed)
        hours = await asyncio.to_thread(files.hours)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []
    late = [hour for hour in hours if hour + HOUR + settings.log_retention + _LATE <= now]
    return _findings(settings, lacking, len(hours), len(late))


def _lacking(files: LogKeyFiles, sealed: log_figures.Sealed) -> tuple[int, int]:
    """How many accounts and hours have rows and no key."""
    accounts = sum(files.account(account) is None for account in sealed.accounts)
    return accounts, sum(files.hour(hour) is None for hour in sealed.hours)


def _findings(settings: Settings, lacking: tuple[int, int], hours: int, late: int) -> list[Finding]:
    found = []
    if any(lacking):
        accounts, lost = lacking
        what = f"{accounts} accounts and {lost} hours of the log have no key in {settings.key_dir}: not shown"
        found.append(fail("log", what, _MEND))
    if late:
        what = f"{late} hours of the log are past and their keys still there"
        found.append(warn("log", what, "upkeep destroys them: is it running, may it write there?"))
    return found or [ok("log", f"keys of {hours} hours; each goes when its hour is past")]
