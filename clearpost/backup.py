"""`clearpost backup` and `clearpost restore`: what customers configured, in one zip file, and back.

Accounts, keys' hashes, domains, aliases, destinations, usage. Must never hold mail, logs or keys of the
service, overwrite a file, or restore into a database that holds anything.
"""

import asyncio
import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import asyncpg

from clearpost.progress import complain, say
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database, Transaction
from mailcore.keyring import sync_folder
from mailcore.settings import Settings

FORMAT: Final = 1
# What customers configured and count on, in the order of their references.
INCLUDED: Final = (
    "account", "person", "membership", "identity", "passkey", "api_key", "oauth_app", "oauth_grant", "domain",
    "alias", "destination", "alias_destination", "suppression", "usage_day", "audit_event",
    "subscription", "statement", "canary", "authority_request", "service_count",
    "service_day",
)  # fmt: skip
# Mail and its traces, which live days at most; machines; sums that only fit the mail that was counted; and
# consent, as what was withdrawn since must not be given again.
LEFT_OUT: Final = frozenset(
    {
        "node", "process", "message", "delivery", "provider_pause", "srs_token", "undelivered", "log_message",
        "log_event", "refused_hour", "ledger", "invitation", "passkey_challenge", "sign_in_link",
        "browser_session", "oauth_code", "oauth_token", "request_log", "idempotent_answer", "change",
        "letter", "account_claim", "deleted_account", "stripe_event", "usage_letter",
        "service_figures", "mta_sts_policy", "service_alert", "support_grant",
    }
)  # fmt: skip
# Numbers handed out after the backup are in return addresses for 10 days: none must come to mean another.
NUMBERS_SKIPPED: Final = 100_000
DONE, FAILED, USAGE = 0, 1, 2
_COPY_SECONDS: Final = 3600.0
_CHUNK: Final = 1024 * 1024


