"""Many senders at once, on several processes: all arrives, once, byte for byte, and nothing stays behind."""

import asyncio
from collections import Counter

from mailcore.plans import Lane
from tests.journeys.conftest import Opener
from tests.support.crowd import Stubborn, below_our_headers, letters
from tests.support.destination import Act, Destination, Script
from tests.support.sender import sender_at
from tests.support.stack import QUICK_DEATH, Stack
from tests.support.sweeping import sweep

LATER = "451 4.7.1 Greylisted, come again"
SLOW: Script = {"RCPT": [LATER] * 100, "DOT": Act("250 2.0.0 Accepted", seconds=0.03)}
CLIENTS, EACH = 50, 20


async def test_a_crowd_of_senders_is_served_once_each_byte_for_byte(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        premium = await stack.world.account("premium")
        await stack.world.alias(await stack.world.domain(premium, "fast.test"), "hello", "fast@inbox.test")
        await stack.alias("hello", "you@inbox.test")
        await stack.spawn_all(
            ("mx", Lane.STANDARD),
            ("mx", Lane.STANDARD),
            ("mx", Lane.FAST),
            ("worker", Lane.STANDARD),
            ("worker", Lane.FAST),
        )
        sent = [letters(client) for client in range(CLIENTS)]
        await asyncio.gather(*(client(stack, number, sent[number]) for number in range(CLIENTS)))
        messages = await inbox.wait_for(CLIENTS * EACH, timeout=60)
        await stack.idle()
        await stack.stop_all()
        await sweep(stack)
        ended = await stack.world.value("select count(*) from log_event where type = 'delivered'")
        left = list(stack.segments.iterdir())
    assert Counter(map(below_our_headers, messages)) == Counter(each for some in sent for each in some)
    assert ended == CLIENTS * EACH
    assert left == []


async def client(stack: Stack, number: int, contents: list[bytes]) -> None:
    """Even ones write to the standard lane through its mx, odd ones to the fast lane through its own."""
    fast = number % 2 == 1
    port = stack.settings.fast_mx_port if fast else stack.settings.mx_port
    recipient = "hello@fast.test" if fast else "hello@shop.test"
    async with sender_at(port) as sender:
        for content in contents:
            reply = await sender.mail("ann@sender.test", [recipient], content)
            assert reply.startswith("250"), reply


async def test_sigterm_under_load_loses_and_repeats_nothing(opened: Opener) -> None:
    async with Destination(SLOW) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        senders = crowd(stack, 12)
        sending = asyncio.gather(*(sender.send_all() for sender in senders))
        for _ in range(2):
            await inbox.wait_for(len(inbox.messages) + 40, timeout=30)
            await asyncio.gather(stack.stop(receiver), stack.stop(worker))
            receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        await sending
        await stack.idle()
    assert Counter(map(below_our_headers, inbox.messages)) == everything(senders)
    assert sum(sender.cut_after_dot for sender in senders) == 0
    assert {reply for sender in senders for reply in sender.refused} <= {"421 4.3.2"}


async def test_kill_9_under_load_loses_nothing_and_repeats_what_was_in_flight_at_most(opened: Opener) -> None:
    kills = 2
    async with Destination(SLOW) as inbox, opened({"inbox.test": inbox}, **QUICK_DEATH) as stack:
        await stack.alias("hello", "you@inbox.test")
        receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        senders = crowd(stack, 12)
        sending = asyncio.gather(*(sender.send_all() for sender in senders))
        for _ in range(kills):
            await inbox.wait_for(len(inbox.messages) + 40, timeout=30)
            await asyncio.gather(stack.kill(receiver), stack.kill(worker))
            receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        await sending
        await stack.idle()
        await stack.stop_all()
        await sweep(stack)
        left = list(stack.segments.iterdir())
    copies = Counter(map(below_our_headers, inbox.messages))
    assert copies.keys() == everything(senders).keys()
    assert max(copies.values()) <= 1 + kills
    assert {reply for sender in senders for reply in sender.refused} <= {"451 4.3.0"}
    assert left == []


def crowd(stack: Stack, size: int) -> list[Stubborn]:
    return [Stubborn(stack.settings.mx_port, "hello@shop.test", letters(number)) for number in range(size)]


def everything(senders: list[Stubborn]) -> Counter[bytes]:
    return Counter(each for sender in senders for each in sender.contents)
