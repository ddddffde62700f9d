"""A source of mail: letters with an id of their own, sent as a real server does, again and again.

It keeps every reply, and what it does not know: a connection lost after the dot may or may not have been
taken. Must never repair what it sends.
"""

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcore.plans import Lane
from tests.faults.rig import STANDARD, TENANTS, Rig
from tests.support.sender import sender_at

SENDER = "ann@sender.test"
SECRET = "content-that-nobody-may-keep"
_GONE = (OSError, EOFError, TimeoutError)
_numbers = itertools.count(1)


@dataclass(slots=True)
class Letter:
    """One message and what its sender knows: replies that ended an attempt, `unknown` where none came."""

    id: str
    recipient: str
    content: bytes
    replies: list[str] = field(default_factory=list)
    unknown: int = 0

    @property
    def mark(self) -> bytes:
        """Octets that stand in no other letter."""
        return f"{SECRET}-{self.id}".encode()

    @property
    def accepted(self) -> int:
        return sum(reply.startswith("250") for reply in self.replies)


class Load:
    """The letters of one case."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.letters: list[Letter] = []

    def letter(self, alias: str = "inbox", *, domain: str = "shop.test", size: int = 0) -> Letter:
        """A letter that is not sent yet; `size` is at least that many octets of body."""
        number = next(_numbers)
        identifier = f"load-{number:06}"
        body = f"{SECRET}-{identifier}\r\n.a line that begins with a dot\r\n" + "x" * 70 + "\r\n"
        body += f"{SECRET} {number} ".ljust(70, "y").join(["\r\n"] * (size // 72 + 1))
        lines = [
            f"From: Ann <{SENDER}>",
            f"To: <{alias}@{domain}>",
            f"Subject: {identifier}",
            f"X-Load: {identifier}",
            "",
            body,
        ]
        letter = Letter(identifier, f"{alias}@{domain}", "\r\n".join(lines).encode())
        self.letters.append(letter)
        return letter

    async def attempt(self, letter: Letter, lane: Lane = STANDARD, patience: float = 100) -> str:
        """One SMTP transaction: the reply that ended it, empty where the server went away."""
        dotted = False
        try:
            async with asyncio.timeout(patience), sender_at(self.rig.port(lane)) as to:
                for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{letter.recipient}>", "DATA"):
                    if (reply := await to.say(line))[:1] not in "23":
                        letter.replies.append(reply)
                        return reply
                await to.put(letter.content)
                dotted = True
                reply = await to.say(".")
        except _GONE:
            letter.unknown += dotted
            return ""
        letter.replies.append(reply)
        return reply

    def begin(self, letter: Letter, lane: Lane = STANDARD) -> "asyncio.Task[str]":
        """One attempt, while the case goes on."""
        return asyncio.create_task(self.attempt(letter, lane))

    async def accepted(self, letter: Letter, lane: Lane = STANDARD) -> Letter:
        """One attempt that must be taken."""
        reply = await self.attempt(letter, lane)
        assert reply.startswith("250"), f"not accepted: {reply or 'no reply'}"
        return letter

    async def deliver(self, letter: Letter, lane: Lane = STANDARD, seconds: float = 120) -> Letter:
        """As a real server: until it is taken. The pause grows a little each time."""
        async with asyncio.timeout(seconds):
            for pause in itertools.chain((0.1, 0.2, 0.5), itertools.repeat(1.0)):
                if (reply := await self.attempt(letter, lane, patience=40)).startswith(("2", "5")):
                    assert reply.startswith("250"), f"refused for good: {reply}"
                    return letter
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def flow(self, count: int, *, rate: float, seconds: float = 300) -> None:
        """Letters of all tenants and both lanes, so many a second, each delivered to the end."""
        tasks = []
        async with asyncio.timeout(seconds):
            for _ in range(count):
                letter, lane = self._next(len(self.letters))
                tasks.append(asyncio.create_task(self.deliver(letter, lane, seconds)))
                await asyncio.sleep(1 / rate)
            await asyncio.gather(*tasks)

    def _next(self, number: int) -> tuple[Letter, Lane]:
        """Every other one is premium; now and then one is large, or goes to two destinations."""
        size = 400_000 if number % 50 == 49 else 2000
        if number % 2:
            return self.letter(
                "both" if number % 7 == 0 else "inbox", domain="fast.test", size=size
            ), Lane.FAST
        return self.letter("hello", domain=f"t{number // 2 % TENANTS}.test", size=size), STANDARD

    # --- what arrived ---

    def copies(self) -> Counter[tuple[str, str]]:
        """How often each (letter, destination) is at a sink that did not clearly refuse it."""
        counted: Counter[tuple[str, str]] = Counter()
        for name, sink in self.rig.sinks.items():
            if name != "home":
                counted.update((id_of(m.content), recipient_of(m.rcpt)) for m in sink.messages)
        return counted

    def arrived(self, letter: Letter) -> int:
        return sum(count for (identifier, _), count in self.copies().items() if identifier == letter.id)


def id_of(content: bytes) -> str:
    found = re.search(rb"^X-Load: (\S+)\r$", content[:8000], re.MULTILINE)
    return found[1].decode() if found else ""


def recipient_of(rcpt: Sequence[str]) -> str:
    found = re.search(r"<(.*)>", rcpt[0]) if rcpt else None
    return found[1] if found else ""
