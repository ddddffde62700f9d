"""PostgreSQL: reachable, new enough, migrated, and as durable as a 250 needs it. Must never write to it."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory

from clearpost.checks import quiet, roles
from clearpost.checks.finding import Finding, fail, ok, warn
from clearpost.migrations import ALEMBIC_INI
from mailcore import spool_owner
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.settings import Settings

_SECONDS: Final = 10.0
_OLDEST_VERSION: Final = 150_000
_SPARE_CONNECTIONS: Final = 20
_SKEW_WARN, _SKEW_FAIL = 2.0, 30.0


async def check(settings: Settings, clock: Clock) -> list[Finding]:
    """All findings; a server that can't be reached is one."""
    url = settings.database_url.get_secret_value()
    started = clock.monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            database = await Database.open(url, size=1, name="clearpost doctor")
            try:
                milliseconds = (clock.monotonic() - started) * 1000
                return await _examine(database, settings, clock, f"{place(url)} ({milliseconds:.0f} ms)")
            finally:
                await database.close()
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [fail("database", f"{place(url)}: {_reason(error)}", _advice(error))]


def place(url: str) -> str:
    """Host, port and database of a URL, without its user and password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "the URL of CLEARPOST_DATABASE_URL"


async def _examine(database: Database, settings: Settings, clock: Clock, where: str) -> list[Finding]:
    local = settings.environment == "local"
    checks = (
        ("database", _version(database, where)),
        ("database", _writable(database)),
        ("migrations", _migrations(database)),
        ("durability", _durable(database, local)),
        ("clock", _clock(database, clock)),
        ("database", _connections(database)),
        ("privacy", quiet.server_log(database)),
        ("isolation", roles.check(database)),
        ("spool", _own_spool(database, settings.spool_dir)),
    )
    return [await _guarded(area, check) for area, check in checks]


async def _guarded(area: str, check: Awaitable[Finding]) -> Finding:
    """A question this server can't answer must not hide the answers to the others."""
    try:
        return await check
    except asyncpg.PostgresError as error:
        mend = "run: clearpost migrate; then look at the rights of the database's user"
        return fail(area, f"can't be asked: {type(error).__name__}", mend)


async def _version(database: Database, where: str) -> Finding:
    number = int(await database.value("show server_version_num"))
    name = str(await database.value("show server_version")).split()[0]
    if number < _OLDEST_VERSION:
        return fail("database", f"PostgreSQL {name} at {where} is too old", "use PostgreSQL 15 or later")
    return ok("database", f"PostgreSQL {name} at {where}")


async def _writable(database: Database) -> Finding:
    read_only = await database.value(
        "select pg_is_in_recovery() or current_setting('transaction_read_only')::bool"
    )
    if read_only:
        return fail("database", "takes no writes: a standby, or read-only", "point the URL at the primary")
    return ok("database", "takes writes")


async def _migrations(database: Database) -> Finding:
    newest = await asyncio.to_thread(_newest_migration)
    applied = None
    if await database.value("select to_regclass('alembic_version')"):
        applied = await database.value("select version_num from alembic_version")
    if applied != newest:
        seen = f"at {applied}" if applied else "never migrated"
        return fail("migrations", f"{seen}, this code wants {newest}", "run: clearpost migrate")
    return ok("migrations", f"at {applied}, the newest")


def _newest_migration() -> str | None:
    return ScriptDirectory.from_config(Config(str(ALEMBIC_INI))).get_current_head()


async def _durable(database: Database, local: bool) -> Finding:
    """A pooler in between may swallow the settings of our sessions: so they are read back."""
    lacking = [
        name
        for name, wanted in (("synchronous_commit", "on"), ("fsync", "on"), ("full_page_writes", "on"))
        if await database.value(f"show {name}") != wanted
    ]
    if not lacking:
        return ok("durability", "synchronous_commit, fsync and full_page_writes are on")
    what = f"off in our sessions: {', '.join(lacking)}; a power cut can lose mail that was answered 250"
    mend = "turn them on in postgresql.conf; behind a pooler, let it pass or track synchronous_commit"
    return warn("durability", what, mend) if local else fail("durability", what, mend)


async def _clock(database: Database, clock: Clock) -> Finding:
    """Due times use the server's clock, log times ours. It answered in the middle of our question."""
    before = clock.now()
    theirs = await database.value("select clock_timestamp()")
    skew = abs((theirs - (before + (clock.now() - before) / 2)).total_seconds())
    if skew < _SKEW_WARN:
        return ok("clock", f"agrees with the database within {max(skew, 0.001):.3f} s")
    what = f"differs from the database's by {skew:.0f} s"
    mend = "synchronise both machines by NTP (chrony or systemd-timesyncd)"
    return warn("clock", what, mend) if skew < _SKEW_FAIL else fail("clock", what, mend)


async def _connections(database: Database) -> Finding:
    most, used = await database.row(
        "select current_setting('max_connections')::int "
        "- current_setting('superuser_reserved_connections')::int, "
        "(select count(*)::int from pg_stat_activity where backend_type = 'client backend')"
    )
    what = f"{used} of {most} connections are in use"
    if most - used < _SPARE_CONNECTIONS:
        return warn("database", what, "raise max_connections: each of our processes may use up to 16")
    return ok("database", what)


async def _own_spool(database: Database, spool_dir: Path) -> Finding:
    """A spool trusts only its own database, and only one that has not been set back."""
    try:
        is_own = await spool_owner.is_own(database, spool_dir)
    except PermissionError:
        return fail("spool", f"{spool_dir} can't be read", "run doctor as the user that runs the service")
    if is_own is None:
        return ok("spool", "belongs to no database yet")
    if not is_own:
        what = "the database is not the spool's own, or was set back: nothing is reclaimed"
        return fail("spool", what, "point both at each other again, or see docs/operations.md, Restore")
    return ok("spool", "belongs to this database")


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case OSError():
            return error.strerror or "cannot be reached"
        case _:
            return type(error).__name__


def _advice(error: Exception) -> str:
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return "correct user and password in CLEARPOST_DATABASE_URL, or pg_hba.conf"
        case asyncpg.InvalidCatalogNameError():
            return "create the database (createdb), then run: clearpost migrate"
        case asyncpg.TooManyConnectionsError():
            return "raise max_connections, or stop who holds them"
        case OSError():
            return "start the server, or correct host and port in CLEARPOST_DATABASE_URL"
        case _:
            return "correct CLEARPOST_DATABASE_URL: postgresql://user:password@host:port/name"
