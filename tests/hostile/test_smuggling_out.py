"""What our client puts on the wire ends exactly where it should, read back by a strict parser of our own.

The parser knows RFC 5321 alone and shares no code with what it checks: CRLF ends a line, CRLF.CRLF ends
content, a CR or an LF by itself is an error wherever it stands.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore.clock import Clock
from mailcore.dot_stuffing import PIECE
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.transport import Outcome, Parcel, Transport

GREETING = b"220 strict.test ESMTP\r\n"
REPLIES = {
    b"EHLO": b"250-strict.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


class NotSmtp(Exception):
    """The client sent what RFC 5321 forbids."""


@dataclass
class StrictParser:
    """Octet by octet. `commands` and `messages` in order; `line` is what is not ended yet."""

    commands: list[bytes] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    content: bytearray | None = None
    line: bytearray = field(default_factory=bytearray)

    def feed(self, octet: int) -> bytes:
        """The reply that is due now, if any."""
        self.line.append(octet)
        after_cr = len(self.line) > 1 and self.line[-2] == 0x0D
        if after_cr != (octet == 0x0A):
            raise NotSmtp("a CR or an LF stands alone")
        if octet != 0x0A:
            return b""
        line, self.line = bytes(self.line[:-2]), bytearray()
        return self._command(line) if self.content is None else self._content_line(self.content, line)

    def _command(self, line: bytes) -> bytes:
        self.commands.append(line)
        verb = line[:4].upper()
        if verb == b"DATA":
            self.content = bytearray()
        return REPLIES.get(verb, b"250 2.0.0 ok\r\n")

    def _content_line(self, content: bytearray, line: bytes) -> bytes:
        if line == b".":
            self.messages.append(bytes(content))
            self.content = None
            return b"250 2.0.0 taken\r\n"
        content += (line[1:] if line[:1] == b"." else line) + b"\r\n"
        return b""


@asynccontextmanager
async def strict_server() -> AsyncIterator[tuple[int, list[StrictParser], asyncio.Event]]:
    """Port, one parser for each connection, and an event set when a connection has ended."""
    parsers: list[StrictParser] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = StrictParser()
        parsers.append(parser)
        writer.write(GREETING)
        while chunk := await reader.read(1 << 16):
            for reply in filter(None, map(parser.feed, chunk)):
                writer.write(reply)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], parsers, ended
    finally:
        server.close()


async def sent(contents: Sequence[Sequence[bytes]], *, may_commit: bool = True) -> StrictParser:
    """What one connection carried when these messages, each a list of buffers, were sent in turn."""
    async with strict_server() as (port, parsers, ended):
        settings = Settings(routes={"*": f"127.0.0.1:{port}"}, connect_timeout=timedelta(seconds=5))
        resolver = Resolver(settings=settings, clock=Clock())
        transport = Transport(settings=settings, resolver=resolver, clock=Clock())
        for buffers in contents:
            outcome = await transport.send(parcel(buffers), may_commit=lambda: may_commit)
            assert_ended_as_told(outcome, may_commit)
        await transport.close()
        await resolver.close()
        async with asyncio.timeout(5):
            await ended.wait()
        (parser,) = parsers
        return parser


def parcel(buffers: Sequence[bytes]) -> Parcel:
    size = sum(map(len, buffers))
    return Parcel("a@origin.test", "jo@inbox.test", buffers, size, smtputf8=False, eight_bit=True)


def assert_ended_as_told(outcome: Outcome, may_commit: bool) -> None:
    assert (outcome.kind == "delivered") == may_commit, outcome


def ended(content: bytes) -> bytes:
    """Content as a receiver must see it: its last line has an end."""
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


def expected_commands(messages: Sequence[bytes]) -> list[bytes]:
    commands = [b"EHLO mx.clearpost.test"]
    for content in messages:
        mail = b"MAIL FROM:<a@origin.test> SIZE=%d BODY=8BITMIME" % len(content)
        commands += [mail, b"RCPT TO:<jo@inbox.test>", b"DATA"]
    return [*commands, b"QUIT"]


# Whatever looks like an end, a command or a stuffed dot; CR and LF only as pairs, for nothing else gets in.
PIECES = st.sampled_from(
    [
        *(b"\r\n", b".", b"..", b"\r\n.\r\n", b"\r\n.", b".\r\n", b"\r\n..\r\n", b"x", b"\xc3\xa9", b"\xff"),
        *(b"QUIT\r\n", b"DATA\r\n", b"MAIL FROM:<evil@evil.test>\r\n", b"\r\n.\r\nRSET\r\n", b"y" * 998),
    ]
) | st.binary(max_size=20).map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b""))
CONTENTS = st.lists(PIECES, max_size=12).map(b"".join)


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """In buffers that may end anywhere, within a line end too."""
    at = sorted({place % (len(content) + 1) for place in places})
    return [content[start:end] for start, end in zip([0, *at], [*at, len(content)], strict=True)]


@settings(max_examples=80, deadline=None)
@given(st.lists(CONTENTS, min_size=1, max_size=3), st.lists(st.integers(0, 10_000), max_size=6))
async def test_every_message_ends_where_it_should(contents: list[bytes], places: list[int]) -> None:
    parser = await sent([cut(content, places) for content in contents])
    assert parser.messages == [ended(content) for content in contents]
    assert parser.commands == expected_commands(contents)
    assert parser.line == b""
    assert parser.content is None


@pytest.mark.parametrize("end", [b"", b"\r\n", b".", b"\r\n.", b"\r\n..", b".\r\n", b"\r\n.\r\n"], ids=repr)
async def test_dots_at_every_border_of_a_piece_are_doubled_once(end: bytes) -> None:
    """One line end and dot around each place where the client cuts what it writes."""
    shifts = range(-4, 5)
    contents = [b"x" * (PIECE + shift) + b"\r\n.\r\n..tail" + end for shift in shifts]
    parser = await sent([[content] for content in contents])
    assert parser.messages == [ended(content) for content in contents]
    assert parser.commands == expected_commands(contents)


@settings(max_examples=20, deadline=None)
@given(CONTENTS, st.lists(st.integers(0, 10_000), max_size=6))
async def test_without_leave_no_end_of_content_is_ever_sent(content: bytes, places: list[int]) -> None:
    parser = await sent([cut(content, places)], may_commit=False)
    assert parser.messages == []
    assert parser.content is not None, "still within content when the connection was cut"
    assert b"QUIT" not in parser.commands
