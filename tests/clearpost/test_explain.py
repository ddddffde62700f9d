"""`clearpost explain`, the real command as a process: verdicts, what we would do, and why."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore import replies
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.keyring import Keyring
from tests.support.services import ROOT
from tests.support.signed_mail import BODY, HEADER, NAME, record, rsa_key, signature_field

TRACE = b"Return-Path: <ann@a.test>\r\nReceived: from mx.a.test (mail [192.0.2.1])\r\n by mx.b.test; now\r\n"
SIGNED = TRACE + signature_field(rsa_key()) + HEADER + b"\r\n" + BODY
PLAIN = TRACE + HEADER + b"\r\n" + BODY


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs in an empty folder, with no setting but these."""

    def __init__(self, folder: Path, dns: DnsStandin) -> None:
        self.folder = folder
        self.dns = dns
        self.environment = {"CLEARPOST_KEY_DIR": str(folder / "keys")}

    async def __call__(self, content: bytes | None, *options: str) -> Said:
        file = self.folder / "saved.eml"
        if content is not None:
            file.write_bytes(content)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clearpost", "explain", str(file), "--dns", self.dns.address, *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.environment},
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def explain(tmp_path: Path) -> AsyncIterator[Command]:
    async with DnsStandin() as dns:
        dns.zone.put_txt("a.test", "v=spf1 ip4:192.0.2.1 -all")
        dns.zone.put_txt("_dmarc.a.test", "v=DMARC1; p=reject")
        dns.zone.put_txt(NAME, record(rsa_key()))
        dns.zone.put("1.2.0.192.in-addr.arpa", "PTR", "mx.a.test.")
        dns.zone.put("mx.a.test", "A", "192.0.2.1")
        yield Command(tmp_path, dns)


async def test_an_honest_message_and_why_we_would_take_it(explain: Command) -> None:
    said = await explain(SIGNED)
    assert (said.code, said.err) == (0, "")
    for line in (
        "client:       192.0.2.1",
        "HELO:         mx.a.test",
        "reverse-path: <ann@a.test>",
        "  (client and HELO: as the topmost Received field that names an address has it)",
        "  (reverse-path: as the topmost Return-Path field has it)",
        "  (the client has a reverse name that leads back to it)",
        "  spf    pass       a.test (reverse-path)",
        "  dkim   pass       a.test, selector s1, rsa-sha256",
        "  dmarc  pass       a.test, policy reject, DKIM and SPF aligned",
        "  arc    none",
        "  Take it",
        "  because the author domain stands behind it.",
        "  From stays as it is: a signature of its domain goes on to hold.",
        "  Authentication-Results: clearpost.test;",
        "   dmarc=pass header.from=a.test policy.dmarc=reject",
        "  (seals and signatures are made where the service's keys are)",
    ):
        assert line in said.out.splitlines(), line
    assert not (explain.folder / "keys").exists()


async def test_lines_as_a_mail_program_saves_them_are_read_and_told(explain: Command) -> None:
    said = await explain(b"From ann@a.test Mon Jun  1\n" + SIGNED.replace(b"\r\n", b"\n").rstrip(b"\n"))
    assert said.code == 0
    assert "  dkim   pass       a.test, selector s1, rsa-sha256" in said.out.splitlines()
    assert "lines end in LF" in said.out
    assert "the first line was left out" in said.out
    assert "the last line has no end" in said.out


async def test_what_is_said_on_the_command_line_counts(explain: Command) -> None:
    said = await explain(
        PLAIN, "--ip", "192.0.2.9", "--helo", "evil.test", "--mail-from", "x@evil.test", "--json"
    )
    found = said.json
    assert found["client"] == {"client": "192.0.2.9", "helo": "evil.test", "reverse_path": "<x@evil.test>"}
    assert not any("topmost" in note for note in found["notes"])
    assert found["verdicts"]["spf"] == {"result": "none", "domain": "evil.test", "of_helo": False}


async def test_a_spoof_is_refused_and_the_reply_is_shown(explain: Command) -> None:
    said = await explain(PLAIN, "--ip", "192.0.2.9", "--mail-from", "x@evil.test")
    reply = replies.dmarc_refused("a.test").line()
    assert said.code == 1
    assert f"  Refuse it: {reply}" in said.out.splitlines()
    assert "  because DMARC fails, and the client has no reverse name that leads back to it." in said.out
    assert "What we would add" not in said.out


