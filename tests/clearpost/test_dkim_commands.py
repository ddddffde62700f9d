"""`clearpost dkim ...`: keys made, shown, chosen once DNS shows them, deleted; no private one is printed."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearpost import dkim_commands
from clearpost.checks import signing
from clearpost.standins.dns import DnsStandin, Fault
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.clock import Clock
from mailcore.settings import Settings

DOMAIN = "clearpost.test"


class House:
    """A key folder, a world that may know of it, and the commands, each in a thread: they have loops."""

    def __init__(self, folder: Path, dns: DnsStandin, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings = Settings(_env_file=None, key_dir=folder / "keys", dns_servers=(dns.address,))
        self.keys = KeyFolder(self.settings.key_dir)
        self.dns = dns
        self._capsys = capsys

    async def run(self, code: int, command: Any, *arguments: str, **options: bool) -> str:
        assert await asyncio.to_thread(command, self.settings, *arguments, **options) == code
        out = self._capsys.readouterr()
        assert "PRIVATE" not in out.out + out.err
        return out.out + out.err

    async def as_json(self, command: Any, *arguments: str) -> Any:
        return json.loads(await self.run(0, command, *arguments, as_json=True))

    async def new(self, domain: str = "") -> str:
        (record,) = await self.as_json(dkim_commands.new, domain)
        return str(record["name"].partition(".")[0])

    def publish(self, selector: str, domain: str = DOMAIN) -> None:
        (key,) = [key for key in self.keys.keys(domain) if key.selector == selector]
        self.dns.zone.put_txt(key.record_name, key.record)

    async def findings(self) -> list[tuple[str, str]]:
        return [(found.state, found.what) for found in await signing.check(self.settings, Clock())]


@pytest.fixture
async def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[House]:
    async with DnsStandin() as dns:
        yield House(tmp_path, dns, capsys)


async def test_a_rotation_from_the_first_key_to_the_next(house: House) -> None:
    first = await house.new()
    house.publish(first)
    second = await house.new()
    listed = await house.as_json(dkim_commands.show_list, "")
    assert [(key["selector"], key["signs"], key["dns"]) for key in listed] == [
        (first, True, "published"),
        (second, False, "has no record"),
    ]
    refused = await house.run(1, dkim_commands.use, "", second, force=False)
    assert f"{second}._domainkey.{DOMAIN} has no record: publish it first" in refused
    house.publish(second)
    said = await house.run(0, dkim_commands.use, "", second, force=False)
    assert f"retire --domain {DOMAIN} {first}" in said
    assert house.keys.signing(DOMAIN) == second
    assert "is deleted" in await house.run(0, dkim_commands.retire, "", first)
    assert [key.selector for key in house.keys.keys(DOMAIN)] == [second]


async def test_a_record_is_printed_as_a_zone_file_has_it(house: House) -> None:
    selector = await house.new("Letters.Example.org")
    shown = await house.run(0, dkim_commands.record, "letters.example.org", "", as_json=False)
    first, *strings = shown.splitlines()
    assert first == f"{selector}._domainkey.letters.example.org. IN TXT ("
    texts = [line.strip().removesuffix(" )").strip('"') for line in strings]
    assert "".join(texts) == house.keys.keys("letters.example.org")[0].record
    assert max(map(len, texts)) <= 255
    (document,) = await house.as_json(dkim_commands.record, "letters.example.org", selector)
    assert document["strings"] == texts


async def test_force_chooses_a_key_that_dns_does_not_show(house: House) -> None:
    await house.new()
    second = await house.new()
    await house.run(0, dkim_commands.use, "", second, force=True)
    assert house.keys.signing(DOMAIN) == second


async def test_the_key_that_signs_is_not_retired(house: House) -> None:
    selector = await house.new()
    assert "choose another one first" in await house.run(1, dkim_commands.retire, "", selector)


@pytest.mark.parametrize("selector", ["nothing", "../signing", "A"])
async def test_a_key_that_is_not_there_is_one_line(house: House, selector: str) -> None:
    await house.new()
    said = await house.run(1, dkim_commands.use, "", selector, force=True)
    assert said.count("\n") == 1


@pytest.mark.parametrize("kind", ["garbage", "ed25519"])
async def test_a_damaged_key_is_listed_and_retired_and_stops_no_other(house: House, kind: str) -> None:
    selector = await house.new()
    house.publish(selector)
    foreign = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    house.keys.file(DOMAIN, "broken").write_bytes(b"garbage" if kind == "garbage" else foreign)
    listed = await house.as_json(dkim_commands.show_list, "")
    assert {row["selector"]: (row["signs"], row["dns"]) for row in listed} == {
        selector: (True, "published"),
        "broken": (False, "damaged"),
    }
    assert "damaged" in await house.run(0, dkim_commands.show_list, "", as_json=False)
    for asked in ("", selector):
        (document,) = await house.as_json(dkim_commands.record, "", asked)
        assert document["name"] == f"{selector}._domainkey.{DOMAIN}"
    await house.run(1, dkim_commands.use, "", "broken", force=True)
    assert f"broken._domainkey.{DOMAIN}" in await house.run(0, dkim_commands.retire, "", "broken")
    assert not house.keys.file(DOMAIN, "broken").exists()


async def test_a_domain_that_is_none_is_one_line(house: House) -> None:
    assert "is not a domain name" in await house.run(1, dkim_commands.new, "../x", as_json=False)


async def test_the_list_says_where_there_is_nothing(house: House) -> None:
    assert "No keys yet" in await house.run(0, dkim_commands.show_list, "", as_json=False)
    await house.new()
    assert "has no record" in await house.run(0, dkim_commands.show_list, DOMAIN, as_json=False)


async def test_doctor_asks_whether_the_world_can_check_what_we_sign(house: House) -> None:
    assert await house.findings() == [("warn", f"{DOMAIN} has no key that signs yet")]
    selector = await house.new()
    name = f"{selector}._domainkey.{DOMAIN}"
    other = await house.new()
    nothing = "what we sign proves nothing"
    assert await house.findings() == [("warn", f"{name} has no record: {nothing}")]
    house.settings = house.settings.model_copy(update={"environment": "production"})
    assert (await house.findings())[0][0] == "fail"
    house.dns.zone.put_txt(name, house.keys.keys(DOMAIN)[1].record)
    assert await house.findings() == [("fail", f"{name} has the record of another key: {nothing}")]
    house.dns.zone.put_txt(name, "v=DKIM1; p=")
    assert "of no use (key revoked)" in (await house.findings())[0][1]
    house.dns.zone.put_txt(name, "v=DKIM1; p=", house.keys.keys(DOMAIN)[0].record)
    assert "has several records" in (await house.findings())[0][1]
    house.dns.zone.fail(name, Fault.SERVFAIL)
    assert "is not answered for" in (await house.findings())[0][1]
    house.dns.zone.heal(name)
    house.publish(selector)
    assert await house.findings() == [("ok", f"{name} shows the key that signs for {DOMAIN}")]
    house.keys.file(DOMAIN, selector).write_text("broken")
    assert (await house.findings())[0][0] == "fail"
    assert other in [path.stem for path in (house.settings.key_dir / "dkim" / DOMAIN).iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_what_root_makes_belongs_to_whom_the_folder_belongs_to(house: House) -> None:
    folder = Path(tempfile.mkdtemp())  # not below a folder that only root may enter
    try:
        os.chown(folder, 65534, 65534)
        house.settings, house.keys = house.settings.model_copy(update={"key_dir": folder}), KeyFolder(folder)
        house.publish(await house.new())
        second = await house.new()
        await house.run(0, dkim_commands.use, "", second, force=True)
        made = [folder / "dkim", *(folder / "dkim").rglob("*")]
        assert len(made) == 5
        assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(65534, 65534)}
        assert os.geteuid() == 0
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_link_in_the_folder_leads_root_nowhere(house: House, tmp_path: Path) -> None:
    folder, of_root = Path(tempfile.mkdtemp()), tmp_path / "of-root"
    of_root.mkdir(mode=0o700)
    (of_root / "secret").write_text("")
    try:
        (folder / "dkim").symlink_to(of_root)
        os.chown(folder, 65534, 65534)
        house.settings = house.settings.model_copy(update={"key_dir": folder})
        await house.run(1, dkim_commands.new, "", as_json=False)
        assert [(path.name, path.stat().st_uid) for path in of_root.iterdir()] == [("secret", 0)]
    finally:
        shutil.rmtree(folder)
