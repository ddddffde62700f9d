"""Processes die without warning: no accepted message is lost, and each lost attempt has its event."""

import asyncio

from mailcore.event_log import Event
from tests.journeys.conftest import Opener
from tests.support.destination import Act, Destination
from tests.support.sender import letter, sender_at
from tests.support.stack import QUICK_DEATH

INTERRUPTED = ["received", "soft-bounced", "delivered"]


async def test_a_worker_killed_in_mid_delivery_loses_nothing(opened: Opener) -> None:
    never = asyncio.Event()
    async with (
        Destination({"DATA": [Act("354 Go ahead", until=never)]}) as inbox,
        opened({"inbox.test": inbox}, first_attempts=0, **QUICK_DEATH) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        worker = await stack.spawn("worker")
        await stack.start("mx")
        content = letter(text="survives")
        message_id = await stack.accepted("hello@shop.test", content)
        await inbox.reach("DATA")
        await stack.kill(worker)
        await stack.start("worker")
        await stack.has_event(message_id, *INTERRUPTED)
        _, lost, delivered = await stack.timeline(message_id)
    assert_interrupted(lost, delivered)
    assert [message.content.endswith(content) for message in inbox.messages] == [True]


async def test_a_receiver_killed_after_its_250_loses_nothing(opened: Opener) -> None:
    never = asyncio.Event()
    async with (
        Destination({"RCPT": [Act("250 OK", until=never)]}) as inbox,
        opened({"inbox.test": inbox}, **QUICK_DEATH) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        receiver = await stack.spawn("mx")
        content = letter(text="survives")
        message_id = await stack.accepted("hello@shop.test", content)
        await inbox.reach("RCPT")
        await stack.kill(receiver)
        await stack.start("worker")
        await stack.has_event(message_id, *INTERRUPTED)
        _, lost, delivered = await stack.timeline(message_id)
    assert_interrupted(lost, delivered)
    assert [message.content.endswith(content) for message in inbox.messages] == [True]


async def test_a_receiver_killed_before_its_250_delivers_nothing(opened: Opener) -> None:
    """The sender has no reply and comes again: its second try is the only copy."""
    async with Destination() as inbox, opened({"inbox.test": inbox}, **QUICK_DEATH) as stack:
        await stack.alias("hello", "you@inbox.test")
        receiver = await stack.spawn("mx")
        async with sender_at(stack.settings.mx_port) as sender:
            for line in ("MAIL FROM:<ann@sender.test>", "RCPT TO:<hello@shop.test>", "DATA"):
                await sender.say(line)
            await stack.kill(receiver)
        await stack.start("mx", "worker")
        await stack.accepted("hello@shop.test")
        await inbox.wait_for(1)
        await stack.idle()
    assert len(inbox.messages) == 1


async def test_a_worker_killed_after_the_dot_repeats_the_message_once_at_most(opened: Opener) -> None:
    """Nobody can know whether the server took it: at least once is what we promise."""
    never = asyncio.Event()
    async with (
        Destination({"DOT": [Act("250 OK", until=never)]}) as inbox,
        opened({"inbox.test": inbox}, first_attempts=0, **QUICK_DEATH) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        worker = await stack.spawn("worker")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await inbox.wait_for(1)
        await stack.kill(worker)
        await stack.start("worker")
        await stack.has_event(message_id, *INTERRUPTED)
    assert len(inbox.messages) == 2


async def test_a_frozen_worker_that_was_declared_dead_sends_nothing_and_ends(opened: Opener) -> None:
    thaw = asyncio.Event()
    async with (
        Destination({"DATA": [Act("354 Go ahead", until=thaw)]}) as inbox,
        opened({"inbox.test": inbox}, first_attempts=0, **QUICK_DEATH) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        frozen = await stack.spawn("worker")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await inbox.reach("DATA")
        frozen.freeze()
        await stack.start("worker")
        await stack.has_event(message_id, *INTERRUPTED)
        frozen.thaw()
        thaw.set()
        stack.running.remove(frozen)
        assert await frozen.ended() == 1
        assert await stack.types(message_id) == INTERRUPTED
    assert len(inbox.messages) == 1


async def test_a_worker_declared_dead_waits_for_no_reply_that_counts_no_more(opened: Opener) -> None:
    never = asyncio.Event()
    async with (
        Destination({"DOT": [Act("250 OK", until=never)]}) as inbox,
        opened({"inbox.test": inbox}, first_attempts=0, **QUICK_DEATH) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        frozen = await stack.spawn("worker")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await inbox.wait_for(1)
        frozen.freeze()
        await stack.start("worker")
        await stack.has_event(message_id, *INTERRUPTED)
        frozen.thaw()
        stack.running.remove(frozen)
        assert await frozen.ended() == 1
    assert len(inbox.messages) == 2


def assert_interrupted(lost: Event, delivered: Event) -> None:
    assert (lost.code, lost.response, lost.attempt) == ("4.3.0", "attempt interrupted", 1)
    assert delivered.attempt == 2
