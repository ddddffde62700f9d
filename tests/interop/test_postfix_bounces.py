"""Postfix -> us -> Postfix when the last one says no: at once, for now, or only after it had said yes.

Whoever wrote gets one report, in the mailbox of their own Postfix, about the address they wrote to.
"""

import re

import pytest

from tests.interop.between import Between
from tests.interop.greylist import WORDS, greylisting
from tests.interop.postfix import Letter
from tests.interop.reports import Report
from tests.interop.swaks import swaks
from tests.support.second_opinion import verifies
from tests.support.sender import letter

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = "ann@sender.test"
FULL = {"transport_maps": "inline:{full@later.test=full}"}  # takes mail first, and returns it then


def about(report: Letter, *hidden: str) -> tuple[str, str]:
    """Of whom a report tells, and with which status; what must be nowhere in it."""
    assert report.return_path == "", "a report can never cause another"
    for word in hidden:
        assert word.encode() not in report.content, word
    read = Report.read(report.content)
    assert (read.action, read.auto_submitted) == ("failed", "auto-replied")
    assert read.status in read.words
    return read.final_recipient, read.status


async def test_greylisted_mail_waits_and_arrives_once(between: Between) -> None:
    async with (
        greylisting() as turned_away,
        between.neighbour(ANN) as sender,
        between.neighbour("you@grey.test", smtpd_recipient_restrictions=turned_away) as inbox,
    ):
        alias = await between.stack.alias("grey", "you@grey.test")
        await swaks(sender, ANN, alias.address, letter())
        await inbox.wait_for("you@grey.test")
        await between.settled(sender, inbox)
        assert len(inbox.letters("you@grey.test")) == 1
        assert sender.letters(ANN) == []
    received, waited, delivered = await between.history(alias.address)
    assert (received[0], waited[:2], delivered[0]) == ("received", ("soft-bounced", "4.7.1"), "delivered")
    assert WORDS.partition(" ")[2].removeprefix("4.7.1 ") in waited[2]


async def test_mail_for_nobody_comes_back_as_a_report_that_names_no_destination(between: Between) -> None:
    async with between.neighbour(ANN) as sender, between.neighbour("you@strict.test") as inbox:
        alias = await between.stack.alias("gone", "nobody@strict.test")
        await swaks(sender, ANN, alias.address, letter(subject="Do you get this?"))
        await sender.wait_for(ANN)
        await between.settled(sender, inbox)
        (report,) = sender.letters(ANN)
        host = f"{inbox.log.split()[3]}.test"  # how it calls itself
    assert about(report, "strict.test", "nobody", host, "User unknown") == (alias.address, "5.1.1")
    assert b"Subject: Do you get this?\r\n" in report.content
    _, bounced = await between.history(alias.address)
    assert bounced[:2] == ("hard-bounced", "5.1.1")
    assert "User unknown in virtual mailbox table" in bounced[2], "the owner is told what the server said"
    assert verifies(report.content, between.keys), "our report bears our signature"


