"""A backup is rehearsed: the database is dropped, a new one restored, and mail flows again."""

import asyncio
import json
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import SQLModel

from clearpost import backup, spool_commands
from clearpost.backup import INCLUDED, LEFT_OUT, NUMBERS_SKIPPED, Unfit
from mailcore import models
from mailcore.clock import Clock
from mailcore.database import Database
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.services import TestPostgres
from tests.support.stack import Stack, service
from tests.support.world import World, prepared_world

# One row of each table that only people and apps fill.
PEOPLE_AND_APPS = (
    "insert into identity (id, person_id, issuer, subject) select $1, id, 'https://id.test', '7' from person",
    "insert into passkey (id, person_id, credential_id, public_key, transports, name) "
    "select $1, id, '\\x00ff', '\\x0a22', array['usb', 'a \"b\", c'], 'key' from person",
    "insert into oauth_app (id, account_id, client_id, name, redirect_uris) "
    "select $1, id, 'app', 'App', '{https://app.test/}' from account",
    "insert into oauth_grant (id, app_id, account_id, person_id, scopes, expires_at) "
    "select $1, a.id, m.account_id, m.person_id, '{aliases:read}', now() from oauth_app a, membership m",
    "insert into audit_event (id, account_id, actor_kind, actor, action, subject, detail) "
    "select $1, id, 'service', 'clearpost', 'account.created', name, '{\"plan\": \"free\"}' from account",
    "insert into subscription (account_id, customer_id) select id, ($1::uuid)::text from account",
    "insert into suppression (address_hash) values (($1::uuid)::text)",
    "insert into statement (number, at, signed, key, signature) values (1, now(), $1::uuid::text, '', '')",
    'insert into canary (number, document, signatures) values (1, $1::uuid::text, \'{"a": "b"}\')',
    "insert into authority_request (id, received_on, kind, outcome) values ($1, now(), 'data', 'refused')",
    "insert into service_count (name, count) values ($1::uuid::text, 7)",
    "insert into service_day (day, received) select now(), 7 where $1::uuid is not null",
)
AWKWARD = 'a "quote", a comma\nand a line, \\N and \u00e9'


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Every table that a backup holds has a row, with the values that CSV gets wrong."""
    async with prepared_world(database_url) as prepared:
        account = await prepared.account("premium")
        alias = await prepared.alias(await prepared.domain(account, "shop.test"), "hello", "you@inbox.test")
        await prepared.used_today(account, 3)
        await prepared.execute("update alias set note = $1", AWKWARD)
        await prepared.execute("update domain set found = $1", json.dumps({"mx": ["", None, AWKWARD]}))
        await prepared.execute(
            "insert into api_key (id, account_id, name, prefix, secret_hash) "
            "values ($1, $2, '', 'cp', 'hash')",
            *(prepared.clock.new_id(), account.id),
        )
        for statement in PEOPLE_AND_APPS:
            await prepared.execute(statement, prepared.clock.new_id())
        assert alias.number
        yield prepared


@pytest.fixture
async def empty(migrated_postgres: TestPostgres) -> AsyncIterator[Database]:
    url = await migrated_postgres.create_database()
    database = await Database.open(url, size=1)
    yield database
    await database.close()
    await migrated_postgres.drop_database(url)


async def contents(database: Database) -> dict[str, set[str]]:
    return {
        table: {row["text"] for row in await database.fetch(f"select {table}::text as text from {table}")}
        for table in INCLUDED
    }


async def made(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "backup.zip"
    await backup.write(world.database, path, Clock().now())
    return path


def test_every_table_is_saved_or_left_out_on_purpose() -> None:
    assert models.Account.metadata is SQLModel.metadata
    assert set(SQLModel.metadata.tables) == set(INCLUDED) | LEFT_OUT
    assert not set(INCLUDED) & LEFT_OUT


def test_tables_are_restored_after_those_they_refer_to() -> None:
    order = [table.name for table in SQLModel.metadata.sorted_tables if table.name in INCLUDED]
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            if table.name in INCLUDED:
                assert INCLUDED.index(key.column.table.name) < INCLUDED.index(table.name)
    assert len(order) == len(INCLUDED)


async def test_a_restored_database_holds_the_same_rows(world: World, empty: Database, tmp_path: Path) -> None:
    manifest = await backup.read(empty, await made(world, tmp_path))
    assert await contents(empty) == await contents(world.database)
    assert {part.table: part.rows for part in manifest.parts} == dict.fromkeys(INCLUDED, 1)


async def test_alias_numbers_stay_and_no_old_one_is_given_again(
    world: World, empty: Database, tmp_path: Path
) -> None:
    number = await world.value("select number from alias")
    await backup.read(empty, await made(world, tmp_path))
    async with empty.transaction() as tx:
        assert await tx.value("select number from alias") == number
        again = await tx.value(
            "insert into alias (id, account_id, domain_id, local_part, note) "
            "select gen_random_uuid(), account_id, domain_id, 'other', '' from alias returning number"
        )
    assert again == number + NUMBERS_SKIPPED + 1


async def test_the_file_is_private_and_holds_no_mail_no_logs_and_no_keys(
    world: World, tmp_path: Path
) -> None:
    path = await made(world, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"manifest.json", *(f"{table}.csv" for table in INCLUDED)}
    assert [entry.name for entry in os.scandir(tmp_path)] == [path.name]


async def test_a_backup_never_overwrites(world: World, tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    path.write_text("something dear")
    with pytest.raises(FileExistsError):
        await made(world, tmp_path)
    assert path.read_text() == "something dear"


async def test_a_database_that_holds_anything_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="not empty"):
        await backup.read(world.database, await made(world, tmp_path))


async def test_a_damaged_backup_changes_nothing(world: World, empty: Database, tmp_path: Path) -> None:
    path = await made(world, tmp_path)
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"you@inbox.test", b"me@evil.test"))
    with pytest.raises(Unfit, match="destination does not match its checksum"):
        await backup.read(empty, changed)
    assert not any((await contents(empty)).values())


async def test_a_backup_of_another_revision_is_refused(world: World, empty: Database, tmp_path: Path) -> None:
    path = await made(world, tmp_path)
    async with empty.transaction() as tx:
        await tx.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(Unfit, match="revision"):
        await backup.read(empty, path)


@pytest.mark.parametrize("content", ["{}", "[]", '{"format": 2, "revision": "", "made_at": "", "parts": []}'])
async def test_what_is_no_backup_is_refused(empty: Database, tmp_path: Path, content: str) -> None:
    path = tmp_path / "strange.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", content)
    with pytest.raises(Unfit):
        await backup.read(empty, path)


async def test_after_a_lost_database_mail_flows_again(
    database_url: str, redis_url: str, tmp_path: Path, migrated_postgres: TestPostgres,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The rehearsal: what waited in the spool is delivered too."""
    path, later = tmp_path / "backup.zip", {"RCPT": "451 4.7.1 later"}
    hour = {"standard_ladder": (timedelta(hours=1),)}
    async with (
        Destination(later) as inbox,
        service(database_url, redis_url, tmp_path, {"inbox.test": inbox}, **hour) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        assert await command(backup.backup, stack, path) == 0
        await stack.start("mx", "upkeep")
        waits = await stack.accepted("hello@shop.test", letter(text="before"))
        await stack.has_event(waits, "received", "soft-bounced")
        await stack.stop_all()
        await migrated_postgres.drop_database(database_url)
        inbox.script.clear()

        url = await migrated_postgres.create_database()
        stack.settings = stack.settings.model_copy(update={"database_url": SecretStr(url)})
        capsys.readouterr()
        assert await command(backup.restore, stack, path, as_json=True) == 0
        assert json.loads(capsys.readouterr().out)["format"] == backup.FORMAT
        assert await recover(stack) == 0
        await stack.start("mx", "worker", "upkeep")
        await stack.accepted("hello@shop.test", letter(text="after"))
        messages = await inbox.wait_for(2)
        for word in (b"before", b"after"):
            assert sum(word in message.content for message in messages) == 1
        await stack.stop_all()
        await migrated_postgres.drop_database(url)


async def recover(stack: Stack) -> int:
    return await asyncio.to_thread(spool_commands.recover, stack.settings, again=False, as_json=False)


async def command(what: object, stack: Stack, path: Path, as_json: bool = False) -> int:
    """In a thread, since a command has a loop of its own."""
    assert callable(what)
    code: int = await asyncio.to_thread(what, stack.settings, path, as_json=as_json)
    return code
