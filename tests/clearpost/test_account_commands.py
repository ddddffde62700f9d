"""`clearpost account create`: the first customer of a server without the local stack."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from clearpost import account_commands
from clearpost.account_commands import Wish
from mailcore import api_keys
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.plans import Plan
from mailcore.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), key_dir=tmp_path / "keys")


def test_a_created_account_comes_with_a_key_that_works(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account_commands.create(settings, Wish("ada@example.org", plan=Plan.PREMIUM), as_json=True) == 0
    created = json.loads(capsys.readouterr().out)
    assert created["plan"] == "premium"
    assert created["txt_value"].startswith("clearpost-verification=")
    assert api_keys.is_well_formed(created["api_key"])


async def test_the_key_belongs_to_the_account(settings: Settings) -> None:
    created = await account_commands._create(settings, Wish("ada@example.org", "Ada"))
    database = await Database.open(settings.database_url.get_secret_value(), size=1)
    try:
        keyring = Keyring(settings.key_dir)
        caller = await api_keys.authenticate(database, keyring, Clock().now(), created.api_key)
        assert caller is not None
        assert str(caller.account_id) == created.account_id
    finally:
        await database.close()


def test_an_owner_without_an_address_is_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account_commands.create(settings, Wish("nobody"), as_json=False) == 1
    assert "write it as name@example.org" in capsys.readouterr().err


def test_the_same_address_gets_a_second_account_only_on_demand(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = Wish("ada@example.org")
    assert account_commands.create(settings, wish, as_json=True) == 0
    first = json.loads(capsys.readouterr().out)["account_id"]
    assert account_commands.create(settings, wish, as_json=True) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"owns account {first} already" in said.err
    assert "--another" in said.err
    assert account_commands.create(settings, replace(wish, another=True), as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["account_id"] != first
