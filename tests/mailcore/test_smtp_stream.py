"""The connection: where DATA ends, what comes through unchanged, and when it is closed."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcore import replies
from mailcore.smtp_stream import SmtpStream
from tests.support.small_receiver import SMUGGLED, Kept, SmallReceiver, at_data, serving
from tests.support.smtp_client import connected

END_OF_DATA_VARIANTS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\n\r.\r\n",
    b"\r\n.\0\r\n",
]


@pytest.fixture
def receiver() -> SmallReceiver:
    return SmallReceiver()


# --- the end of DATA ---


class Fed:
    """A session that reads DATA from chunks, without a socket: only the reading itself is looked at."""

    def __init__(self, chunks: Iterator[bytes], already: bytes = b"") -> None:
        self._input, self._chunks = already, chunks

    def _take_input(self, most: int) -> bytes:
        taken, self._input = self._input, b""
        return taken

    def _put_back(self, rest: bytes) -> None:
        self._input = rest + self._input

    async def _next_chunk(self) -> bytes:
        return next(self._chunks)

    async def read(self) -> tuple[bytes, bytes]:
        """The content, and what is left for the next command."""
        content = Kept()
        await SmtpStream._read_content(self, content)  # type: ignore[arg-type]
        return content.octets, self._input + b"".join(self._chunks)


def stuffed(content: bytes) -> bytes:
    """As a client sends it (RFC 5321 section 4.5.2), the final dot included."""
    wire = b"\r\n" + content
    return wire.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


pieces = st.sampled_from(
    [b"\r\n", b".", b"..", b"\r", b"\n", b"\r\n.", b"text", b"\0", b"\r\n..\r\n", b"x" * 70]
)
contents = st.lists(pieces, max_size=30).map(lambda parts: b"".join(parts) + b"\r\n")


@given(contents, st.lists(st.integers(1, 12), min_size=1, max_size=20), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
async def test_content_comes_out_the_same_however_it_is_cut(
    content: bytes, cuts: list[int], already: int
) -> None:
    wire = stuffed(content) + b"QUIT\r\n"
    first, wire = wire[:already], wire[already:]
    assert await Fed(_cut(wire, cuts), first).read() == (content, b"QUIT\r\n")


def _cut(wire: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = turn = 0
    while at < len(wire):
        size = cuts[turn % len(cuts)]
        yield wire[at : at + size]
        at, turn = at + size, turn + 1


@pytest.mark.parametrize("variant", END_OF_DATA_VARIANTS, ids=repr)
async def test_no_other_end_of_data_is_taken_for_one_wherever_it_is_cut(variant: bytes) -> None:
    content = b"one" + variant + b"two\r\n"
    wire = content + b".\r\n"  # none of them is a stuffed dot that a client would have doubled
    expected = content.replace(b"\r\n.", b"\r\n")
    for cut in range(len(wire) + 1):
        assert await Fed(iter([wire[:cut], wire[cut:]])).read() == (expected, b"")
    assert await Fed(_cut(wire, [1])).read() == (expected, b"")


@pytest.mark.parametrize("by_octet", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("variant", END_OF_DATA_VARIANTS, ids=repr)
async def test_no_variant_smuggles_a_second_message(
    receiver: SmallReceiver, tmp_path: Path, variant: bytes, by_octet: bool
) -> None:
    wire = b"Subject: one\r\n\r\none" + variant + SMUGGLED
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        for chunk in _cut(wire, [1] if by_octet else [len(wire)]):
            await client.send(chunk)
            await asyncio.sleep(0)
        assert await client.reply() == replies.queued("42").line()
        assert await client.say("NOOP") == replies.OK.line()
    assert len(receiver.messages) == 1
    assert b"smuggled" in receiver.messages[0]
    assert receiver.senders == ["someone@sender.test"]


async def test_leading_dots_are_taken_off_once(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"..first\r\n...\r\nno. dot\r\n..\r\n.\r\n")
        await client.reply()
    assert receiver.messages == [b".first\r\n..\r\nno. dot\r\n.\r\n"]


async def test_an_empty_message_is_a_message(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b".\r\nNOOP\r\n")
        assert await client.reply() == replies.queued("42").line()
        assert await client.reply() == replies.OK.line()
    assert receiver.messages == [b""]


class SlowContent(Kept):
    """Takes a piece when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fed, self.go_on = asyncio.Event(), asyncio.Event()

    async def feed(self, chunk: bytes) -> None:
        self.fed.set()
        await self.go_on.wait()
        await super().feed(chunk)


async def test_what_came_while_we_wrote_is_read_without_waiting_for_more(tmp_path: Path) -> None:
    content = SlowContent()
    receiver = SmallReceiver(make_content=lambda: content)
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\n")
        await content.fed.wait()
        await client.send(b"evil\r\n.\r\n")
        await server.sessions[0].injected.wait()
        content.go_on.set()
        assert await client.reply() == replies.queued("42").line()
    assert receiver.messages == [b"Subject: one\r\n\r\nevil\r\n"]


