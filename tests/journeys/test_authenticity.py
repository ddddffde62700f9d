"""Who sent a message, from the SMTP door to the log and the bytes that arrive: verdicts and what follows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clearpost.standins.dns import Fault
from mailcore import replies
from mailcore.authenticity.signing_keys import KeyFolder
from tests.journeys.conftest import Opener
from tests.support import second_opinion
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.signed_mail import forwarded, record, rsa_key, signature_field
from tests.support.stack import Stack

REFUSED, WAIT = replies.dmarc_refused("bank.test").line(), replies.dmarc_undecided("bank.test").line()
SPOOF = letter("Your account", sender="ceo@bank.test")


@asynccontextmanager
async def town(opened: Opener, inbox: Destination, **settings: Any) -> AsyncIterator[Stack]:
    """A running mx; bank.test wants what is not from it rejected, and our client has a reverse name."""
    async with opened({"inbox.test": inbox}, **settings) as stack:
        stack.zone.put_txt("_dmarc.bank.test", "v=DMARC1; p=reject")
        stack.zone.put("1.0.0.127.in-addr.arpa", "PTR", "mail.sender.test.")
        stack.zone.put("mail.sender.test", "A", "127.0.0.1")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        yield stack
        await stack.idle()


def signed_by(domain: str, content: bytes) -> bytes:
    """The message under a signature of this domain, selector s1."""
    header, _, body = content.partition(b"\r\n\r\n")
    fields = header + b"\r\n"
    return signature_field(rsa_key(), {"d": domain}, header=fields, body=body) + content


def publish_key(stack: Stack, *domains: str) -> None:
    for domain in domains:
        stack.zone.put_txt(f"s1._domainkey.{domain}", record(rsa_key()))


async def received(stack: Stack, content: bytes, **options: Any) -> str:
    """Taken: what the log's event says behind the reply."""
    message_id = await stack.accepted("hello@shop.test", content, **options)
    event = (await stack.timeline(message_id))[0]
    assert event.type == "received"
    return event.response.partition("; ")[2]


async def refusals(stack: Stack) -> list[str]:
    """As the owner sees them, once the log is written."""
    await stack.stop_all()
    events = await stack.world.logged_events(f"account_id = '{stack.account.id}' and type = 'refused'")
    return [event.response for event in events]


def without_name(stack: Stack) -> None:
    """Another signal: the client's address has no reverse name."""
    stack.zone.remove("1.0.0.127.in-addr.arpa")


def field(content: bytes, name: bytes) -> bytes:
    """The first field of that name, unfolded."""
    unfolded = content.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
    return next((line for line in unfolded.split(b"\r\n") if line.startswith(name + b":")), b"")


