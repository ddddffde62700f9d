"""Hostile destinations: every attempt ends in time and in words, and none holds back the others' mail."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.transport import Outcome, Parcel, Transport
from tests.hostile.conftest import Note
from tests.support.destination import DROP, SILENT, Act, Destination
from tests.support.sender import letter, sender_at
from tests.support.stack import Stack, service, until

CONTENT = b"Subject: hello\r\n\r\nHello there.\r\n"
PARCEL = Parcel("a@origin.test", "jo@inbox.test", [CONTENT], len(CONTENT), smtputf8=False, eight_bit=False)
SHORT = timedelta(seconds=0.3)
# What bounds the wait for each verb's reply.
VERBS = {
    "CONNECT": "connect_timeout",
    "EHLO": "command_timeout",
    "MAIL": "command_timeout",
    "RCPT": "command_timeout",
    "DATA": "data_start_timeout",
    "DOT": "after_dot_timeout",
}


async def attempt(destination: Destination, *short: str) -> Outcome:
    """One attempt; these timeouts are 0.3 s, others those of production. The whole must end within 3 s."""
    changes: dict[str, Any] = dict.fromkeys(short, SHORT)
    settings = Settings(routes={"*": destination.route}, **changes)
    resolver = Resolver(settings=settings, clock=Clock())
    transport = Transport(settings=settings, resolver=resolver, clock=Clock())
    try:
        async with asyncio.timeout(3):
            return await transport.send(PARCEL, may_commit=lambda: True)
    finally:
        await transport.close()
        await resolver.close()


HOSTILE: dict[str, Act] = {
    "one octet a time, for ever": Act(b"250-x\r\n" * 1000, seconds_per_octet=0.05),
    "an endless line": Act(endless=b"250 and so on without an end " * 2000),
    "an endless reply": Act(endless=b"250-\r\n" * 2000),
    "endless garbage": Act(endless=bytes(range(256)) * 64),
    "far too late": Act("250 2.0.0 sorry", seconds=60),
    "a line end alone, over and over": Act(endless=b"\r\n" * 2000),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_server_says_the_attempt_ends_in_time(verb: str, name: str) -> None:
    async with Destination({verb: HOSTILE[name]}) as destination:
        outcome = await attempt(destination, VERBS[verb])
    assert outcome.kind == "transient"
    assert outcome.response.isprintable()
    assert len(outcome.response) <= 500
    if verb == "DOT":
        assert outcome.reason == "ambiguous"
    else:
        assert not destination.messages


@pytest.mark.parametrize("verb", VERBS)
async def test_a_reset_at_any_verb_is_transient(verb: str) -> None:
    """RST instead of FIN, as a firewall or a crash would."""
    async with Destination({verb: DROP}) as destination:
        destination._serve = _resetting(destination._serve)  # type: ignore[method-assign]
        outcome = await attempt(destination)
    assert outcome.kind == "transient"
    assert outcome.reason == (
        "ambiguous" if verb == "DOT" else "connect" if verb in ("CONNECT", "EHLO") else "no-reply"
    )


def _resetting(serve: Any) -> Any:
    async def set_linger(session: Any) -> None:
        sock = session.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await serve(session)

    return set_linger


async def test_a_handshake_that_never_ends_goes_on_in_clear() -> None:
    """A TLS record that comes octet by octet: opportunistic means another try without TLS (RFC 7435)."""
    record = b"\x16\x03\x03\x40\x00" + bytes(50_000)
    act = Act(b"220 2.0.0 Go ahead\r\n" + record, seconds_per_octet=0.001)
    async with Destination({"STARTTLS": act}, tls="broken") as destination:
        outcome = await attempt(destination, "connect_timeout")
    assert (outcome.kind, outcome.tls) == ("delivered", None)


# --- a whole service ---


@asynccontextmanager
async def queued_service(
    database_url: str, redis_url: str, folder: Path, routes: dict[str, Destination], **changes: Any
) -> AsyncIterator[Stack]:
    """A service whose mx leaves all deliveries to workers; none of them runs yet."""
    async with service(database_url, redis_url, folder, routes, first_attempts=0, **changes) as stack:
        await stack.start("mx")
        yield stack


async def queue(stack: Stack, domain: str, prefix: str, count: int) -> None:
    """So many deliveries, a hundred in one transaction."""
    async with sender_at(stack.settings.mx_port) as sender:
        for start in range(0, count, 100):
            numbers = range(start, min(start + 100, count))
            recipients = [f"{prefix}{number}@{domain}" for number in numbers]
            reply = await sender.mail("ann@sender.test", recipients, letter())
            assert reply.startswith("250"), reply


@pytest.mark.parametrize("pit", [SILENT, Act(b"220-wait\r\n" * 9999, seconds_per_octet=1)])
async def test_500_deliveries_in_a_tarpit_hold_back_nothing(
    database_url: str, redis_url: str, tmp_path: Path, note: Note, pit: Act
) -> None:
    """Fifty good ones, half of them of the very account whose mail is stuck, are there within ten seconds."""
    async with Destination({"CONNECT": pit}) as tar, Destination() as good:
        routes = {"pit.test": tar, "inbox.test": good}
        async with queued_service(database_url, redis_url, tmp_path, routes) as stack:
            other = await stack.world.account("other")
            domain = await stack.world.domain(other, "other.test")
            for owner in (stack.domain, domain):
                await stack.world.alias(owner, "*", "stuck@pit.test")
                for number in range(25):
                    await stack.world.alias(owner, f"good{number}", "you@inbox.test")
            await queue(stack, "shop.test", "stuck", 475)
            await queue(stack, "other.test", "stuck", 25)
            await queue(stack, "shop.test", "good", 25)
            await queue(stack, "other.test", "good", 25)
            assert await stack.waits() == 550
            began = perf_counter()
            worker = await stack.spawn("worker")
            await good.wait_for(50, 15)
            took = perf_counter() - began
            note(f"50 good ones in {took:.2f} s, start of the worker included; {tar.most_open} in the pit")
            assert took < 10
            assert tar.most_open <= stack.settings.provider_limit
            await stack.kill(worker)


async def test_a_pause_of_one_worker_is_kept_by_another(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with Destination({"CONNECT": DROP}) as bad, Destination() as good:
        routes = {"bad.test": bad, "inbox.test": good}
        async with queued_service(database_url, redis_url, tmp_path, routes) as stack:
            await stack.alias("*", "stuck@bad.test")
            await stack.alias("good", "you@inbox.test")
            first = await stack.start("worker")
            await queue(stack, "shop.test", "stuck", 20)

            async def is_paused() -> bool:
                return await stack.world.count("provider_pause") == 1

            await until(is_paused)
            await stack.stop(first)
            await stack.start("worker")
            await asyncio.sleep(2.5)  # two seconds at most until it has learned of it
            tried = bad.connections
            await queue(stack, "shop.test", "more", 20)
            assert (await stack.send("good@shop.test")).startswith("250")
            await good.wait_for(1)
            await asyncio.sleep(1)
            assert bad.connections == tried

            async def is_settled() -> bool:
                return await stack.waits() == 40

            await until(is_settled)


async def test_an_escape_sequence_of_a_server_is_shown_as_text(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    reply = b"550-5.1.1 \x1b]0;owned\x07\x1b[2J\r\n550 5.1.1 \xff\xe2\x80\xae nobody\r\n"
    async with (
        Destination({"RCPT": reply}) as inbox,
        service(database_url, redis_url, tmp_path, {"inbox.test": inbox}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message = await stack.accepted("hello@shop.test")
        await stack.has_event(message, "received", "hard-bounced")
        response = (await stack.timeline(message))[-1].response
    assert response == r"550 5.1.1 \x1b]0;owned\x07\x1b[2J 5.1.1 \xff\u202e nobody [no TLS]"
