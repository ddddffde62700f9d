"""A crowd of sending servers: letters that can be told apart, and senders that come again.

Must never count a letter as sent before its 250.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tests.support.destination import Received
from tests.support.on_top import OURS
from tests.support.sender import Sender, letter, sender_at


def letters(client: int, count: int = 20) -> list[bytes]:
    """No two alike, of many sizes, with lines that begin with dots."""
    return [
        letter(f"{client}-{number}", "\r\n".join([".", "..x", "y" * (client * number % 900)] * 3))
        for number in range(count)
    ]


def below_our_headers(message: Received) -> bytes:
    ours = OURS.match(message.content)
    assert ours
    return message.content[ours.end() :]


@dataclass(slots=True)
class Stubborn:
    """A sending server with a queue: what got no 250 is sent again, to whoever listens by then."""

    port: int
    recipient: str
    contents: list[bytes]
    accepted: int = 0
    cut_after_dot: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    async def send_all(self) -> None:
        while self.accepted < len(self.contents):
            try:
                async with sender_at(self.port) as sender:
                    while self.accepted < len(self.contents):
                        await self._send(sender, self.contents[self.accepted])
            except ConnectionError:
                await asyncio.sleep(0.05)  # nobody listens just now

    async def _send(self, sender: Sender, content: bytes) -> None:
        for line in ("MAIL FROM:<ann@sender.test>", f"RCPT TO:<{self.recipient}>", "DATA"):
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
