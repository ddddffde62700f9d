"""One real message, sent over SMTP and followed through the API. Must never take a shortcut past them."""

import asyncio
import re
import secrets
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from textwrap import shorten
from typing import Any

import aiosmtplib

from clearpost.api_client import ApiClient
from clearpost.progress import table
from mailcore.clock import Clock

SENDER = "ada@sender.test"
SENDER_DOMAIN = "sender.test"
SUBJECT = "A first message through Clearpost"
POLL_SECONDS = 0.05
TERMINAL = ("delivered", "hard-bounced")


class JourneyError(Exception):
    """The message did not make its way; the text says where it stopped."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The id our MX gave it, and the word in its body that nobody else uses."""

    message_id: str
    token: str


async def send(
    port: int, recipient: str, clock: Clock, host: str = "127.0.0.1", *, sender: str = SENDER
) -> Sent:
    """Hand one message to the MX on this port. Raises JourneyError with its reply where it refuses."""
    token = secrets.token_hex(16)
    client = aiosmtplib.SMTP(hostname=host, port=port, start_tls=False, timeout=30)
    try:
        async with client:
            await client.mail(sender)
            await client.rcpt(recipient)
            reply = await client.data(_content(sender, recipient, token, clock))
    except aiosmtplib.SMTPResponseException as error:
        raise JourneyError(f"our MX refused the message: {error.code} {error.message}") from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise JourneyError(f"our MX at {host}:{port} did not answer: {error}") from None
    found = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply.message)
    if found is None:
        raise JourneyError(f"our MX took the message but gave no id: {reply.code} {reply.message}")
    return Sent(found[0], token)


async def follow(client: ApiClient, message_id: str, seconds: float = 60.0) -> list[dict[str, Any]]:
    """The timeline, once every delivery has ended. Raises JourneyError when that takes too long."""
    events: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(seconds):
            while not _has_ended(events):
                await asyncio.sleep(POLL_SECONDS)
                events = (await client.get(f"/v1/logs/messages/{message_id}"))["events"]
    except TimeoutError:
        seen = ", ".join(str(event["type"]) for event in events) or "nothing"
        raise JourneyError(f"after {seconds:g} s the message was not delivered; so far: {seen}") from None
    return events


async def wait_for_arrival(inbox: ApiClient, seconds: float = 10.0) -> None:
    """Return once the demo inbox lists it. Raises JourneyError when it does not."""
    try:
        async with asyncio.timeout(seconds):
            while not any(message["subject"] == SUBJECT for message in await inbox.get("/messages.json")):  # noqa: ASYNC110 - it is elsewhere
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise JourneyError("the log says delivered, but the demo inbox does not have the message") from None


async def wait_until_gone(spool: Path, token: str, seconds: float = 90.0) -> None:
    """Return once no file of the spool holds the token. Raises JourneyError when that takes too long."""
    try:
        async with asyncio.timeout(seconds):
            while holding := _files_with(spool, token.encode("ascii")):  # noqa: ASYNC110 - others remove them
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        names = ", ".join(path.name for path in holding)
        raise JourneyError(f"after {seconds:g} s the spool still holds its bytes, in {names}") from None


def timeline(events: list[dict[str, Any]]) -> str:
    """The events as an aligned table."""
    rows = [
        (
            str(event["at"])[11:23],
            str(event["type"]),
            str(event.get("server_ip") or event.get("server") or ""),
            str(event.get("code") or ""),
            shorten(str(event.get("response") or ""), 60, placeholder=" …"),
            f"{event.get('duration_ms') or 0} ms",
        )
        for event in events
    ]
    return table(("time (UTC)", "event", "server", "code", "response", "duration"), rows)


def _has_ended(events: list[dict[str, Any]]) -> bool:
    return any(event["type"] in TERMINAL for event in events)


def _files_with(spool: Path, token: bytes) -> list[Path]:
    found = []
    for path in spool.rglob("*"):
        try:
            if path.is_file() and token in path.read_bytes():
                found.append(path)
        except OSError:  # unlinked between listing and reading: that is what we wait for
            continue
    return found


def _content(sender: str, recipient: str, token: str, clock: Clock) -> bytes:
    message = EmailMessage()
    message["From"] = f"Ada <{SENDER}>" if sender == SENDER else sender
    message["To"] = recipient
    message["Subject"] = SUBJECT
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content(
        "This came in over SMTP, waited in the spool until it was delivered,\n"
        f"and then its bytes were removed there. Its mark is {token}.\n"
    )
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
