"""`clearpost init` on a bare machine: what it writes, what it asks the world, and what it never does."""

import asyncio
import json
import os
import re
import shlex
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clearpost.cli import app
from clearpost.init import KEYS
from clearpost.our_records import PLACEHOLDER, records
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin
from mailcore.settings import Settings
from tests.support.services import ROOT

ANSWERS = ("--hostname", "mx.example.org", "--service-domain", "example.org",
           "--postmaster", "me@elsewhere.example", "--ip", "192.0.2.10")  # fmt: skip


DAEMON = 1  # a user that every machine has, with a group of its name
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as server:
        yield server


class Machine:
    """A folder that stands for one machine, and a way to run `clearpost init` on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.env_file = folder / "etc" / "clearpost.env"
        self.spool, self.keys = folder / "spool", folder / "keys"
        self.port = free_port()
        self._capsys = capsys

    async def init(self, *options: str) -> tuple[int, str]:
        """Exit code and output. No terminal: nobody can be asked. In a thread, since it has its own loop."""
        places = ("--env-file", self.env_file, "--spool-dir", self.spool, "--key-dir", self.keys)
        arguments = ["init", *map(str, places), "--mx-port", str(self.port), *options]
        code = await asyncio.to_thread(_run, arguments)
        out = self._capsys.readouterr()
        return code, out.out + out.err

    async def as_json(self, *options: str) -> tuple[int, Any]:
        code, output = await self.init("--json", *options)
        return code, json.loads(output)

    def key_files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.keys.rglob("*") if path.is_file()}


def _run(arguments: list[str]) -> int:
    try:
        app(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def machine(
    tmp_path: Path, dns: DnsStandin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Machine:
    for name in [name for name in os.environ if name.startswith("CLEARPOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLEARPOST_DNS_SERVERS", dns.address)
    return Machine(tmp_path, capsys)


def publish(dns: DnsStandin, shown: list[dict[str, str]]) -> None:
    """As a person does who was shown the records."""
    for record in shown:
        if record["type"] == "PTR":
            name = ".".join([*reversed(record["name"].split(".")), "in-addr.arpa"])
            dns.zone.put(name, "PTR", record["value"])
        elif record["type"] == "TXT":
            dns.zone.put_txt(record["name"], record["value"])
        else:
            dns.zone.put(record["name"], record["type"], record["value"])


def failed(document: Any) -> list[str]:
    return [finding["what"] for finding in document["findings"] if finding["state"] == "fail"]


async def test_publishing_what_it_shows_makes_it_content(machine: Machine, dns: DnsStandin) -> None:
    code, first = await machine.as_json(*ANSWERS)
    assert (code, first["fit"], first["written"], first["new_keys"]) == (
        1, False, True, len(KEYS) + 1
    )  # fmt: skip
    assert any("has no MX of ours" in what for what in failed(first))
    assert "192.0.2.10 has no reverse name" in failed(first)
    publish(dns, first["records"])
    code, second = await machine.as_json()
    assert (code, failed(second), second["written"], second["new_keys"]) == (0, [], False, 0)
    assert second["records"] == first["records"]


def test_every_key_that_machines_share_is_made() -> None:
    sources = [path for top in ("api", "customers", "mailcore") for path in (ROOT / top).glob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert set(re.findall(r'_?KEY_NAME: Final = "([\w-]+)"', text)) <= set(KEYS)


async def test_it_says_what_a_superuser_of_the_database_runs_once(machine: Machine) -> None:
    url = "postgresql://post:hush@127.0.0.1/clearpost"
    _, output = await machine.init(*ANSWERS, "--database-url", url)
    assert "create role clearpost_api nologin;" in output
    assert "grant clearpost_api, clearpost_staff to post;" in output
    _, document = await machine.as_json()
    assert len(document["database_roles"]) == 3


async def test_settings_and_keys_are_private_and_never_overwritten(machine: Machine) -> None:
    await machine.init(*ANSWERS)
    written = machine.env_file.read_text()
    keys = machine.key_files()
    assert stat.S_IMODE(machine.env_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.keys.stat().st_mode) == stat.S_IMODE(machine.spool.stat().st_mode) == 0o700
    assert {name for name in keys if name.endswith(".key")} == {f"{name}.key" for name in KEYS}
    assert len(keys) == len(KEYS) + 2  # the pair that signs mail, and the file that names it
    _, output = await machine.init("--hostname", "other.example.org", *ANSWERS[2:])
    assert "kept as it is" in output
    assert machine.env_file.read_text() == written
    assert machine.key_files() == keys


async def test_no_secret_is_printed(machine: Machine) -> None:
    url = "postgresql://clearpost:hush@127.0.0.1/clearpost?a=1&b=2"
    for options in (ANSWERS, ("--json",)):
        _, output = await machine.init(*options, "--database-url", url)
        assert "hush" not in output
        secrets = [text for name, text in machine.key_files().items() if name != "signing"]
        assert all(line not in output for text in secrets for line in text.decode().split())
    assert f"CLEARPOST_DATABASE_URL='{url}'\n" in machine.env_file.read_text()


async def test_the_file_starts_a_production(machine: Machine) -> None:
    await machine.init(*ANSWERS)
    file, python = shlex.quote(str(machine.env_file)), shlex.quote(sys.executable)
    script = f"set -a; . {file}; exec {python} -c '{_PRINT}'"
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().split() == ["production", "mx.example.org", "example.org", "me@elsewhere.example"]


_PRINT = (
    "from mailcore.settings import Settings; s = Settings(); "
    "print(s.environment, s.hostname, s.service_domain, s.postmaster)"
)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--hostname is missing"),
        (ANSWERS[:2], "--service-domain is missing"),
        (("--hostname", "localhost", *ANSWERS[2:]), "write names such as"),
        ((*ANSWERS[:4], "--postmaster", "nobody"), "--postmaster is an address"),
        ((*ANSWERS[:4], "--postmaster", "me@mail.example.org"), "must be at another domain"),
        ((*ANSWERS[:6], "--ip", "mx.example.org"), "--ip is an address"),
        ((*ANSWERS, "--database-url", "postgresql://a:b c@d/e"), "without spaces"),
    ],
)
async def test_a_missing_or_wrong_answer_is_one_line_and_writes_nothing(
    machine: Machine, options: tuple[str, ...], said: str
) -> None:
    code, output = await machine.init(*options)
    assert (code, output.count("\n")) == (2, 1)
    assert said in output
    assert not machine.env_file.exists()
    assert not machine.keys.exists()


async def test_a_key_folder_that_others_can_read_is_refused(machine: Machine) -> None:
    machine.keys.mkdir(mode=0o755)
    code, output = await machine.init(*ANSWERS)
    assert code == 2
    assert "chmod 700" in output


async def test_a_reverse_name_that_is_not_our_greeting_is_noticed(machine: Machine, dns: DnsStandin) -> None:
    _, first = await machine.as_json(*ANSWERS)
    publish(dns, first["records"])
    dns.zone.put("10.2.0.192.in-addr.arpa", "PTR", "static.provider.example.")
    code, document = await machine.as_json()
    assert code == 1
    assert any("static.provider.example" in what for what in failed(document))


async def test_a_port_that_somebody_holds_is_noticed(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        _, document = await machine.as_json(*ANSWERS)
    assert any(f"port {machine.port}" in what for what in failed(document))


@pytest.fixture
def lobby() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@only_root
async def test_root_gives_folders_and_keys_to_the_user_of_the_service(machine: Machine, lobby: Path) -> None:
    machine.spool, machine.keys = lobby / "spool", lobby / "keys"
    await machine.init(*ANSWERS)
    await machine.init("--owner", "daemon")
    (machine.keys / "srs.key").unlink()
    await machine.init("--owner", "daemon")
    made = [machine.spool, machine.keys, *machine.keys.rglob("*")]
    assert len(made) == len(KEYS) + 6
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(DAEMON, DAEMON)}
    assert machine.env_file.stat().st_uid == 0, "kept as it is"


@only_root
@pytest.mark.parametrize("link", ["srs.key", "dkim/example.org/signing", "dkim"])
async def test_a_link_in_a_folder_of_the_service_leads_root_nowhere(
    machine: Machine, lobby: Path, tmp_path: Path, link: str
) -> None:
    machine.spool, machine.keys = lobby / "spool", lobby / "keys"
    of_root = tmp_path / "of-root"
    of_root.mkdir(mode=0o755)
    (of_root / "secret").write_text("")
    await machine.init(*ANSWERS, "--owner", "daemon")
    placed = machine.keys / link
    placed.rename(lobby / "away")
    placed.symlink_to(of_root if link == "dkim" else of_root / "secret")
    await machine.init("--owner", "daemon")
    assert [(path.name, path.stat().st_uid) for path in of_root.iterdir()] == [("secret", 0)]
    assert (of_root.stat().st_uid, os.geteuid()) == (0, 0)


@only_root
async def test_a_user_that_is_missing_is_said_before_anything_is_written(machine: Machine) -> None:
    code, output = await machine.init(*ANSWERS, "--owner", "nobody-of-us")
    assert (code, "useradd" in output, machine.env_file.exists()) == (2, True, False)


def settings(**changes: Any) -> Settings:
    return Settings(
        service_domain="example.org", hostname="mx.example.org", mx_name="mx.example.org",
        fast_mx_name="fast.mx.example.org", database_url=SecretStr("x"), **changes,
    )  # fmt: skip


def test_each_kind_of_address_gets_its_own_record() -> None:
    shown = {(r.name, r.type, r.value) for r in records(settings(), ["192.0.2.1", "2001:db8::1"])}
    assert ("mx.example.org", "A", "192.0.2.1") in shown
    assert ("fast.mx.example.org", "AAAA", "2001:db8::1") in shown
    assert ("example.org", "TXT", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all") in shown
    assert ("spf.example.org", "TXT", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all") in shown
    assert ("2001:db8::1", "PTR", "mx.example.org.") in shown


def test_without_an_address_a_placeholder_says_so() -> None:
    values = {r.value for r in records(settings(), [])}
    assert PLACEHOLDER in values
    assert f"v=spf1 ip4:{PLACEHOLDER} -all" in values
