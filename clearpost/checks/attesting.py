"""Statements: whether the hourly one is made, and whether verifiers will believe the next. Must make none."""

import asyncio
from datetime import datetime
from typing import Final

import asyncpg

from clearpost.checks.finding import Finding, ok, warn
from clearpost.statement_rules import OLDEST
from customers import statements
from customers.statements import Statement
from mailcore.attestation import KEY_NAME, Signer
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring, UnsafeKeyFolder
from mailcore.settings import Settings

_AREA: Final = "statements"
_SECONDS: Final = 10.0
_MEND: Final = 'copy the former key back; else docs/operations.md, "Statements and open figures"'


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """Nothing about a database or a key folder that cannot be read: other checks say so."""
    try:
        async with asyncio.timeout(_SECONDS):
            newest = await _newest(settings)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []
    if newest is None:
        return [ok(_AREA, "none was made yet: upkeep makes the first within a minute")]
    return [_age(newest, clock.now()), *await asyncio.to_thread(_next, newest, settings)]


async def _newest(settings: Settings) -> Statement | None:
    url = settings.database_url.get_secret_value()
    database = await Database.open(url, size=1, name="clearpost doctor")
    try:
        return await statements.newest(database)
    finally:
        await database.close()


def _age(newest: Statement, now: datetime) -> Finding:
    what = f"number {newest.number} is of {newest.at:%Y-%m-%d %H:%M} UTC"
    if now - newest.at < OLDEST:
        return ok(_AREA, what)
    return warn(_AREA, f"{what}: too old, and verifiers say so", "does upkeep run? see its log: duty_failed")


def _next(newest: Statement, settings: Settings) -> list[Finding]:
    """One of our keys must have been named by the statement before. Where there is no key none is made."""
    if not (settings.key_dir / f"{KEY_NAME}.key").exists():
        return [warn(_AREA, f"the key {KEY_NAME}.key is gone: verifiers will fail", _MEND)]
    try:
        ours = Signer(Keyring(settings.key_dir)).public_keys.values()
    except (OSError, ValueError, UnsafeKeyFolder):
        return []
    if set(ours) & set(newest.keys):
        return []
    return [warn(_AREA, "no key of ours was announced by the newest: verifiers will fail", _MEND)]
