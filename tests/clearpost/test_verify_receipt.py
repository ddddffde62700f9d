"""A receipt holds for whoever has the server's public key, and for nobody else's."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clearpost import verify_receipt
from mailcore.attestation import Signer
from mailcore.keyring import Keyring
from tests.support.api import Tenant, World, listening, running_api
from tests.support.forgery import run as run_command


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running_api(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await world.tenant("one")


@pytest.fixture
async def receipt(world: World, tenant: Tenant, tmp_path: Path) -> Path:
    """As the portal saves it."""
    owner = await world.person(tenant, email="one@owners.test")
    answer = await owner.http.request("DELETE", "/v1/account", json={"name": "one", "without_export": True})
    file = tmp_path / "receipt.json"
    file.write_text(answer.text)
    return file


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def run(file: Path, url: str, key: str | None = None, *, as_json: bool = False) -> int:
    return await asyncio.to_thread(verify_receipt.main, file, url, key, as_json=as_json)


async def test_a_receipt_is_checked_against_the_server(
    world: World, receipt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with listening(world) as url:
        assert await run(receipt, url) == 0
        assert "deleted the account 'one'" in capsys.readouterr().out
        assert await run(receipt, url, as_json=True) == 0
        assert json.loads(capsys.readouterr().out)["name"] == "one"


async def test_with_a_key_that_was_kept_no_server_is_needed(world: World, receipt: Path) -> None:
    (key,) = Signer(world.runtime.keyring).public_keys.values()
    assert await run(receipt, "http://127.0.0.1:1", key) == 0


@pytest.mark.parametrize(
    "change", [('\\"name\\": \\"one\\"', '\\"name\\": \\"two\\"'), ('"signature":"', '"signature":"00')]
)
async def test_a_changed_receipt_does_not_hold(
    world: World, receipt: Path, change: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(receipt, *change)
    (key,) = Signer(world.runtime.keyring).public_keys.values()
    assert await run(receipt, "", key) == 1
    assert "FAILED" in capsys.readouterr().err


async def test_a_receipt_of_another_server_does_not_hold(receipt: Path, tmp_path: Path) -> None:
    (key,) = Signer(Keyring(tmp_path / "other")).public_keys.values()
    assert await run(receipt, "", key) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json"])
async def test_what_is_no_receipt_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    assert await run(file, "", "00" * 32) == 2


async def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(tmp_path / "missing", "", "00" * 32) == 2
    assert "missing: No such file or directory" in capsys.readouterr().err


async def test_as_a_command_it_wants_a_server_or_a_key(world: World, receipt: Path) -> None:
    (key,) = Signer(world.runtime.keyring).public_keys.values()
    command = ("-m", "clearpost", "verify-receipt", str(receipt))
    assert (await run_command(*command, "--key", key))[0] == 0
    assert (await run_command(*command))[0] == 2


async def test_a_server_that_is_away_is_said(receipt: Path) -> None:
    assert await run(receipt, "http://127.0.0.1:1") == 3
