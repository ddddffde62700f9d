"""A mail server between us and us: what it takes, it hands to our mx again, changed as such servers do.

It bounces what we refuse, as RFC 5321 section 6.1 asks. Must never keep a message back.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.support import sender
from tests.support.destination import Destination, Received

Change = Callable[[bytes], bytes]


class Relay:
    """`passed`: (recipient, our reply) of each message, in order."""

    def __init__(self, mx_port: int, inbox: Destination, change: Change) -> None:
        self._mx_port = mx_port
        self._inbox = inbox
        self._change = change
        self.passed: list[tuple[str, str]] = []

    async def run(self) -> None:
        while True:
            messages = await self._inbox.wait_for(len(self.passed) + 1, timeout=3600)
            await self._pass_on(messages[len(self.passed)])

    async def _pass_on(self, message: Received) -> None:
        (recipient,) = (_path(line) for line in message.rcpt)
        reverse_path = _path(message.mail)
        content = b"Received: from us by relay.test; 1 Jun 2026 12:00:00 +0000\r\n" + self._change(
            message.content
        )
        reply = await sender.send(self._mx_port, reverse_path, recipient, content)
        self.passed.append((recipient, reply))
        if reply.startswith("5") and reverse_path:
            await sender.send(self._mx_port, "", reverse_path, _bounce(reply))


def _path(line: str) -> str:
    found = re.search(r"<([^>]*)>", line)
    assert found
    return found[1]


def _bounce(reply: str) -> bytes:
    status = reply.split()[1]
    return (
        b"From: mailer-daemon@relay.test\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.test\r\n\r\n"
        b"Final-Recipient: rfc822; whoever@relay.test\r\nAction: failed\r\nStatus: %s\r\n\r\n--b--\r\n"
        % status.encode()
    )


@asynccontextmanager
async def relaying(
    mx_port: int, inbox: Destination, change: Change = lambda content: content
) -> AsyncIterator[Relay]:
    relay = Relay(mx_port, inbox, change)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