class Unfit(Exception):
    """One line that says why this backup or this database will not do."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table in the file, as CSV with a header line."""

    table: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `revision` is the migration its tables belong to."""

    format: int
    revision: str
    made_at: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def backup(settings: Settings, path: Path, *, as_json: bool) -> int:
    """0 written, 1 not."""
    return _guarded(lambda database: _report(database, path, as_json), settings)


async def _report(database: Database, path: Path, as_json: bool) -> None:
    manifest = await write(database, path, Clock().now())
    if as_json:
        say(json.dumps(asdict(manifest) | {"file": str(path)}, indent=2))
        return
    say(f"  {path}: {manifest.rows} rows of {len(manifest.parts)} tables, revision {manifest.revision}")
    say("  It holds people's addresses: keep it as you keep the database. The key folder is not in it.")


def restore(settings: Settings, path: Path, *, as_json: bool) -> int:
    """0 restored, 1 not: then nothing was changed."""

    async def work(database: Database) -> None:
        manifest = await read(database, path)
        if as_json:
            say(json.dumps(asdict(manifest), indent=2))
        else:
            say(f"  {manifest.rows} rows of {len(manifest.parts)} tables, as of {manifest.made_at}")
            say("  On each machine with a spool, before its processes start: clearpost spool recover")

    return _guarded(work, settings)


def _guarded(work: Any, settings: Settings) -> int:
    async def run() -> None:
        url = settings.database_url.get_secret_value()
        database = await Database.open(url, size=1, name="clearpost backup")
        try:
            await work(database)
        finally:
            await database.close()

    try:
        asyncio.run(run())
    except Unfit as reason:
        complain(str(reason))
    except FileExistsError as error:
        complain(f"{error.filename} exists: a backup never overwrites")
    except zipfile.BadZipFile:
        complain("this is no backup of Clearpost, or it is cut short")
    except (asyncpg.PostgresError, Aborted) as error:
        complain(f"the database refused ({type(error).__name__}): nothing was changed")
    except CONNECTION_LOST as error:
        complain(f"not done: {getattr(error, 'strerror', None) or type(error).__name__}")
    else:
        return DONE
    return FAILED


# --- out ---


async def write(database: Database, path: Path, now: datetime) -> Manifest:
    """One snapshot of all tables. The file appears whole, or not at all. Raises FileExistsError, OSError."""
    if await asyncio.to_thread(path.exists):
        raise FileExistsError(0, "exists", str(path))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:  # mode 0600
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            manifest = await _write_tables(database, archive, now)
            archive.writestr("manifest.json", json.dumps(asdict(manifest), indent=2))
        draft.flush()
        os.fsync(draft.fileno())
        os.link(draft.name, path)
    sync_folder(path.parent)
    return manifest


async def _write_tables(database: Database, archive: zipfile.ZipFile, now: datetime) -> Manifest:
    parts = []
    async with database.transaction() as tx:
        await tx.execute("set transaction isolation level repeatable read, read only")
        revision = await _revision(tx)
        for table in INCLUDED:
            with archive.open(f"{table}.csv", "w", force_zip64=True) as file:
                parts.append(await _write_table(tx, table, file))
    return Manifest(FORMAT, revision, now.isoformat(timespec="seconds"), tuple(parts))


async def _write_table(tx: Transaction, table: str, file: IO[bytes]) -> Part:
    digest = hashlib.sha256()

    async def take(data: bytes) -> None:
        digest.update(data)
        file.write(data)

    status = await tx.connection.copy_from_table(
        table, output=take, format="csv", header=True, timeout=_COPY_SECONDS
    )
    return Part(table, int(status.rpartition(" ")[2]), digest.hexdigest())


async def _revision(tx: Transaction) -> str:
    if not await tx.value("select to_regclass('alembic_version')"):
        raise Unfit("this database was never migrated: clearpost migrate")
    return str(await tx.value("select version_num from alembic_version"))


# --- and back ---


async def read(database: Database, path: Path) -> Manifest:
    """All in one transaction, only into an empty database of the same revision. Raises Unfit, BadZipFile."""
    with zipfile.ZipFile(path) as archive:
        manifest = _manifest(archive)
        async with database.transaction() as tx:
            await _check(tx, manifest)
            for part in manifest.parts:
                await _read_table(tx, archive, part)
            await _set_numbers(tx)
    return manifest


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        values = json.loads(archive.read("manifest.json"))
        parts = tuple(Part(**part) for part in values.pop("parts"))
        manifest = Manifest(parts=parts, **values)
    except (KeyError, TypeError, ValueError):
        raise Unfit("this is no backup of Clearpost: its manifest is missing or damaged") from None
    if manifest.format != FORMAT:
        raise Unfit(f"the backup has format {manifest.format}, this version reads {FORMAT}")
    if unknown := {part.table for part in manifest.parts} - set(INCLUDED):
        raise Unfit(f"the backup holds tables that do not belong into one: {', '.join(sorted(unknown))}")
    return manifest


async def _check(tx: Transaction, manifest: Manifest) -> None:
    revision = await _revision(tx)
    if revision != manifest.revision:
        raise Unfit(
            f"the backup is of revision {manifest.revision}, this database of {revision}: restore with the "
            "version that made it, then migrate"
        )
    for table in (*INCLUDED, "message", "log_message"):
        if await tx.value(f"select exists (select from {table})"):
            raise Unfit(f"this database is not empty ({table}): restore into a new, migrated one")


async def _read_table(tx: Transaction, archive: zipfile.ZipFile, part: Part) -> None:
    """Through a temporary file, so that no byte is used before its checksum is known."""
    with tempfile.TemporaryFile() as content:
        digest = hashlib.sha256()
        with archive.open(f"{part.table}.csv") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                content.write(chunk)
        if digest.hexdigest() != part.sha256:
            raise Unfit(f"the backup is damaged: {part.table} does not match its checksum")
        content.seek(0)
        columns = content.readline().decode().strip().split(",")
        content.seek(0)
        # COPY refuses a table whose row-level security binds its owner too: off and on in one transaction.
        await tx.execute(f"alter table {part.table} no force row level security")
        status = await tx.connection.copy_to_table(
            part.table, source=content, columns=columns, format="csv", header=True, timeout=_COPY_SECONDS
        )
        await tx.execute(f"alter table {part.table} force row level security")
    if status != f"COPY {part.rows}":
        raise Unfit(f"the backup is damaged: {part.table} should have {part.rows} rows")


async def _set_numbers(tx: Transaction) -> None:
    """Identity columns go on behind what was restored, with room for what was handed out after the backup."""
    rows = await tx.fetch(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = current_schema() and is_identity = 'YES' and table_name = any($1::text[])",
        list(INCLUDED),
    )
    for row in rows:
        table, column = row["table_name"], row["column_name"]
        await tx.execute(
            f"select setval(pg_get_serial_sequence('{table}', '{column}'), "
            f"(select coalesce(max({column}), 0) + $1 from {table}))",
            NUMBERS_SKIPPED,
        )
