"""A raw SMTP client for tests: sends the octets it is given and reads replies, whatever they are.

Must never help: no dot-stuffing, no line endings, no retries. Every wait ends after ten seconds.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE = 10.0


class SmtpClient:
    """One connection. A reply is the text of all its lines, joined by LF, without CR."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, line: str | bytes) -> str:
        """Send one command line, read its reply."""
        await self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def reply(self) -> str:
        """The next reply, all its lines. Raises EOFError when the server has closed instead."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def line(self) -> str:
        """The next line, without CRLF. Raises EOFError when the server has closed instead."""
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the server closed the connection")
        return line[:-2].decode()

    async def rest(self) -> bytes:
        """What else the server says until it closes the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def hello(self) -> str:
        """The greeting is read and answered with EHLO."""
        await self.reply()
        return await self.say("EHLO client.test")

    async def envelope(self, *recipients: str, sender: str = "someone@sender.test") -> list[str]:
        """MAIL and every RCPT; the replies."""
        commands = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{address}>" for address in recipients)]
        return [await self.say(command) for command in commands]

    async def content(self, content: bytes) -> str:
        """DATA, the content as it is, the final dot; the reply to the dot, or to DATA where it is no 354."""
        reply = await self.say("DATA")
        if not reply.startswith("354"):
            return reply
        await self.send(content + b".\r\n")
        return await self.reply()

    async def starttls(self) -> str:
        """STARTTLS and the handshake; the certificate is not looked at. The reply to STARTTLS."""
        reply = await self.say("STARTTLS")
        await self.handshake()
        return reply

    async def handshake(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(PATIENCE):
            await self.writer.start_tls(context)

    async def close(self) -> None:
        self.writer.transport.abort()

    async def reset(self) -> None:
        """Close with a RST: the server learns at once that nobody will read its answer."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await self.close()


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1", source: str = "") -> AsyncIterator[SmtpClient]:
    """A fresh connection, from that address of ours; its greeting is yet to be read."""
    local = (source, 0) if source else None
    client = SmtpClient(*await asyncio.open_connection(host, port, local_addr=local))
    try:
        yield client
    finally:
        await client.close()