async def test_a_strict_owner_and_one_who_is_not(explain: Command) -> None:
    spoof = ("--mail-from", "x@evil.test", "--json")
    lenient, strict = await explain(PLAIN, *spoof), await explain(PLAIN, *spoof, "--strict")
    assert (lenient.code, lenient.json["decision"]) == (0, "take")
    assert lenient.json["why"] == "DMARC fails, but nothing else speaks against the message"
    assert (strict.code, strict.json["decision"]) == (1, "refuse")
    assert strict.json["reply"].startswith("550 5.7.26 ")


async def test_an_answer_that_dns_owes_puts_off(explain: Command) -> None:
    explain.dns.zone.fail(NAME, Fault.SERVFAIL)
    said = await explain(SIGNED, "--ip", "192.0.2.9", "--mail-from", "x@evil.test", "--json")
    assert (said.code, said.json["decision"]) == (3, "put off")
    assert said.json["reply"].startswith("451 4.7.0 ")


async def test_no_terminal_obeys_what_a_message_holds(explain: Command) -> None:
    for name in ("loop", "from"):
        Keyring(explain.folder / "keys").key(name)
    hostile = PLAIN.replace(b"from mx.a.test", b"from \x1b]0;x\x07mx.a.test")
    said = await explain(hostile.replace(b"Ann", b"Ann \x1b[2J"))
    assert (said.code, "From would be rewritten" in said.out) == (0, True)
    assert not {"\x1b", "\x07"} & set(said.out)
    assert "HELO:         \ufffd]0;x\ufffdmx.a.test" in said.out.splitlines()


@pytest.mark.parametrize("server", ["dns.test", "192.0.2.53:0", "192.0.2.53:99999", "192.0.2.53:dns", "[::1"])
async def test_a_name_server_that_is_none_is_said_at_once(explain: Command, server: str) -> None:
    said = await explain(PLAIN, "--dns", server)
    assert (said.code, said.out) == (2, "")
    assert f"--dns {server} is no address of a name server" in said.err


async def test_the_null_reverse_path_asks_for_helo(explain: Command) -> None:
    explain.dns.zone.put_txt("mx.a.test", "v=spf1 ip4:192.0.2.1 -all")
    said = await explain(PLAIN, "--mail-from", "<>")
    assert "  spf    pass       mx.a.test (HELO)" in said.out.splitlines()


async def test_without_any_trace_nobody_is_asked_about_the_client(explain: Command) -> None:
    said = await explain(HEADER + b"\r\n" + BODY)
    assert said.code == 0
    assert "client:       not known: neither the message nor --ip tells" in said.out
    assert "give one by --mail-from" in said.out


async def test_where_the_keys_are_all_that_we_would_add_is_shown(explain: Command) -> None:
    for name in ("loop", "from"):
        Keyring(explain.folder / "keys").key(name)
    folder = KeyFolder(explain.folder / "keys")
    selector = folder.make("clearpost.test")
    folder.use("clearpost.test", selector)
    said = await explain(PLAIN, "--rcpt", "hello@shop.test", "--json")
    found = said.json
    names = [field.partition(":")[0] for field in found["added"]]
    assert found["from"] == {
        "rewritten": True,
        "why": "its domain asks for reject, and no signature of it holds after us",
    }
    assert {"ARC-Seal", "DKIM-Signature", "Authentication-Results", "From", "X-Original-From"} <= set(names)
    assert any("Ann via hello at shop.test" in field for field in found["added"])
    assert any(selector in field for field in found["added"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "it is a message as Outlook keeps it"),
        (b"%PDF-1.7\n\x00\xff", "its first line is no header field"),
        (b"<html>\n<p>From: me</p>", "its first line is no header field"),
        (b"Name: Ann\nAge: 7\n", "none of its first lines is From, Date, Subject"),
    ],
)
async def test_what_is_no_mail_is_told_so(explain: Command, content: bytes, what: str) -> None:
    said = await explain(content)
    assert (said.code, said.out) == (2, "")
    assert what in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "what"),
    [(("--ip", "mx.a.test"), "is no IP address"), (("--mail-from", "a b"), "the reverse-path is no address")],
)
async def test_what_was_not_asked_rightly_is_told_so(
    explain: Command, options: tuple[str, ...], what: str
) -> None:
    said = await explain(PLAIN, *options)
    assert said.code == 2
    assert what in said.err


async def test_a_file_that_is_not_there_is_usage(explain: Command) -> None:
    assert (await explain(None)).code == 2


async def test_content_that_the_door_refuses_is_refused(explain: Command) -> None:
    said = await explain(PLAIN + b"a\0b\r\n")
    assert said.code == 1
    assert replies.HAS_NUL.line() in said.out
