"""From is rewritten where a destination would refuse the message for it, nowhere else; its event says so."""

import re

import pytest

from tests.corpus import signed
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter, send
from tests.support.stack import Stack, trust

AUTHOR = f"ann@{signed.DOMAIN}"
LETTER = letter(sender=AUTHOR)


async def prepare(stack: Stack, policy: str) -> None:
    """An author domain whose mail comes from here, and its policy."""
    trust(stack, signed.DOMAIN)
    if policy:
        stack.zone.put_txt(f"_dmarc.{signed.DOMAIN}", f"v=DMARC1; p={policy}")
    for name, record in signed.records().items():
        stack.zone.put_txt(name, record)
    await stack.alias("hello", "you@inbox.test")
    await stack.start("mx", "worker")


@pytest.mark.parametrize("policy", ["reject", "quarantine"])
async def test_mail_that_only_spf_vouches_for_gets_a_from_of_ours(opened: Opener, policy: str) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await prepare(stack, policy)
        message_id = await stack.accepted("hello@shop.test", LETTER, by=AUTHOR)
        (arrived,) = await inbox.wait_for(1)
        await stack.idle()
        received, delivered = await stack.timeline(message_id)
        found = re.search(
            rb'\r\nFrom: "Ann via hello at shop.test"\r\n <(via-[a-z2-7]{26})@clearpost.test>',
            arrived.content,
        )
        assert found
        assert b"\r\nReply-To: Ann <%s>\r\n" % AUTHOR.encode() in arrived.content
        assert arrived.content.endswith(LETTER.partition(b"\r\n")[2])
        assert delivered.response.endswith("; From rewritten")
        assert "rewritten" not in received.response
        reply = await stack.send(f"{found[1].decode()}@clearpost.test", by="you@inbox.test")
        assert reply.startswith("550 5.1.1 ")
        assert "Reply-To" in reply


@pytest.mark.parametrize("policy", ["none", ""])
async def test_nothing_is_rewritten_where_nobody_would_refuse_it(opened: Opener, policy: str) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await prepare(stack, policy)
        message_id = await stack.accepted("hello@shop.test", LETTER, by=AUTHOR)
        (arrived,) = await inbox.wait_for(1)
        await stack.idle()
        assert arrived.content.endswith(b"\r\n" + LETTER)
        assert "rewritten" not in (await stack.timeline(message_id))[-1].response


async def test_nothing_is_rewritten_where_a_signature_of_the_author_holds(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await prepare(stack, "reject")
        content = signed.signed(LETTER, signed.Kind("ed25519", "relaxed", "simple"))
        await stack.accepted("hello@shop.test", content, by=AUTHOR)
        (arrived,) = await inbox.wait_for(1)
        await stack.idle()
    assert arrived.content.endswith(b"\r\n" + content)
    assert signed.holds(arrived.content)


async def test_the_event_says_it_only_where_the_message_was_sent(opened: Opener) -> None:
    refusals = {"RCPT": ["451 4.2.1 later"], "DOT": ["451 4.7.1 not yet", "550 5.7.1 never"]}
    async with (
        Destination(refusals) as inbox,
        Destination() as back,
        opened({"inbox.test": inbox, signed.DOMAIN: back}) as stack,
    ):
        await prepare(stack, "reject")
        message_id = await stack.accepted("hello@shop.test", LETTER, by=AUTHOR)
        await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced", "hard-bounced")
        await stack.idle()
        _, at_rcpt, at_dot, for_good = await stack.timeline(message_id)
    assert "rewritten" not in at_rcpt.response
    assert at_dot.response.endswith("; From rewritten")
    assert for_good.response.endswith("; From rewritten")


async def test_the_form_that_is_sent_decides_about_smtputf8(opened: Opener) -> None:
    """What was a name in UTF-8 goes out as encoded words; X-Original-From keeps it, and needs SMTPUTF8."""
    content = LETTER.replace(b"Ann <", "Jörg <".encode())
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await prepare(stack, "reject")
        reply = await send(stack.settings.mx_port, AUTHOR, "hello@shop.test", content, "SMTPUTF8")
        assert reply.startswith("250 2.0.0 Queued")
        (arrived,) = await inbox.wait_for(1)
        await stack.idle()
    assert b"\r\nFrom: =?utf-8?q?J=C3=B6rg_via_hello_at_shop=2Etest?=\r\n <via-" in arrived.content
    assert "SMTPUTF8" in arrived.mail
