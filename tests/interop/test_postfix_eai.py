"""Postfix -> us -> Postfix in all letters: SMTPUTF8 and 8BITMIME where all know them, else a report."""

from contextlib import AbstractAsyncContextManager

import pytest

from tests.interop.between import SERVICE, Between, signed
from tests.interop.postfix import Postfix
from tests.interop.reports import Report
from tests.interop.swaks import swaks
from tests.support.second_opinion import verifies
from tests.support.sender import letter, sender_at

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN, AENNE = "ann@sender.test", "änne@sender.test"
EIGHT_BIT = "Grüße aus Köln"


def in_utf8(sender: str) -> bytes:
    return letter(subject="Übermorgen", text=EIGHT_BIT, sender=sender)


async def hand_in(server: Postfix, by: str, to: str, content: bytes) -> None:
    """As a mail program does that knows SMTPUTF8; swaks does not."""
    async with sender_at(server.port, "laptop.test", host=server.host) as connection:
        reply = await connection.mail(by, [to], content, "SMTPUTF8", "BODY=8BITMIME")
    assert reply.startswith("250"), reply


async def test_addresses_and_header_in_utf8_arrive_as_they_are(between: Between) -> None:
    sent = signed(in_utf8(AENNE))
    box = "jörg@xn--bcher-kva.test"
    async with between.neighbour(AENNE) as sender, between.neighbour(box) as inbox:
        alias = await between.stack.alias("süd", box)
        await hand_in(sender, AENNE, alias.address, sent)
        await between.settled(sender, inbox)
        (arrived,) = await inbox.wait_for(box)
        await between.settled(sender, inbox)
    assert arrived.content.endswith(sent)
    assert verifies(arrived.content, between.keys)
    assert b"by mx.clearpost.test with UTF8SMTPS" in arrived.content
    assert arrived.return_path.isascii(), "an address that is not ASCII is told by a token"
    assert arrived.return_path.endswith(f"@{SERVICE}")


async def test_a_transaction_in_utf8_that_needs_none_reaches_a_server_without(between: Between) -> None:
    async with between.neighbour(ANN) as sender, without_smtputf8(between, "you@ascii.test") as inbox:
        alias = await between.stack.alias("ascii", "you@ascii.test")
        await hand_in(sender, ANN, alias.address, letter())
        (arrived,) = await inbox.wait_for("you@ascii.test")
        await between.settled(sender, inbox)
    assert arrived.content.endswith(letter())


async def test_a_header_in_utf8_is_not_sent_to_a_server_without_5_6_9(between: Between) -> None:
    async with between.neighbour(ANN) as sender, without_smtputf8(between, "you@plain.test") as inbox:
        alias = await between.stack.alias("header", "you@plain.test")
        await hand_in(sender, ANN, alias.address, in_utf8(ANN))
        (report,) = await sender.wait_for(ANN)
        await between.settled(sender, inbox)
        assert inbox.letters("you@plain.test") == []
    assert told(report.content, "plain.test") == (alias.address, "5.6.9")
    assert [event[:2] for event in await between.history(alias.address)] == [
        ("received", "2.0.0"),
        ("hard-bounced", "5.6.9"),
    ]


async def test_an_address_in_utf8_is_not_sent_to_a_server_without_5_6_7(between: Between) -> None:
    """She who wrote has an address in UTF-8 too, and so has the alias: the report says both."""
    async with between.neighbour(AENNE) as sender, without_smtputf8(between, "you@old.test") as inbox:
        alias = await between.stack.alias("rückruf", "jörg@old.test")
        await hand_in(sender, AENNE, alias.address, letter())
        (report,) = await sender.wait_for(AENNE)
        await between.settled(sender, inbox)
    assert told(report.content, "old.test") == (r"r\x{FC}ckruf@shop.test", "5.6.7")
    assert "rückruf@shop.test" in Report.read(report.content).words


async def test_eight_bits_arrive_and_are_not_sent_to_a_server_without_8bitmime_5_6_3(
    between: Between,
) -> None:
    sent = signed(letter(text=EIGHT_BIT))
    narrow = {"smtpd_discard_ehlo_keywords": "8bitmime, smtputf8"}
    async with (
        between.neighbour(ANN) as sender,
        between.neighbour("you@wide.test") as wide,
        between.neighbour("you@narrow.test", **narrow) as seven,
    ):
        good = await between.stack.alias("wide", "you@wide.test")
        bad = await between.stack.alias("seven", "you@narrow.test")
        await swaks(sender, ANN, [good.address, bad.address], sent)
        (arrived,) = await wide.wait_for("you@wide.test")
        (report,) = await sender.wait_for(ANN)
        await between.settled(sender, wide, seven)
        assert seven.letters("you@narrow.test") == []
    assert arrived.content.endswith(sent)
    assert verifies(arrived.content, between.keys)
    assert told(report.content, "narrow.test") == (bad.address, "5.6.3")


def without_smtputf8(between: Between, box: str) -> AbstractAsyncContextManager[Postfix]:
    return between.neighbour(box, smtputf8_enable="no")


def told(content: bytes, hidden: str) -> tuple[str, str]:
    """Of whom a report tells, and the status; never where that mail was to go."""
    assert hidden.encode() not in content
    report = Report.read(content)
    assert report.action == "failed"
    assert report.status in report.words
    return report.final_recipient, report.status