async def test_signed_mail_is_told_apart_and_arrives_with_what_was_found(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        publish_key(stack, "bank.test")
        content = signed_by("bank.test", letter(sender="ceo@bank.test"))
        assert await received(stack, content) == "spf=pass dkim=pass dmarc=pass arc=none"
        (message,) = await inbox.wait_for(1)
    assert message.content.endswith(content)
    assert field(message.content, b"Authentication-Results") == (
        b"Authentication-Results: clearpost.test; spf=pass smtp.mailfrom=sender.test;"
        b" dkim=pass header.d=bank.test header.s=s1 header.a=rsa-sha256;"
        b" dmarc=pass header.from=bank.test policy.dmarc=reject"
    )


async def test_a_large_signed_message_is_checked_on_disk(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        publish_key(stack, "bank.test")
        content = signed_by("bank.test", letter(sender="ceo@bank.test", text="A line of text.\r\n" * 50_000))
        assert await received(stack, content) == "spf=pass dkim=pass dmarc=pass arc=none"
        changed = content.replace(b"A line of text.", b"A lime of text.", 1)
        assert await received(stack, changed) == "spf=pass dkim=fail dmarc=fail arc=none"


async def test_a_spoof_is_refused_where_another_signal_agrees(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        without_name(stack)
        assert await stack.send("hello@shop.test", SPOOF) == REFUSED
        why = "(DMARC fails, and the client has no reverse name that leads back to it)"
        assert await refusals(stack) == [f"{REFUSED} {why}; spf=pass dkim=none dmarc=fail arc=none"]
    assert inbox.messages == []


async def test_a_spoof_without_another_signal_is_taken_and_told(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        assert await received(stack, SPOOF) == "spf=pass dkim=none dmarc=fail arc=none"
        (message,) = await inbox.wait_for(1)
    assert b"dmarc=fail header.from=bank.test" in field(message.content, b"Authentication-Results")


async def test_spf_that_fails_is_a_signal_where_the_author_domain_signed_nothing(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        stack.zone.put_txt("bank.test", "v=spf1 -all")
        assert await stack.send("hello@shop.test", SPOOF, by="ceo@bank.test") == REFUSED
        publish_key(stack, "bank.test")
        broken = signed_by("bank.test", SPOOF).replace(b"at noon", b"at one")
        assert await received(stack, broken, by="ceo@bank.test") == "spf=fail dkim=fail dmarc=fail arc=none"


async def test_a_strict_owner_has_spoofs_refused_without_another_signal(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        await stack.world.execute("update domain set strict_dmarc = true where id = $1", stack.domain.id)
        assert await stack.send("hello@shop.test", SPOOF) == REFUSED
        why = "(DMARC fails, and the domain's owner wants it so)"
        assert await refusals(stack) == [f"{REFUSED} {why}; spf=pass dkim=none dmarc=fail arc=none"]


@pytest.mark.parametrize("late", ["s1._domainkey.bank.test", "_dmarc.bank.test"])
async def test_where_only_a_temperror_stands_in_between_the_sender_comes_again(
    opened: Opener, late: str
) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        publish_key(stack, "bank.test")
        without_name(stack)
        stack.zone.fail(late, Fault.SERVFAIL)
        content = signed_by("bank.test", SPOOF) if "domainkey" in late else SPOOF
        assert await stack.send("hello@shop.test", content) == WAIT


async def test_a_trusted_chain_saves_what_it_saw_genuine(opened: Opener) -> None:
    content = forwarded("google.com") + b"\r\nDear Bob,\r\n\r\nthis  is it.\r\n"
    async with Destination() as inbox, town(opened, inbox) as stack:
        stack.zone.put_txt("_dmarc.a.test", "v=DMARC1; p=reject")
        publish_key(stack, "google.com", "evil.test")
        without_name(stack)
        assert await received(stack, content) == "spf=pass dkim=none dmarc=fail arc=pass"
        untrusted = content.replace(b"google.com", b"evil.test")
        assert (await stack.send("hello@shop.test", untrusted)).startswith("550 5.7.26 ")
        content = forwarded("evil.test", "google.com") + content.partition(b"\r\n\r\n")[2]
        assert (await stack.send("hello@shop.test", content)).startswith("550 5.7.26 ")


async def test_a_forged_field_of_our_name_does_not_arrive(opened: Opener) -> None:
    forged = b"Authentication-Results: ClearPost.test (ours) 1; dmarc=pass\r\n header.from=bank.test\r\n"
    theirs = b"Authentication-Results: other.test; dmarc=pass\r\n"
    async with Destination() as inbox, town(opened, inbox) as stack:
        await received(stack, forged + theirs + letter())
        (message,) = await inbox.wait_for(1)
    assert message.content.endswith(b"\r\n" + theirs + letter())
    assert message.content.lower().count(b"\r\nauthentication-results: clearpost.test") == 1
    assert b"dmarc=none" in field(message.content, b"Authentication-Results")


async def test_the_services_own_postmaster_hears_from_everybody(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox) as stack:
        without_name(stack)
        reply = await stack.send("postmaster@clearpost.test", SPOOF)
        assert reply.startswith("250 2.0.0 Queued as ")
        await inbox.wait_for(1)


async def test_a_signature_of_the_reverse_paths_domain_lets_a_dsn_go_there(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 no such user"}) as pit,
        Destination() as bank,
        opened({"inbox.test": pit, "bank.test": bank}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        publish_key(stack, "bank.test")
        signed = signed_by("bank.test", letter("Signed", sender="ceo@bank.test"))
        await stack.accepted("hello@shop.test", letter("Plain", sender="ceo@bank.test"), by="ceo@bank.test")
        await stack.accepted("hello@shop.test", signed, by="ceo@bank.test")
        (told,) = await bank.wait_for(1)
        await stack.idle()
    assert told.rcpt == ("RCPT TO:<ceo@bank.test>",)
    assert b"Subject: Signed" in told.content
    assert len(bank.messages) == 1


# --- where a filter in front finds out who sent it (`verdicts` off) ---


async def test_without_verdicts_no_sender_is_asked_about_and_no_policy_holds(opened: Opener) -> None:
    async with Destination() as inbox, town(opened, inbox, verdicts=False) as stack:
        without_name(stack)
        message_id = await stack.accepted("hello@shop.test", SPOOF, by="ceo@bank.test")
        await stack.has_event(message_id, "received", "delivered")
        event = (await stack.timeline(message_id))[0]
    assert event.response == f"250 2.0.0 Queued as {message_id}"
    assert [(name, kind) for name, kind in stack.questions if kind == "TXT" or "bank.test" in name] == []


async def test_without_verdicts_mail_leaves_under_a_signature_of_ours_alone(opened: Opener) -> None:
    forged = b"Authentication-Results: clearpost.test; dmarc=pass header.from=bank.test\r\n"
    async with Destination() as inbox, town(opened, inbox, verdicts=False) as stack:
        await stack.accepted("hello@shop.test", forged + SPOOF)
        (message,) = await inbox.wait_for(1)
        (key,) = KeyFolder(stack.settings.key_dir).keys("clearpost.test")
    assert message.content.startswith(b"DKIM-Signature: v=1;")
    assert message.content.endswith(SPOOF)
    names = [line.partition(b":")[0].lower() for line in message.content.split(b"\r\n")]
    assert names.count(b"dkim-signature") == 1
    assert not {b"authentication-results", b"arc-seal"} & set(names)
    assert b"d=clearpost.test;" in field(message.content, b"DKIM-Signature")
    assert second_opinion.verifies(message.content, {key.record_name: key.record})


async def test_without_verdicts_nobody_is_known_and_nobody_gets_a_dsn(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 no such user"}) as pit,
        Destination() as bank,
        opened({"inbox.test": pit, "bank.test": bank}, verdicts=False) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        publish_key(stack, "bank.test")
        signed = signed_by("bank.test", letter("Signed", sender="ceo@bank.test"))
        message_id = await stack.accepted("hello@shop.test", signed, by="ceo@bank.test")
        await stack.has_event(message_id, "received", "hard-bounced")
        await stack.idle()
    assert bank.messages == []
