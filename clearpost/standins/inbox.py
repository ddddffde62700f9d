"""The demo inbox: an SMTP sink that keeps messages in memory. Must never pass one on or write one down."""

import asyncio
import email.errors
import email.header
import logging
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailcore.clock import Clock

KEPT_MESSAGES = 200
KEPT_BYTES = 256 * 1024 * 1024
LARGEST = 100 * 1024 * 1024
LONGEST_FIELD = 998

# Recipients that answer by script, at any domain the inbox serves.
GREYLIST = "greylist"  # 451 the first time a sender comes, then taken
BOUNCE = "bounce"  # 550 always
SLOW = "slow"  # takes its time after the dot
SLOW_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as it came: envelope, raw content, and when."""

    number: int
    at: datetime
    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first field of that name, unfolded and decoded (RFC 2047), cut at 998 characters; or ""."""
        return header_field(self.content, name)


class Inbox:
    """What arrived, newest last; the oldest go when there are too many or they weigh too much."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: deque[Arrived] = deque()
        self._bytes = 0
        self._count = 0
        self._changed = asyncio.Condition()

    def messages(self) -> list[Arrived]:
        return list(self._messages)

    def find(self, number: int) -> Arrived | None:
        return next((message for message in self._messages if message.number == number), None)

    async def take(self, reverse_path: str, recipients: tuple[str, ...], content: bytes) -> None:
        self._count += 1
        self._messages.append(Arrived(self._count, self._clock.now(), reverse_path, recipients, content))
        self._bytes += len(content)
        while len(self._messages) > 1 and (len(self._messages) > KEPT_MESSAGES or self._bytes > KEPT_BYTES):
            self._bytes -= len(self._messages.popleft().content)
        async with self._changed:
            self._changed.notify_all()

    async def wait_beyond(self, number: int, seconds: float) -> None:
        """Return once a message with a higher number is there, or after so many seconds."""
        async with self._changed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: self._count > number), seconds)

    async def wait_for(self, count: int) -> None:
        """Return once `count` messages have arrived since the start."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._count >= count)


class InboxServer:
    """The SMTP side, on 127.0.0.1; port 0 takes a free one."""

    def __init__(self, inbox: Inbox, port: int = 0) -> None:
        self.inbox = inbox
        self.port = port
        self._server: asyncio.Server | None = None
        self._connections: set[SMTP] = set()

    async def start(self) -> None:
        logging.getLogger("mail.log").disabled = True  # it prints addresses at INFO and bodies at DEBUG
        hooks = _Hooks(self.inbox)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Sink(hooks), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _Sink(SMTP):
    line_length_limit = 1024 * 1024  # the world's mail has long lines

    def __init__(self, hooks: "_Hooks") -> None:
        super().__init__(
            hooks, data_size_limit=LARGEST, enable_SMTPUTF8=True, hostname="inbox.test", ident="demo inbox"
        )


class _Hooks:
    """aiosmtpd's hooks: take everything but what a scripted recipient refuses."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._greylisted: set[tuple[str, str]] = set()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        script = address.partition("@")[0].lower()
        pair = (envelope.mail_from or "", address)
        if script == BOUNCE:
            return "550 5.1.1 no such mailbox here"
        if script == GREYLIST and pair not in self._greylisted:
            self._greylisted.add(pair)
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if any(address.lower().startswith(f"{SLOW}@") for address in envelope.rcpt_tos):
            await asyncio.sleep(SLOW_SECONDS)
        content: Any = envelope.original_content or b""
        await self._inbox.take(envelope.mail_from or "", tuple(envelope.rcpt_tos), bytes(content))
        return "250 2.0.0 arrived"


def header_field(content: bytes, name: str) -> str:
    head = re.split(rb"\r?\n\r?\n", content[: 256 * 1024], maxsplit=1)[0]
    wanted = rb"(?im)^" + re.escape(name.encode("ascii")) + rb"[ \t]*:((?:[^\n]|\n[ \t])*)"
    found = re.search(wanted, head)
    if found is None:
        return ""
    text = re.sub(r"\r?\n(?=[ \t])", "", found[1].decode("utf-8", "replace")).strip()
    return _decoded(text[:LONGEST_FIELD])


def _decoded(text: str) -> str:
    try:
        return str(email.header.make_header(email.header.decode_header(text)))[:LONGEST_FIELD]
    except (email.errors.MessageError, LookupError, ValueError):  # UnicodeError is a ValueError
        return text
