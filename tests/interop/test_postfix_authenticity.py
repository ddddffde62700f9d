"""Postfix -> us -> Postfix, and who wrote it: told on top, sealed, and rewritten only where it must be.

What we sign is verified by dkimpy, on the bytes that arrived.
"""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from clearpost.standins.dns import Fault
from tests.interop.between import SELECTOR, SERVICE, Between, signed
from tests.interop.postfix import Letter
from tests.interop.processes import said
from tests.interop.reports import Report
from tests.interop.swaks import swaks
from tests.support.second_opinion import chain, verifies
from tests.support.sender import letter

pytestmark = pytest.mark.asyncio(loop_scope="session")

REJECT = "v=DMARC1; p=reject"
OF_OTHERS = b"Authentication-Results: mail.elsewhere.test; dkim=pass header.d=sender.test\r\n"


def top(content: bytes, below: bytes) -> EmailMessage:
    """The header fields that were put on top of these bytes, in their order."""
    assert content.endswith(below)
    return message_from_bytes(content[: -len(below)] + b"\r\n", policy=policy.default)


async def arrived(between: Between, name: str, by: str, sent: bytes) -> Letter:
    """The message as it arrives where `name`@shop.test leads."""
    async with between.neighbour(by) as sender, between.neighbour(f"you@{name}.test") as inbox:
        alias = await between.stack.alias(name, f"you@{name}.test")
        await swaks(sender, by, alias.address, sent)
        (letter,) = await inbox.wait_for(f"you@{name}.test")
        await between.settled(sender, inbox)
    return letter


async def test_verdicts_and_a_seal_stand_on_top_and_no_forged_verdict_below(between: Between) -> None:
    between.stack.zone.put_txt("_dmarc.honest.test", REJECT)
    rest = OF_OTHERS + letter(sender="ann@honest.test")
    forged = f"Authentication-Results: {SERVICE.upper()};\r\n dkim=pass header.d=bank.test\r\n".encode()
    sent = signed(forged + rest, "honest.test")
    below = signed_part(sent, forged) + rest
    got = await arrived(between, "told", "ann@honest.test", sent)
    fields = top(got.content, below)
    names = [name for name in fields if name != "Received"]
    assert names == [
        "ARC-Seal",
        "ARC-Message-Signature",
        "ARC-Authentication-Results",
        "Clearpost-Loop",
        "Authentication-Results",
    ]
    said = fields["Authentication-Results"]
    assert said.startswith(f"{SERVICE};")
    for words in (
        "spf=pass smtp.mailfrom=honest.test",
        f"dkim=pass header.d=honest.test header.s={SELECTOR}",
        "dmarc=pass header.from=honest.test",
    ):
        assert words in said
    assert f"i=1; {said}" == fields["ARC-Authentication-Results"]
    assert verifies(got.content, between.keys)
    assert chain(got.content, between.keys) == "pass"
    received, *_ = await between.history("told@shop.test")
    assert received[2].endswith("; spf=pass dkim=pass dmarc=pass arc=none")


def signed_part(sent: bytes, forged: bytes) -> bytes:
    """The signature field in front of a forged field."""
    return sent[: sent.index(forged)]


async def test_mail_that_spf_alone_vouches_for_gets_a_from_of_ours_under_a_strict_policy(
    between: Between,
) -> None:
    between.stack.zone.put_txt("_dmarc.careful.test", REJECT)
    sent = letter(sender="ann@careful.test")
    got = await arrived(between, "rewritten", "ann@careful.test", sent)
    message = message_from_bytes(got.content, policy=policy.default)
    (author,) = message["From"].addresses
    assert author.display_name == "Ann via rewritten at shop.test"
    assert re.fullmatch(rf"via-[a-z2-7]{{26}}@{re.escape(SERVICE)}", author.addr_spec)
    assert message["Reply-To"] == message["X-Original-From"] == "Ann <ann@careful.test>"
    assert f"d={SERVICE}" in message["DKIM-Signature"]
    assert verifies(got.content, between.keys)
    assert chain(got.content, between.keys) == "pass"
    assert got.content.endswith(sent.partition(b"\r\nTo: ")[2]), "nothing but From has changed"
    _, delivered = await between.history("rewritten@shop.test")
    assert "From rewritten" in delivered[2]