async def test_a_client_that_is_ahead_of_us_waits_and_then_goes_on(tmp_path: Path) -> None:
    content = SlowContent()
    receiver = SmallReceiver(make_content=lambda: content)
    wire = b"x" * 998 + b"\r\n"
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(wire)
        await content.fed.wait()
        sending = asyncio.create_task(client.send(wire * 20_000 + b".\r\n"))
        await asyncio.wait({sending}, timeout=0.2)
        assert not sending.done()  # 20 MB wait on the client's side
        content.go_on.set()
        await sending
        assert await client.reply() == replies.queued("42").line()
    assert len(receiver.messages[0]) == len(wire) * 20_001


# --- clients that leave ---


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
async def test_a_client_that_leaves_after_the_dot_does_not_stop_acceptance(
    receiver: SmallReceiver, tmp_path: Path, reset: bool
) -> None:
    receiver.go_on.clear()
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\n.\r\n")
        await receiver.accepting.wait()
        if reset:
            await client.reset()
            await server.connections.empty()  # the session is gone; what it began is not
        await client.close()
        receiver.go_on.set()
        await receiver.accepted.wait()
    assert receiver.messages == [b"Subject: one\r\n\r\n"]
    assert receiver.dropped == []


async def test_a_client_that_leaves_before_the_dot_leaves_nothing(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\nhalf a li")
        await client.reset()
        await server.connections.empty()
    assert receiver.messages == []
    assert len(receiver.dropped) == 1


async def test_a_half_close_before_the_dot_accepts_nothing(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\nhalf\r\n.")
        client.writer.write_eof()
        assert await client.rest() == b""
    assert receiver.messages == []


async def test_a_half_close_after_the_dot_still_hears_the_answer(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    receiver.go_on.clear()
    async with serving(receiver, tmp_path) as server, connected(server.port) as client:
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\n.\r\n")
        client.writer.write_eof()
        await receiver.accepting.wait()
        receiver.go_on.set()
        assert await client.rest() == replies.queued("42").line().encode() + b"\r\n"


# --- clients that take their time ---


async def test_data_that_stalls_is_cut_with_421(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with (
        serving(receiver, tmp_path, data_timeout=timedelta(seconds=0.2)) as server,
        connected(server.port) as client,
    ):
        await at_data(client)
        await client.send(b"Subject: slow\r\n")
        assert await client.rest() == replies.DATA_TOO_SLOW.line().encode() + b"\r\n"
    assert len(receiver.dropped) == 1


async def test_the_idle_time_does_not_run_while_we_work(receiver: SmallReceiver, tmp_path: Path) -> None:
    receiver.go_on.clear()
    async with (
        serving(receiver, tmp_path, idle_timeout=timedelta(seconds=0.2)) as server,
        connected(server.port) as client,
    ):
        await at_data(client)
        await client.send(b"Subject: one\r\n\r\n.\r\n")
        await receiver.accepting.wait()
        await asyncio.sleep(0.4)  # longer than the idle time, and nothing to wait for but that
        receiver.go_on.set()
        assert await client.reply() == replies.queued("42").line()


# --- TLS ---


async def test_plaintext_that_came_while_we_worked_is_discarded_too(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    receiver.go_on.clear()
    async with serving(receiver, tmp_path, tls=True) as server, connected(server.port) as client:
        await client.hello()
        await client.envelope()
        await client.send(b"RCPT TO:<slow@b.test>\r\nSTARTTLS\r\n")
        await receiver.at_rcpt.wait()
        await client.send(b"EHLO evil.test\r\nMAIL FROM:<evil@sender.test>\r\n")
        await server.sessions[0].injected.wait()
        receiver.go_on.set()
        assert await client.reply() == replies.RECIPIENT_OK.line()
        assert await client.reply() == replies.READY_FOR_TLS.line()
        await client.handshake()
        assert await client.say("MAIL FROM:<someone@sender.test>") == replies.SAY_HELLO_FIRST.line()
    assert receiver.senders == ["someone@sender.test"]


async def test_a_failed_handshake_closes_the_connection(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path, tls=True) as server, connected(server.port) as client:
        await client.hello()
        await client.say("STARTTLS")
        await client.send(b"this is no TLS\r\n" * 10)
        await client.rest()  # an alert, perhaps
        await server.connections.empty()


# --- shutting down ---


async def test_idle_clients_hear_421_at_sigterm_and_data_in_flight_ends(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with (
        serving(receiver, tmp_path) as server,
        connected(server.port) as idle,
        connected(server.port) as busy,
    ):
        await idle.hello()
        await at_data(busy)
        server.connections.closing = True
        for session in list(server.connections.sessions):
            session.shut_down()
        goodbye = replies.SHUTTING_DOWN.line().encode() + b"\r\n"
        assert await idle.rest() == goodbye
        await busy.send(b"Subject: one\r\n\r\n.\r\n")
        assert await busy.rest() == replies.queued("42").line().encode() + b"\r\n" + goodbye
        async with connected(server.port) as late:
            assert await late.rest() == goodbye


async def test_when_the_grace_is_over_data_is_cut(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path) as server, connected(server.port) as busy:
        await at_data(busy)
        for session in list(server.connections.sessions):
            session.cut()
        assert await busy.rest() == replies.SHUTTING_DOWN.line().encode() + b"\r\n"
    assert len(receiver.dropped) == 1
