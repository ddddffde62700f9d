"""Many senders at once, on several processes: all arrives, once, byte for byte, and nothing stays behind."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

from mailcore.plans import Lane
from mailcore.runtime import segment_writer
from mailcore.spool_sweep import SpoolSweep
from tests.journeys.conftest import Opener
from tests.support.destination import Destination, Received
from tests.support.sender import Sender, letter, sender_at
from tests.support.stack import Stack

CLIENTS, EACH = 50, 20
# What we add on top: our mark against loops and the trace field, which may be folded.
OURS = re.compile(rb"(?:Clearpost-Loop: [^\r\n]+\r\n)(?:Received: [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)*)")


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


def letters(client: int) -> list[bytes]:
    """No two alike, of many sizes, with lines that begin with dots."""
    return [
        letter(f"{client}-{number}", "\r\n".join([".", "..x", "y" * (client * number % 900)] * 3))
        for number in range(EACH)
    ]


async def client(stack: Stack, number: int, contents: list[bytes]) -> None:
    """Even ones write to the standard lane through its mx, odd ones to the fast lane through its own."""
    fast = number % 2 == 1
    port = stack.settings.fast_mx_port if fast else stack.settings.mx_port
    recipient = "hello@fast.test" if fast else "hello@shop.test"
    async with sender_at(port) as sender:
        for content in contents:
            reply = await sender.mail("ann@sender.test", [recipient], content)
            assert reply.startswith("250"), reply


def below_our_headers(message: Received) -> bytes:
    ours = OURS.match(message.content)
    assert ours
    return message.content[ours.end() :]


async def sweep(stack: Stack) -> None:
    """What upkeep does: twice, for it reclaims only what it has seen settled."""
    spool = stack.spool()
    writer = segment_writer(spool, stack.world.clock, stack.settings, long_wait=True)
    upkeep = SpoolSweep(
        database=stack.world.database,
        spool=spool,
        long_wait=writer,
        clock=stack.world.clock,
        settings=stack.settings,
    )
    await upkeep.sweep()
    await upkeep.sweep()
    spool.close()


@dataclass(slots=True)
class Stubborn:
    """A sending server with a queue: what got no 250 is sent again, to whoever listens by then."""

    stack: Stack
    contents: list[bytes]
    accepted: int = 0
    cut_after_dot: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    async def send_all(self) -> None:
        while self.accepted < len(self.contents):
            try:
                async with sender_at(self.stack.settings.mx_port) as sender:
                    while self.accepted < len(self.contents):
                        await self._send(sender, self.contents[self.accepted])
            except ConnectionError:
                await asyncio.sleep(0.05)  # nobody listens just now

    async def _send(self, sender: Sender, content: bytes) -> None:
        for line in ("MAIL FROM:<ann@sender.test>", "RCPT TO:<hello@shop.test>", "DATA"):
            reply = await sender.say(line)
            if reply[0] not in "23":
                self._note(reply)
        try:
            reply = await sender.content(content)
        except ConnectionError:
            self.cut_after_dot += 1
            raise
        if not reply.startswith("250"):
            self._note(reply)
        self.accepted += 1

    def _note(self, reply: str) -> None:
        self.refused[reply[:9]] += 1
        raise ConnectionError(reply)


async def test_sigterm_under_load_loses_and_repeats_nothing(opened: Opener) -> None:
    async with Destination({"RCPT": "250 OK"}) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        senders = [Stubborn(stack, letters(number)) for number in range(12)]
        sending = asyncio.gather(*(sender.send_all() for sender in senders))
        for _ in range(2):
            await inbox.wait_for(len(inbox.messages) + 40, timeout=30)
            await stack.stop(receiver)
            await stack.stop(worker)
            receiver, worker = await stack.spawn_all(("mx", Lane.STANDARD), ("worker", Lane.STANDARD))
        await sending
        messages = await inbox.wait_for(12 * EACH, timeout=30)
        await stack.idle()
    assert Counter(map(below_our_headers, messages)) == Counter(
        each for sender in senders for each in sender.contents
    )
    assert sum(sender.cut_after_dot for sender in senders) == 0
    assert {reply for sender in senders for reply in sender.refused} <= {"421 4.3.2"}