async def test_mail_without_a_strict_policy_keeps_its_from(between: Between) -> None:
    between.stack.zone.put_txt("_dmarc.easy.test", "v=DMARC1; p=none")
    sent = letter(sender="ann@easy.test")
    got = await arrived(between, "kept", "ann@easy.test", sent)
    assert got.content.endswith(sent)


async def test_forged_mail_is_refused_5_7_26_and_postfix_tells_who_sent_it(between: Between) -> None:
    between.stack.zone.put_txt("_dmarc.bank.test", REJECT)
    async with between.neighbour("robot@bank.test") as liar, between.neighbour("you@safe.test") as inbox:
        between.stack.zone.put_txt("bank.test", "v=spf1 -all")
        alias = await between.stack.alias("safe", "you@safe.test")
        await swaks(liar, "robot@bank.test", alias.address, letter(sender="chief@bank.test"))
        (report,) = await liar.wait_for("robot@bank.test")
        await between.settled(liar, inbox)
        assert inbox.letters("you@safe.test") == []
    read = Report.read(report.content)
    assert (read.final_recipient, read.status) == (alias.address, "5.7.26")
    ((kind, code, _),) = await between.history(alias.address)
    assert (kind, code) == ("refused", "5.7.26")


async def test_mail_whose_key_dns_does_not_give_waits_with_postfix_4_7_0(between: Between) -> None:
    between.stack.zone.put_txt("_dmarc.patient.test", REJECT)
    sent = signed(letter(sender="ann@patient.test"), "patient.test")
    async with (
        between.neighbour("ann@patient.test") as sender,
        between.neighbour("you@late.test") as inbox,
    ):
        between.stack.zone.put_txt("patient.test", "v=spf1 -all")
        between.stack.zone.fail(f"{SELECTOR}._domainkey.patient.test", Fault.SERVFAIL)
        alias = await between.stack.alias("late", "you@late.test")
        await swaks(sender, "ann@patient.test", alias.address, sent)
        await sender.said(r"dsn=4\.7\.0, status=deferred")
        between.stack.zone.heal(f"{SELECTOR}._domainkey.patient.test")
        (got,) = await inbox.wait_for("you@late.test")
        await between.settled(sender, inbox)
    assert got.content.endswith(sent)
    assert verifies(got.content, between.keys)


async def test_the_file_that_arrived_explains_itself(between: Between) -> None:
    """As it lies in the Maildir: with Postfix's own fields on top, and line ends of this system."""
    between.stack.zone.put_txt("_dmarc.clear.test", REJECT)
    box = "you@explained.test"
    async with between.neighbour("ann@clear.test") as sender, between.neighbour(box) as inbox:
        alias = await between.stack.alias("explained", box)
        await swaks(
            sender, "ann@clear.test", alias.address, signed(letter(sender="ann@clear.test"), "clear.test")
        )
        (got,) = await inbox.wait_for(box)
        await between.settled(sender, inbox)
        told = await said(between.stack.settings, "explain", str(got.file))
    lines = [" ".join(line.split()) for line in told.split("\n")]
    assert lines[:3] == ["client: 127.0.0.1", "HELO: mx.clearpost.test", f"reverse-path: <{got.return_path}>"]
    for line in (
        f"spf pass {SERVICE} (reverse-path)",
        f"dkim pass clear.test, selector {SELECTOR}, rsa-sha256",
        "dmarc pass clear.test, policy reject, DKIM aligned",
        f"arc pass sealed by {SERVICE}",
        "Take it",
        "because the author domain stands behind it.",
        "From stays as it is: a signature of its domain goes on to hold.",
        "ARC-Authentication-Results: i=2; clearpost.test;",
    ):
        assert line in lines, told