async def test_mail_that_is_too_large_is_not_even_sent_5_3_4(between: Between) -> None:
    async with (
        between.neighbour(ANN) as sender,
        between.neighbour("you@small.test", message_size_limit="20000") as inbox,
    ):
        alias = await between.stack.alias("parcels", "you@small.test")
        await swaks(sender, ANN, alias.address, letter(text="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 300))
        (report,) = await sender.wait_for(ANN)
        await between.settled(sender, inbox)
        assert not re.search("client=|NOQUEUE", inbox.log), "its EHLO was enough"
    assert about(report, "small.test") == (alias.address, "5.3.4")


async def test_mail_that_comes_back_after_it_was_taken_is_told_as_ours(between: Between) -> None:
    async with (
        between.neighbour(ANN) as sender,
        between.neighbour("you@later.test", "full@later.test", **FULL) as inbox,
    ):
        alias = await between.stack.alias("later", "full@later.test")
        await swaks(sender, ANN, alias.address, letter())
        await between.settled(sender, inbox)
        (report,) = await sender.wait_for(ANN)
        assert "status=bounced" in inbox.log
    assert about(report, "later.test", "full@", "the mailbox") == (alias.address, "5.2.2")
    assert [kind for kind, _, _ in await between.history(alias.address)] == ["received", "delivered"]


async def test_word_of_a_delay_is_not_passed_on(between: Between) -> None:
    """The last Postfix has the message, cannot deliver it yet, and tells our return address so."""
    nowhere = {"transport_maps": "inline:{you@slow.test=smtp:[127.0.0.1]:9}", "delay_warning_time": "1s"}
    async with between.neighbour(ANN) as sender, between.neighbour("you@slow.test", **nowhere) as inbox:
        alias = await between.stack.alias("slow", "you@slow.test")
        await swaks(sender, ANN, alias.address, letter())
        await inbox.said("sender delay notification")
        await inbox.said(r"to=<SRS0.*status=sent \(250 2\.0\.0 Queued")
        await between.settled(sender)
        assert sender.letters(ANN) == []
    assert [kind for kind, _, _ in await between.history(alias.address)] == ["received", "delivered"]


async def test_mail_that_goes_round_in_circles_is_stopped_and_told(between: Between) -> None:
    """The last Postfix forwards to the alias again: our mark, twice on one message, ends it."""
    back = {"virtual_alias_maps": "inline:{you@ring.test=round@shop.test}"}
    async with between.neighbour(ANN) as sender, between.neighbour("you@ring.test", **back) as inbox:
        alias = await between.stack.alias("round", "you@ring.test")
        await swaks(sender, ANN, alias.address, letter())
        (report,) = await sender.wait_for(ANN)
        await between.settled(sender, inbox)
        assert len(sender.letters(ANN)) == 1
        assert inbox.log.count("554 5.4.6") == 1
    assert about(report, "ring.test") == (alias.address, "5.4.6")
    kinds = [kind for kind, _, _ in await between.history(alias.address)]
    assert kinds.count("received") == 2, "once by ann, once by the ring"
    assert kinds[-1] == "refused"


async def test_a_report_that_nobody_takes_ends_there(between: Between) -> None:
    """Both ways to a report: our own attempt failed, and what was taken came back."""
    async with (
        between.neighbour("ann@empty.test") as sender,
        between.neighbour("you@later.test", "full@later.test", **FULL) as inbox,
    ):
        at_once = await between.stack.alias("end", "nobody@later.test")
        later = await between.stack.alias("end2", "full@later.test")
        await swaks(sender, "nobody@empty.test", [at_once.address, later.address], letter())
        await inbox.said(r"relay=.*status=sent \(250 2\.0\.0 Queued")  # its own report, to us
        await between.settled(sender, inbox)
        refused = sender.log.count("nobody@empty.test>: Recipient address rejected")
        assert refused == 2, "each report was offered once"
        assert sender.letters("ann@empty.test") == []
    ends = [
        event
        for alias in (at_once, later)
        for event in await between.history(alias.address, about_reports=True)
        if event[0] == "hard-bounced"
    ]
    assert [code for _, code, _ in ends] == ["5.1.1", "5.1.1"], "each report ended once"


async def test_mail_of_a_list_that_fails_is_told_to_nobody(between: Between) -> None:
    sent = letter(sender="ann@news.test").replace(b"Subject:", b"List-Id: <news.news.test>\r\nSubject:")
    async with between.neighbour("ann@news.test") as sender, between.neighbour("you@firm.test") as inbox:
        alias = await between.stack.alias("news", "nobody@firm.test")
        await swaks(sender, "ann@news.test", alias.address, sent)
        await inbox.said("User unknown")
        await between.settled(sender, inbox)
        assert sender.letters("ann@news.test") == []
    assert [kind for kind, _, _ in await between.history(alias.address)] == ["received", "hard-bounced"]


async def test_what_we_refuse_postfix_reports_itself(between: Between) -> None:
    async with between.neighbour(ANN) as sender:
        await swaks(sender, ANN, "no-such-alias@shop.test", letter())
        (report,) = await sender.wait_for(ANN)
        await between.settled(sender)
    read = Report.read(report.content)
    assert (read.final_recipient, read.status) == ("no-such-alias@shop.test", "5.1.1")
