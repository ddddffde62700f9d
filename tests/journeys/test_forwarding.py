"""A message comes, is forwarded and is gone: what arrives, what the log keeps, what the spool keeps."""

from datetime import timedelta

from mailcore.database import Tenant
from mailcore.log_reader import LogFilter
from mailcore.plans import Lane, Plan
from tests.journeys.conftest import Opener
from tests.support import disk_image
from tests.support.destination import Destination
from tests.support.sender import letter, send, sender_at


async def test_a_message_is_forwarded_and_its_bytes_are_deleted(opened: Opener) -> None:
    secret = "The key lies under the third flower pot."
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        content = letter(text=secret)
        await stack.accepted("hello@shop.test", content)
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.rcpt == ("RCPT TO:<you@inbox.test>",)
    assert message.content.endswith(content)
    kept = b"".join(disk_image.texts(stack.settings.spool_dir, stack.settings.key_dir))
    assert secret.encode() not in kept
    assert b"ann@sender.test" not in kept


async def test_the_timeline_has_exactly_the_fields_of_the_policy(opened: Opener) -> None:
    async with (
        Destination({"DOT": "250 2.6.0 taken, thanks"}) as inbox,
        opened({"inbox.test": inbox}) as stack,
    ):
        stack.zone.put("1.0.0.127.in-addr.arpa", "PTR", "mail.sender.test.")
        stack.zone.put("mail.sender.test", "A", "127.0.0.1")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", letter("Lunch at noon"))
        await stack.has_event(message_id, "received", "delivered")
        message = await stack.reader().message(Tenant(stack.account.id), message_id)
        received, delivered = await stack.timeline(message_id)
    assert message is not None
    assert (message.client_ip, message.client_name) == ("127.0.0.1", "mail.sender.test")
    assert (message.subject, message.sender) == ("Lunch at noon", "Ann <ann@sender.test>")
    assert (message.alias, message.domain_id) == ("hello@shop.test", stack.domain.id)
    assert (received.code, received.server_ip) == ("2.0.0", "127.0.0.1")
    found = "spf=pass dkim=none dmarc=none arc=none"
    assert received.response == f"250 2.0.0 Queued as {message_id}; {found}"
    assert (delivered.code, delivered.response) == ("2.6.0", "250 2.6.0 taken, thanks [no TLS]")
    assert (delivered.server_ip, delivered.attempt) == ("127.0.0.1", 1)
    assert message.received_at == received.at <= delivered.at
    assert timedelta(0) <= delivered.duration <= delivered.at - received.at + timedelta(seconds=1)


async def test_a_busy_mx_leaves_standard_mail_to_a_worker(opened: Opener) -> None:
    always = timedelta(seconds=-1)
    async with (
        Destination() as inbox,
        opened({"inbox.test": inbox}, first_attempt_lag=always) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        assert await stack.world.count("delivery where state = 'waiting' and lease_owner is null") == 1
        await stack.start("worker")
        await stack.has_event(message_id, "received", "delivered")


async def test_the_catch_all_takes_what_no_alias_takes(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("*", "rest@inbox.test")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.accepted("hello@shop.test")
        await inbox.wait_for(1)
        message_id = await stack.accepted("Somebody.Else@shop.test")
        first, second = await inbox.wait_for(2)
        await stack.has_event(message_id, "received", "delivered")
        logged = await stack.reader().message(Tenant(stack.account.id), message_id)
    assert (first.rcpt, second.rcpt) == (("RCPT TO:<you@inbox.test>",), ("RCPT TO:<rest@inbox.test>",))
    assert logged is not None
    assert logged.alias.lower() == "somebody.else@shop.test"


async def test_a_plus_tag_reaches_the_alias_and_stays_in_the_log(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello+news@shop.test")
        (message,) = await inbox.wait_for(1)
        await stack.has_event(message_id, "received", "delivered")
        logged = await stack.reader().message(Tenant(stack.account.id), message_id)
    assert message.rcpt == ("RCPT TO:<you@inbox.test>",)
    assert logged is not None
    assert logged.alias == "hello+news@shop.test"


async def test_a_plus_tag_is_unknown_where_the_domain_switched_it_off(opened: Opener) -> None:
    async with opened({}) as stack:
        plain = await stack.world.domain(stack.account, "plain.test", plus_addressing=False)
        await stack.world.alias(plain, "hello", "you@inbox.test")
        await stack.start("mx")
        assert (await stack.send("hello+news@plain.test")).startswith("550 5.1.1")


async def test_postmaster_of_a_hosted_domain_reaches_the_owner(opened: Opener) -> None:
    async with Destination() as inbox, opened({"owners.test": inbox}) as stack:
        await stack.start("mx")
        message_id = await stack.accepted("postmaster@shop.test")
        (message,) = await inbox.wait_for(1)
        await stack.has_event(message_id, "received", "delivered")
    assert message.rcpt == ("RCPT TO:<free@owners.test>",)


async def test_a_bounce_to_an_alias_is_forwarded_with_a_null_reverse_path(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.accepted("hello@shop.test", by="")
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.mail.startswith("MAIL FROM:<> ")


async def test_the_fast_mx_takes_standard_mail_and_keeps_its_lane(opened: Opener) -> None:
    async with Destination({"RCPT": ["451 4.7.1 wait"]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", lane=Lane.FAST)
        reply = await send(stack.settings.fast_mx_port, "ann@sender.test", "hello@shop.test", letter())
        assert reply.startswith("250")
        await stack.start("worker", lane=Lane.STANDARD)
        await inbox.wait_for(1)
        await stack.idle()


async def test_a_destination_with_starttls_is_spoken_to_in_secret(opened: Opener) -> None:
    async with Destination(tls="self-signed") as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.accepted("hello@shop.test")
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.tls


async def test_recipients_of_one_transaction_share_bytes_and_each_has_a_timeline(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        for name in ("one", "two", "three"):
            await stack.alias(name, f"{name}@inbox.test")
        await stack.start("mx")
        async with sender_at(stack.settings.mx_port) as sender:
            recipients = [f"{name}@shop.test" for name in ("one", "two", "three")]
            reply = await sender.mail("ann@sender.test", recipients, letter())
        assert reply.startswith("250")
        messages = await inbox.wait_for(3)
        await stack.idle()
        logged = (await stack.reader().messages(Tenant(stack.account.id), LogFilter(), None, 10)).rows
    assert sorted(m.rcpt[0] for m in messages) == [
        f"RCPT TO:<{name}@inbox.test>" for name in ("one", "three", "two")
    ]
    assert sorted((row.message.alias, row.last_event) for row in logged) == [
        (f"{name}@shop.test", "delivered") for name in ("one", "three", "two")
    ]


async def test_a_message_beyond_memory_is_streamed_and_arrives_byte_for_byte(opened: Opener) -> None:
    content = letter() + b"".join(b"%070d\r\n" % line for line in range(20_000))
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        premium = await stack.world.account("premium", Plan.PREMIUM)
        shop = await stack.world.domain(premium, "big.test")
        await stack.world.alias(shop, "hello", "you@inbox.test")
        await stack.start("mx")
        reply = await send(stack.settings.mx_port, "ann@sender.test", "hello@big.test", content)
        assert reply.startswith("250")
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.content.endswith(content)
