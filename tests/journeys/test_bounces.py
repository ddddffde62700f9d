"""Who is told that mail failed, and what they are told: never more than the alias, never the wrong person."""

import re
from datetime import timedelta

from mailcore import undelivered_counts
from mailcore.clock import ShiftedClock
from mailcore.envelope import Mailbox
from mailcore.plans import Lane
from mailcore.runtime import open_runtime
from mailcore.srs import Srs
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.stack import Stack, until
from workers.letters import send_letters
from workers.notices import tell_undelivered

NO_SUCH_USER = "550 5.1.1 <you@inbox.test>: no such user at mx7.inbox.test"
HIDDEN = (b"you@inbox.test", b"inbox.test", b"mx7.inbox", b"no such user")


async def test_a_hard_bounce_tells_the_sender_about_the_alias_and_nothing_else(opened: Opener) -> None:
    async with (
        Destination({"RCPT": NO_SUCH_USER}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test", letter("Lunch", "a private line"))
        (notification,) = await theirs.wait_for(1)
        await stack.idle()
        last = (await stack.timeline(message_id))[-1]
        told = await stack.world.count("undelivered")
    assert (last.type, last.code, last.response) == ("hard-bounced", "5.1.1", f"{NO_SUCH_USER} [no TLS]")
    assert notification.mail.startswith("MAIL FROM:<> ")
    assert notification.rcpt == ("RCPT TO:<ann@sender.test>",)
    assert b"Final-Recipient: rfc822; hello@shop.test\r\n" in notification.content
    assert b"Status: 5.1.1\r\n" in notification.content
    assert b"Subject: Lunch\r\n" in notification.content
    assert b"a private line" not in notification.content
    assert not [word for word in HIDDEN if word in notification.content]
    assert told == 0


async def test_two_destinations_that_fail_at_different_times_cause_one_notification(opened: Opener) -> None:
    refuse = {"now@inbox.test": "550 5.1.1 no", "soon@inbox.test": ["451 4.7.1 wait", "550 5.2.1 no"]}
    async with (
        Destination(recipients=refuse) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "now@inbox.test", "soon@inbox.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        (notification,) = await theirs.wait_for(1)
        await stack.idle()
    assert b"Status: 5.2.1\r\n" in notification.content
    assert len(theirs.messages) == 1


async def test_two_destinations_that_fail_together_cause_one_notification(opened: Opener) -> None:
    async with (
        Destination({"RCPT": NO_SUCH_USER}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "one@inbox.test", "two@inbox.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        await theirs.wait_for(1)
        await stack.idle()
    assert len(theirs.messages) == 1


async def test_mail_of_a_list_causes_no_notification_but_the_owner_is_told(opened: Opener) -> None:
    content = b"List-Id: <news.sender.test>\r\n" + letter()
    async with (
        Destination({"RCPT": NO_SUCH_USER}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test", content)
        await stack.has_event(message_id, "received", "hard-bounced")
        await stack.idle()
        told = await stack.world.value("select count from undelivered")
    assert (told, theirs.messages) == (1, [])


async def test_without_spf_pass_the_owner_is_told_the_next_day_and_the_sender_is_not(opened: Opener) -> None:
    async with (
        Destination({"RCPT": NO_SUCH_USER}) as inbox,
        Destination() as others,
        opened({"inbox.test": inbox, "forged.test": others, "owners.test": others}) as stack,
    ):
        stack.zone.put_txt("forged.test", "v=spf1 -all")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        await stack.start("worker", lane=Lane.FAST)  # letters never wait behind anybody's mail
        message_id = await stack.accepted("hello@shop.test", by="bob@forged.test")
        await stack.has_event(message_id, "received", "hard-bounced")
        await notices_of_tomorrow(stack)
        await notices_of_tomorrow(stack)
        (notice,) = await others.wait_for(1)
        await stack.idle()
    assert [message.rcpt for message in others.messages] == [("RCPT TO:<free@owners.test>",)]
    assert notice.mail.startswith("MAIL FROM:<> ")
    assert b"hello@shop.test" in notice.content
    assert b"5.1.1" in notice.content


async def test_a_bounce_from_the_destination_becomes_our_own_about_the_alias(opened: Opener) -> None:
    async with (
        Destination() as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        return_path = await forwarded(stack, inbox)
        reply = await stack.send(return_path, returned(b"verbatim words"), by="")
        assert reply.startswith("250"), reply
        (notification,) = await theirs.wait_for(1)
        await stack.idle()
    assert re.fullmatch(r"SRS0=[^@]+@clearpost\.test", return_path)
    assert notification.mail.startswith("MAIL FROM:<> ")
    assert notification.rcpt == ("RCPT TO:<ann@sender.test>",)
    assert b"Final-Recipient: rfc822; hello@shop.test\r\n" in notification.content
    assert b"Status: 5.2.2\r\n" in notification.content
    assert not [word for word in (*HIDDEN, b"verbatim words") if word in notification.content]


async def test_a_bounce_for_a_catch_all_comes_back_by_an_opaque_token(opened: Opener) -> None:
    async with (
        Destination() as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("*", "you@inbox.test")
        await stack.start("mx", "worker")
        return_path = await forwarded(stack, inbox, "anything@shop.test")
        assert (await stack.send(return_path, returned(b"verbatim"), by="")).startswith("250")
        (notification,) = await theirs.wait_for(1)
        await stack.idle()
    assert re.fullmatch(r"srst=[a-z2-7]+@clearpost\.test", return_path)
    assert b"Final-Recipient: rfc822; anything@shop.test\r\n" in notification.content


async def test_a_bounce_for_an_unproven_sender_is_counted_for_the_owner(opened: Opener) -> None:
    async with (
        Destination() as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "forged.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        return_path = await forwarded(stack, inbox, by="bob@forged.test")
        assert (await stack.send(return_path, returned(b"verbatim"), by="")).startswith("250")
        row = await stack.world.database.row("select account_id, day, alias, status from undelivered")
        key = await undelivered_counts.key_of(stack.world.keys, row["account_id"], row["day"])
        counted = f"{undelivered_counts.alias_of(key, row['day'], row['alias'])} {row['status']}"
        await stack.idle()
    assert counted == "hello@shop.test 5.2.2"
    assert theirs.messages == []


async def test_a_forged_or_expired_return_address_is_refused_550(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        return_path = await forwarded(stack, inbox)
        forged = return_path.replace("=ann@", "=eve@").replace("=ann", "=eve")
        today = int(stack.world.clock.now().timestamp()) // 86400
        srs = Srs("clearpost.test", stack.keyring().keys("srs"))
        expired = srs.encode(Mailbox("ann", "sender.test"), today - 11, "NB")
        assert expired is not None
        assert forged != return_path
        for address in (forged, expired.address, "SRS0=nonsense@clearpost.test"):
            assert (await stack.send(address, returned(b""), by="")).startswith("550 5.1.1"), address


async def test_a_letter_to_a_return_address_is_refused_554(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        return_path = await forwarded(stack, inbox)
        assert (await stack.send(return_path, letter(), by="")).startswith("554 5.6.0")
        assert (await stack.send(return_path, letter())).startswith("554 5.6.0")
    assert len(inbox.messages) == 1


async def test_mail_to_our_own_postmaster_ends_even_if_nobody_can_be_told(opened: Opener) -> None:
    async with (
        Destination({"RCPT": NO_SUCH_USER}) as inbox,
        opened({"inbox.test": inbox}, postmaster_address="staff@inbox.test") as stack,
    ):
        await stack.start("mx", "worker")
        await stack.accepted("postmaster@clearpost.test", by="bob@forged.test")
        await stack.idle()
        assert await hard_bounces(stack) == 1


async def test_a_notification_that_fails_ends_and_causes_no_other(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 no"}) as nowhere,
        opened({"inbox.test": nowhere, "sender.test": nowhere}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")

        async def both_ended() -> bool:
            return await hard_bounces(stack) == 2

        await until(both_ended)
        await stack.idle()
        assert await stack.world.value("select sum(created)::int from ledger") == 2


async def forwarded(
    stack: Stack, inbox: Destination, to: str = "hello@shop.test", by: str = "ann@sender.test"
) -> str:
    """Forwards a message: the return address that the destination saw."""
    await stack.accepted(to, by=by)
    (message,) = await inbox.wait_for(1)
    await stack.idle()
    found = re.match(r"MAIL FROM:<([^>]*)>", message.mail)
    assert found
    return found[1]


async def hard_bounces(stack: Stack) -> int:
    counted: int = await stack.world.value("select count(*) from log_event where type = 'hard-bounced'")
    return counted


async def notices_of_tomorrow(stack: Stack) -> None:
    """The upkeep of the next day, doing these two duties."""
    tomorrow = ShiftedClock(timedelta(days=1))
    async with open_runtime(stack.settings, role="upkeep", lane=Lane.STANDARD, clock=tomorrow) as runtime:
        await tell_undelivered(runtime.database, runtime.clock)
        await send_letters(runtime)


def returned(words: bytes) -> bytes:
    """What the destination's server writes when it took a message and could not keep it."""
    return b"\r\n".join(
        [
            b"From: MAILER-DAEMON@inbox.test",
            b"Subject: Undelivered Mail Returned to Sender",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            b"",
            b"--b",
            b"Content-Type: text/plain",
            b"",
            b"I'm sorry: <you@inbox.test> is full at mx7.inbox.test. " + words,
            b"--b",
            b"Content-Type: message/delivery-status",
            b"",
            b"Reporting-MTA: dns; mx7.inbox.test",
            b"",
            b"Final-Recipient: rfc822; you@inbox.test",
            b"Action: failed",
            b"Status: 5.2.2",
            b"Diagnostic-Code: smtp; 552 5.2.2 you@inbox.test is full",
            b"",
            b"--b--",
            b"",
        ]
    )
