"""The doctor hears when the database's own log would tell what statements carried."""

from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from clearpost.checks import database
from clearpost.checks.finding import Finding
from mailcore.clock import Clock
from tests.support.installation import settings_for, the
from tests.support.services import TestPostgres


async def told(url: str, folder: Path) -> list[Finding]:
    return await database.check(settings_for(folder, database_url=SecretStr(url)), Clock())


async def test_a_server_that_says_no_values_is_fine(database_url: str, tmp_path: Path) -> None:
    the(await told(database_url, tmp_path), "ok", "shows no rows")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_error_verbosity", "default"),
        ("log_min_error_statement", "error"),
        ("log_parameter_max_length_on_error", "-1"),
        ("debug_print_plan", "on"),
        ("auto_explain.log_min_duration", "100"),
        ("pgaudit.log", "write"),
    ],
)
async def test_each_setting_that_tells_values_is_named(
    migrated_postgres: TestPostgres, database_url: str, tmp_path: Path, name: str, value: str
) -> None:
    await set_for(migrated_postgres, database_url, **{name: value})
    finding = the(await told(database_url, tmp_path), "warn", "rows of failed statements")
    assert f"({name})" in finding.what
    assert f"{name}=" in finding.mend


async def test_statements_may_be_logged_where_parameters_are_cut(
    migrated_postgres: TestPostgres, database_url: str, tmp_path: Path
) -> None:
    await set_for(migrated_postgres, database_url, log_statement="all")
    the(await told(database_url, tmp_path), "ok", "shows no rows")
    await set_for(migrated_postgres, database_url, log_parameter_max_length="-1")
    assert "log_statement=none" in the(await told(database_url, tmp_path), "warn", "log_statement").mend


async def set_for(server: TestPostgres, url: str, **values: str) -> None:
    """For new sessions of this database, as its superuser."""
    connection = await asyncpg.connect(server.server.admin_url)
    name = url.rpartition("/")[2]
    try:
        for setting, value in values.items():
            await connection.execute(f"alter database {name} set {setting} = '{value}'")
    finally:
        await connection.close()
