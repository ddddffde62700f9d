"""A sending server: speaks SMTP to our door, octet by octet, and keeps our replies as they came.

Must never repair what it sends: a journey compares bytes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

# Stands in the body of every letter: no table, no Redis key and no log line may ever show it.
PRIVATE = "what is written here is for you alone"


class Sender:
    """One connection to a receiver of ours, past EHLO."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, line: str | bytes) -> str:
        """One command, and the last line of the reply. Raises ConnectionError when there is none."""
        wire = line.encode() if isinstance(line, str) else line
        self._writer.write(wire + b"\r\n")
        return await self.reply()

    async def reply(self) -> str:
        while True:
            line = await self._reader.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionError("the server went away without a reply")
            if line[3:4] != b"-":
                return line[:-2].decode()

    async def mail(self, sender: str, recipients: Sequence[str], content: bytes, *parameters: str) -> str:
        """A whole transaction: the reply to the final dot, or the first refusal before it."""
        for line in (
            " ".join([f"MAIL FROM:<{sender}>", *parameters]),
            *(f"RCPT TO:<{r}>" for r in recipients),
        ):
            if not (reply := await self.say(line)).startswith("2"):
                return reply
        if not (reply := await self.say("DATA")).startswith("354"):
            return reply
        return await self.content(content)

    async def content(self, content: bytes) -> str:
        """Content with CRLF line ends, dot-stuffed here, and the final dot."""
        await self.put(content)
        return await self.say(b".")

    async def put(self, content: bytes) -> None:
        """The same, up to the final dot."""
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        self._writer.write((b"." if stuffed.startswith(b".") else b"") + stuffed)
        await self._writer.drain()


@asynccontextmanager
async def sender_at(
    port: int, name: str = "mail.sender.test", host: str = "127.0.0.1"
) -> AsyncIterator[Sender]:
    """A connection to this port, closed without a word at the end."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    try:
        sender = Sender(reader, writer)
        greeting = await sender.reply()
        if not greeting.startswith("220"):
            raise ConnectionError(greeting)
        await sender.say(f"EHLO {name}")
        yield sender
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def send(port: int, sender: str, recipient: str, content: bytes, *parameters: str) -> str:
    """One message on a connection of its own: the reply that ended it."""
    async with sender_at(port) as connection:
        return await connection.mail(sender, [recipient], content, *parameters)


def letter(subject: str = "Lunch", text: str = "See you at noon.", sender: str = "ann@sender.test") -> bytes:
    """A small message as a person writes it."""
    lines = [
        f"From: Ann <{sender}>",
        "To: <hello@shop.test>",
        f"Subject: {subject}",
        "Date: Mon, 1 Jun 2026 12:00:00 +0000",
        "Message-ID: <1@sender.test>",
        "",
        text,
        PRIVATE,
        "",
    ]
    return "\r\n".join(lines).encode()
