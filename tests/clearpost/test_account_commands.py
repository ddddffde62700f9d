"""`clearpost account create`: the first customer of a server without the local stack."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from clearpost import account_commands
from clearpost.account_commands import Wish
from customers import api_keys
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


def test_what_is_logged_is_told_by_the_print_out(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account_commands.create(settings, Wish("ada@example.org"), as_json=False) == 0
    assert "For 7 days from its receipt" in capsys.readouterr().out


def test_accounts_are_listed_with_their_owners_the_newest_first(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for email in ("ada@example.org", "bob@example.net"):
        account_commands.create(settings, Wish(email), as_json=True)
    capsys.readouterr()
    assert account_commands.show_list(settings, 100, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["owners"]) for each in found] == [
        ("example.net", ["bob@example.net"]),
        ("example.org", ["ada@example.org"]),
    ]


async def test_the_operator_makes_an_owner_and_both_logs_say_so(settings: Settings) -> None:
    created = await account_commands._create(settings, Wish("ada@example.org"))
    done = await asyncio.to_thread(
        account_commands.make_owner, settings, created.account_id, "Eve@example.org", as_json=True
    )
    assert done == 0
    database = await Database.open(settings.database_url.get_secret_value(), size=1)
    try:
        owners = await database.fetch(
            "select p.email from membership m join person p on p.id = m.person_id where m.role = 'owner' "
            "order by p.email"
        )
        said = await database.fetch(
            "select account_id::text, actor from audit_event where action = 'owner.made' order by id"
        )
    finally:
        await database.close()
    assert [row["email"] for row in owners] == ["ada@example.org", "eve@example.org"]
    assert {tuple(row) for row in said} == {(created.account_id, "operator"), (None, "operator")}


@pytest.mark.parametrize(
    ("identifier", "email", "why"),
    [
        ("nonsense", "eve@example.org", "an account's id looks like"),
        ("0191d4a8-0000-7000-8000-000000000000", "eve@example.org", "does not exist"),
        ("0191d4a8-0000-7000-8000-000000000000", "nobody", "name@example.org"),
    ],
)
def test_an_owner_who_cannot_be_made_is_one_line(
    settings: Settings, capsys: pytest.CaptureFixture[str], identifier: str, email: str, why: str
) -> None:
    assert account_commands.make_owner(settings, identifier, email, as_json=False) == 1
    assert why in capsys.readouterr().err


def test_an_invitation_to_the_server_is_posted(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account_commands.invite(settings, "new@example.org", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["email"] == "new@example.org"
    assert account_commands.invite(settings, "nobody", as_json=False) == 1
    assert "not an e-mail address" in capsys.readouterr().err


async def test_the_operator_sets_a_plan_and_the_audit_log_says_so(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    created = await account_commands._create(settings, Wish("ada@example.org"))
    for changed in (True, False):
        assert await asyncio.to_thread(
            account_commands.set_plan, settings, created.account_id, Plan.BUSINESS, as_json=True
        ) == 0  # fmt: skip
        assert json.loads(capsys.readouterr().out)["changed"] is changed
    database = await Database.open(settings.database_url.get_secret_value(), size=1)
    try:
        assert await database.value("select plan from account") == "business"
        said = await database.fetch("select actor from audit_event where action = 'plan.changed'")
    finally:
        await database.close()
    assert [row["actor"] for row in said] == ["operator"]


def test_the_plan_of_no_account_is_one_line(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = "0191d4a8-0000-7000-8000-000000000000"
    assert account_commands.set_plan(settings, nobody, Plan.PREMIUM, as_json=False) == 1
    assert "does not exist" in capsys.readouterr().err


async def test_the_operator_suspends_an_account_and_takes_it_back(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    created = await account_commands._create(settings, Wish("ada@example.org"))

    def suspend() -> int:
        return account_commands.suspend(settings, created.account_id, "spam", "See our terms.", as_json=True)

    def resume() -> int:
        return account_commands.resume(settings, created.account_id, "", as_json=False)

    assert [await asyncio.to_thread(step) for step in (suspend, suspend, resume, resume)] == [0, 1, 0, 1]
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[0])["suspended"] is True
    assert "It is suspended already" in said.err
    database = await Database.open(settings.database_url.get_secret_value(), size=1)
    try:
        letters = await database.fetch("select kind, to_address from letter order by id")
        lines = await database.fetch("select account_id from audit_event where action = 'account.suspended'")
    finally:
        await database.close()
    assert [tuple(row) for row in letters] == [
        ("account-suspended", "ada@example.org"),
        ("account-resumed", "ada@example.org"),
    ]
    assert {str(row["account_id"]) for row in lines} == {created.account_id, "None"}
