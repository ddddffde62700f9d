"""`clearpost staff`: the only way to become staff, each change in the service's audit log."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clearpost import staff_commands
from clearpost.ports import free_port
from mailcore.database import Database
from mailcore.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), key_dir=tmp_path / "keys")


def fetch(settings: Settings, query: str) -> list[Any]:
    async def run() -> list[Any]:
        database = await Database.open(settings.database_url.get_secret_value(), size=1)
        try:
            return list(await database.fetch(query))
        finally:
            await database.close()

    return asyncio.run(run())


def listed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert staff_commands.show_list(settings, as_json=True) == 0
    return [member["email"] for member in json.loads(capsys.readouterr().out)]


def test_staff_are_added_listed_and_removed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert staff_commands.add(settings, "Sam@Example.org", as_json=False) == 0
    said = capsys.readouterr().out
    assert "sam@example.org: sign in at" in said
    assert "within 24 hours" in said
    assert listed(settings, capsys) == ["sam@example.org"]
    assert staff_commands.remove(settings, "sam@example.org", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["staff"] is False
    assert listed(settings, capsys) == []
    rows = fetch(settings, "select account_id, actor, action, subject from audit_event order by id")
    assert [tuple(row) for row in rows] == [
        (None, "operator", "staff.added", "sam@example.org"),
        (None, "operator", "staff.removed", "sam@example.org"),
    ]


def test_reset_passkeys_are_gone(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert staff_commands.add(settings, "sam@example.org", as_json=True) == 0
    key = "select gen_random_uuid(), id, 'x'::bytea, 'x'::bytea, 'Key' from person"
    fetch(settings, f"insert into passkey (id, person_id, credential_id, public_key, name) {key}")
    assert staff_commands.reset_passkeys(settings, "sam@example.org", as_json=True) == 0
    assert fetch(settings, "select count(*) from passkey")[0][0] == 0


@pytest.mark.parametrize(
    ("email", "why"), [("nobody", "name@example.org"), ("sam@example.org", "is staff already")]
)
def test_who_cannot_be_added_is_one_line(
    settings: Settings, capsys: pytest.CaptureFixture[str], email: str, why: str
) -> None:
    staff_commands.add(settings, "sam@example.org", as_json=True)
    assert staff_commands.add(settings, email, as_json=False) == 1
    assert why in capsys.readouterr().err


def test_who_is_no_staff_is_neither_removed_nor_reset(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (staff_commands.remove, staff_commands.reset_passkeys):
        assert command(settings, "sam@example.org", as_json=False) == 1
        assert "sam@example.org is not staff" in capsys.readouterr().err


def test_a_database_that_is_away_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    away = Settings(database_url=url, key_dir=tmp_path / "keys")
    assert staff_commands.show_list(away, as_json=False) == 1
    assert "the database does not answer" in capsys.readouterr().err


async def test_init_adds_the_first_one_and_says_so_where_it_cannot(settings: Settings) -> None:
    assert "sam@example.org: sign in at" in await staff_commands.first(settings, "sam@example.org")
    away = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    assert await staff_commands.first(settings.model_copy(update={"database_url": away}), "a@b.test") == ""
