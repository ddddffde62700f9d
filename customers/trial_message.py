"""A test message to an alias: written here, and sent through our own mx as anybody else's mail.

Says openly what it is. Must never go past the mx's door, be answered by a machine, or keep its caller waiting
for long.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import aiosmtplib

from mailcore.outcome import sanitised
from mailcore.own_mail import date_time, fields, text_part
from mailcore.plans import Lane
from mailcore.settings import Settings

SECONDS: Final = 15.0
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Where we listen, and where that is reached from here.
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_TEXT: Final = """\
This is a test message. Somebody in the Clearpost account that has the alias

    {address}

asked for it, to see whether its mail arrives. It came in over SMTP and was
forwarded to you the way every message to that alias is.

There is nothing to do. Nobody reads answers to this message.
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Our mx took it: its id in the log."""

    message_id: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """Our mx said no: its reply, as any sender would get it."""

    reply: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no mx to reach, or it did not answer in time."""


def written(settings: Settings, address: str, identifier: UUID, at: datetime) -> bytes:
    """The content. Auto-Submitted keeps machines, ours too, from answering it (RFC 3834 section 5)."""
    header = fields(
        [
            ("Date", date_time(at)),
            ("From", f"Clearpost <{sender(settings)}>"),
            ("To", address),
            ("Subject", f"Test message for {address}"),
            ("Message-ID", f"<{identifier}@{settings.service_domain}>"),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
        ]
    )
    return header + text_part(_TEXT.format(address=address))


def sender(settings: Settings) -> str:
    """A bounce to it would end here: nobody is told of a failed test but its owner's log."""
    return f"test-message@{settings.service_domain}"


def mx(settings: Settings, lane: Lane) -> tuple[str, int]:
    """Host and port of the mx that takes test messages for accounts of this lane."""
    if settings.test_message_mx:
        host, _, port = settings.test_message_mx.rpartition(":")
        return host.strip("[]"), int(port)
    host = _ANYWHERE.get(settings.listen_host, settings.listen_host)
    return host, settings.fast_mx_port if lane is Lane.FAST else settings.mx_port


async def send(
    settings: Settings, lane: Lane, address: str, identifier: UUID, at: datetime
) -> Taken | Refused | NoAnswer:
    """One SMTP transaction, within `SECONDS`."""
    host, port = mx(settings, lane)
    client = aiosmtplib.SMTP(
        hostname=host, port=port, local_hostname=settings.hostname, start_tls=False, timeout=SECONDS
    )
    content = written(settings, address, identifier, at)
    try:
        async with asyncio.timeout(SECONDS), client:
            options = [] if address.isascii() else ["SMTPUTF8"]
            await client.mail(sender(settings), options=options, encoding="utf-8")
            await client.rcpt(address, encoding="utf-8")
            reply = await client.data(content)
    except aiosmtplib.SMTPResponseException as error:
        return Refused(sanitised(f"{error.code} {error.message}"))
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return NoAnswer()
    found = _ID.search(reply.message)
    return Taken(UUID(found[0])) if found else NoAnswer()
