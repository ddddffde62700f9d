"""A sender that tells when each message was begun, sent and answered: for load, and for probes.

Pipelines as a mail server does (RFC 2920). Must never leave loopback, nor decide what is sent.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import cast


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be sent: envelope, and content with CRLF line ends and no line that begins with a dot."""

    number: int
    sender: str
    recipients: Sequence[str]
    content: bytes


@dataclass(slots=True)
class Sent:
    """What became of it. Moments in seconds of the monotonic clock; 0 where it did not come so far.

    `knocked`: the connection was begun, or the one before was answered on it. `dot`: the content left us.
    `answered`: the last reply came, `reply`; a refusal is 4xx, 5xx, or `lost` for a broken connection.
    """

    letter: Letter
    knocked: float
    dot: float = 0.0
    answered: float = 0.0
    reply: str = ""

    @property
    def is_taken(self) -> bool:
        return self.dot > 0 and self.reply.startswith("250")


class Dialogue(asyncio.Protocol):
    """One connection: takes letter after letter from `take` until it has none, and tells `told` of each."""

    def __init__(self, take: Callable[[], Letter | None], told: Callable[[Sent], None]) -> None:
        self._take = take
        self._told = told
        self._transport: asyncio.Transport | None = None
        self._input = b""
        self._awaited: list[str] = ["banner"]
        self._refusal = ""
        self._sent: Sent | None = None
        self._began = monotonic()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent:
            self._end(self._refusal or "lost")
        if not self.ended.done():
            self.ended.set_result(None)

    def resume_writing(self) -> None:
        """All of a large content has left us only now."""
        if self._sent and self._awaited == ["dot"]:
            self._sent.dot = monotonic()

    def data_received(self, data: bytes) -> None:
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            if line[3:4] != b"-" and self._awaited:
                self._hear(self._awaited.pop(0), line.decode("latin-1").strip())

    def _hear(self, to: str, reply: str) -> None:
        if to == "banner" and reply.startswith("2"):
            self._say(b"EHLO mail.src.test\r\n", "greeting")
        elif to == "greeting" and reply.startswith("2"):
            self._next()
        elif to in ("banner", "greeting"):
            self._sent = self._fresh()
            self._end(reply)
            self._close()
        elif to == "dot":
            self._end(reply)
            self._next()
        elif to == "data" and reply.startswith("354"):
            self._send_content()
        elif to == "data":
            self._end(self._refusal or reply)
            self._close()
        elif not reply.startswith("2"):
            self._refusal = self._refusal or reply

    def _fresh(self) -> Sent | None:
        letter = self._take()
        return Sent(letter, self._began) if letter else None

    def _next(self) -> None:
        self._sent = self._fresh()
        if self._sent is None:
            self._close()
            return
        letter, self._refusal = self._sent.letter, ""
        commands = [f"MAIL FROM:<{letter.sender}>", *(f"RCPT TO:<{r}>" for r in letter.recipients), "DATA"]
        self._say(
            "".join(f"{command}\r\n" for command in commands).encode(),
            "mail", *("rcpt" for _ in letter.recipients), "data",
        )  # fmt: skip

    def _send_content(self) -> None:
        assert self._sent
        self._say(self._sent.letter.content + b".\r\n", "dot")
        self._sent.dot = monotonic()

    def _end(self, reply: str) -> None:
        sent, self._sent = self._sent, None
        if sent:
            sent.answered, sent.reply = monotonic(), reply
            self._began = sent.answered
            self._told(sent)

    def _say(self, octets: bytes, *awaited: str) -> None:
        assert self._transport
        self._awaited += awaited
        self._transport.write(octets)

    def _close(self) -> None:
        if self._transport:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()


@dataclass(slots=True)
class Count:
    """How many letters were taken, and which refusals came how often, by the first word or two."""

    taken: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, sent: Sent) -> None:
        if sent.is_taken:
            self.taken += 1
        else:
            words = " ".join(sent.reply.split()[:2])
            self.refused[words] = self.refused.get(words, 0) + 1


async def connect(address: str, port: int, dialogue: Dialogue) -> None:
    """Opens the connection from `address`, which is one of loopback. Raises OSError."""
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: dialogue, "127.0.0.1", port, local_addr=(address, 0))
