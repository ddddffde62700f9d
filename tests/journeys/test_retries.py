"""What does not go at once: tried again, given up, cancelled, held; each with an event for each attempt."""

from datetime import timedelta

from customers import aliases
from mailcore import ledger
from mailcore.plans import Lane
from mailcore.spool_record import HEADER_BYTES
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.stack import Stack, until
from tests.support.sweeping import sweep

LATER = "451 4.7.1 Greylisted, come again"
NEVER = (timedelta(hours=1),)


async def test_a_greylisted_message_is_delivered_at_the_next_attempt(opened: Opener) -> None:
    async with Destination({"RCPT": [LATER, LATER]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        content = letter()
        message_id = await stack.accepted("hello@shop.test", content)
        await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced", "delivered")
        _, first, second, third = await stack.timeline(message_id)
    assert (first.code, first.response, first.attempt) == ("4.7.1", f"{LATER} [no TLS]", 1)
    assert (second.attempt, third.attempt) == (2, 3)
    assert [message.content.endswith(content) for message in inbox.messages] == [True]


async def test_of_two_destinations_one_fails_and_the_other_is_delivered(opened: Opener) -> None:
    refuses = {"gone@inbox.test": "550 5.1.1 No such user"}
    async with Destination(recipients=refuses) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test", "gone@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.idle()
        events = await stack.timeline(message_id)
        told = await stack.world.count("undelivered")
    assert sorted(event.type for event in events) == ["delivered", "hard-bounced", "received"]
    assert [message.rcpt for message in inbox.messages] == [("RCPT TO:<you@inbox.test>",)]
    assert told == 0, "the message reached somebody: nobody is told that it failed"


async def test_of_two_destinations_the_slow_one_does_not_repeat_the_other(opened: Opener) -> None:
    greylists = {"slow@inbox.test": [LATER, LATER]}
    async with Destination(recipients=greylists) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test", "slow@inbox.test")
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        await stack.idle()
    assert sorted(message.rcpt[0] for message in inbox.messages) == [
        "RCPT TO:<slow@inbox.test>",
        "RCPT TO:<you@inbox.test>",
    ]


async def test_the_retries_go_on_across_a_restart_of_the_worker(opened: Opener) -> None:
    async with Destination({"RCPT": [LATER, LATER, LATER]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        worker = await stack.start("worker", standard_ladder=(timedelta(seconds=0.2), NEVER[0]))
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced")
        await stack.stop(worker)
        await make_due(stack)
        await stack.start("worker")
        await stack.has_event(
            message_id, "received", "soft-bounced", "soft-bounced", "soft-bounced", "delivered"
        )
    assert len(inbox.messages) == 1


async def test_an_alias_deleted_while_its_mail_waits_ends_it_and_says_so(opened: Opener) -> None:
    async with Destination({"RCPT": LATER}) as inbox, Destination() as theirs:
        routes = {"inbox.test": inbox, "sender.test": theirs}
        async with opened(routes, standard_ladder=NEVER) as stack:
            alias = await stack.alias("hello", "you@inbox.test")
            await stack.start("mx", "worker")
            message_id = await stack.accepted("hello@shop.test")
            await stack.has_event(message_id, "received", "soft-bounced")
            async with stack.world.database.session() as session:
                await aliases.remove(session, stack.account.id, alias.id)
            await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
            last = (await stack.timeline(message_id))[-1]
            (notification,) = await theirs.wait_for(1)
            await stack.idle()
    assert (last.code, last.attempt) == ("5.2.1", 2)
    assert last.response == "cancelled: the alias was deleted by its owner"
    assert b"hello@shop.test" in notification.content
    assert inbox.messages == []


async def test_a_damaged_record_is_held_and_nothing_empty_is_sent(opened: Opener) -> None:
    async with Destination({"RCPT": [LATER]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", letter())
        await stack.has_event(message_id, "received", "soft-bounced")
        flip_a_byte(stack)
        await stack.start("worker")

        async def is_held() -> bool:
            return bool(await stack.world.value("select count(*) from delivery where state = 'held'"))

        await until(is_held)
        (line,) = await ledger.balance(stack.world.database)
    assert (line.held, line.waiting) == (1, 0)
    assert inbox.messages == inbox.refused == []


async def test_a_damaged_record_whose_alias_was_deleted_ends_all_the_same(opened: Opener) -> None:
    async with (
        Destination({"RCPT": LATER}) as inbox,
        opened({"inbox.test": inbox}, standard_ladder=NEVER) as stack,
    ):
        alias = await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test", letter())
        await stack.has_event(message_id, "received", "soft-bounced")
        flip_a_byte(stack)
        async with stack.world.database.session() as session:
            await aliases.remove(session, stack.account.id, alias.id)
        await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
        await stack.idle()


async def test_what_waits_long_is_moved_and_still_arrives_byte_for_byte(opened: Opener) -> None:
    content = letter(text="patience")
    quickly = {"segment_age": timedelta(0), "survivor_age": timedelta(0)}
    async with (
        Destination({"RCPT": [LATER]}) as inbox,
        opened({"inbox.test": inbox}, standard_ladder=NEVER, **quickly) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        receiver = await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test", content)
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.stop(receiver)
        await sweep(stack)
        assert [path.suffix for path in stack.segments.iterdir()] == [".long"]
        await make_due(stack)
        await stack.start("worker")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
    assert [message.content.endswith(content) for message in inbox.messages] == [True]


async def test_a_message_is_given_up_after_four_days_and_its_sender_is_told(opened: Opener) -> None:
    async with Destination({"RCPT": LATER}) as inbox, Destination() as theirs:
        routes = {"inbox.test": inbox, "sender.test": theirs}
        async with opened(routes, standard_ladder=NEVER) as stack:
            await stack.alias("hello", "you@inbox.test")
            await stack.start("mx", "worker")
            message_id = await stack.accepted("hello@shop.test")
            await stack.has_event(message_id, "received", "soft-bounced")
            for table in ("message", "delivery"):
                await stack.world.execute(f"update {table} set accepted_at = accepted_at - interval '4 days'")
            await make_due(stack)
            await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
            last = (await stack.timeline(message_id))[-1]
            (notification,) = await theirs.wait_for(1)
            await stack.idle()
    assert (last.code, last.response) == ("4.4.7", f"{LATER} [no TLS]")
    assert notification.mail.startswith("MAIL FROM:<> ")
    assert b"Status: 4.4.7\r\n" in notification.content


async def test_a_missing_domain_is_believed_only_when_it_is_missing_again(opened: Opener) -> None:
    async with opened({}, standard_ladder=NEVER) as stack:
        await stack.alias("hello", "you@nowhere.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await make_due(stack)
        await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced")
        await stack.world.execute(
            "update delivery set no_domain_since = no_domain_since - interval '31 minutes'"
        )
        await make_due(stack)
        await stack.has_event(message_id, "received", "soft-bounced", "soft-bounced", "hard-bounced")
        codes = [event.code for event in await stack.timeline(message_id)]
    assert codes == ["2.0.0", "4.1.2", "4.1.2", "5.1.2"]


async def test_a_null_mx_is_a_hard_bounce_at_once(opened: Opener) -> None:
    async with opened({}) as stack:
        stack.zone.put("no-mail.test", "MX", "0 .")
        await stack.alias("hello", "you@no-mail.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "hard-bounced")
        last = (await stack.timeline(message_id))[-1]
    assert last.code == "5.1.10"
    assert last.response.startswith("556 5.1.10")


async def test_an_mx_that_leads_to_loopback_is_never_connected_to(opened: Opener) -> None:
    async with Destination() as inside, opened({}, standard_ladder=NEVER) as stack:
        stack.zone.put("evil.test", "MX", "10 inside.evil.test.")
        stack.zone.put("inside.evil.test", "A", "127.0.0.1")
        await stack.alias("hello", "you@evil.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        last = (await stack.timeline(message_id))[-1]
    assert last.code == "4.4.4"
    assert inside.connections == 0


async def test_an_account_deleted_while_its_mail_waits_leaves_nothing_in_the_queue(opened: Opener) -> None:
    async with (
        Destination({"RCPT": LATER}) as inbox,
        opened({"inbox.test": inbox}, standard_ladder=NEVER) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test", by="bob@forged.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.world.execute("delete from account")
        await make_due(stack)
        await stack.has_event(message_id, "received", "soft-bounced", "hard-bounced")
        await stack.idle()


async def test_the_fast_lane_retries_with_a_worker_of_its_own(opened: Opener) -> None:
    async with Destination({"RCPT": [LATER]}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.world.execute("update account set plan = 'premium'")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.start("worker", lane=Lane.FAST)
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")


async def make_due(stack: Stack) -> None:
    """Nobody waits an hour: the next attempt is due now."""
    await stack.world.execute("update delivery set next_attempt_at = now() where lease_owner is null")


def flip_a_byte(stack: Stack) -> None:
    """In the content of the first record of the only segment."""
    (path,) = stack.segments.iterdir()
    raw = bytearray(path.read_bytes())
    raw[HEADER_BYTES] ^= 1
    path.write_bytes(raw)
