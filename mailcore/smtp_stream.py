"""An SMTP client's connection: lines and content in, replies out, TLS, its time, and how it ends.

A subclass of aiosmtpd's SMTP that keeps its connection and STARTTLS handling and replaces its reading.
Must never know a command (smtp_session.py does), read DATA line by line, wait for a client without end, or
log what one sends.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from typing import Any

from aiosmtpd.smtp import SMTP

from mailcore import crash_points, metrics, replies
from mailcore.certificates import Certificate
from mailcore.clock import Clock
from mailcore.connection_limits import Connections, ip_of
from mailcore.data_decoder import RATE_WINDOW, DataDecoder, Pace
from mailcore.proxy_protocol import HEADER_CAP, Header, Incomplete, Malformed, parse
from mailcore.replies import Reply
from mailcore.settings import Settings
from mailcore.smtp_dialogue import Content, Peer

# aiosmtpd logs addresses at INFO and bodies at DEBUG: never, at any level.
getLogger("mail.log").setLevel(CRITICAL + 1)

_CHUNK = 64 * 1024
# A client that does not read would keep its connection open for ever.
_LAST_WORDS_SECONDS = 5.0
# A load balancer sends its header with the connection itself; a lost packet is sent again within this time.
_HEADER_SECONDS = 5.0


class Disconnected(Exception):
    """The client is gone, or was sent away; there is nobody left to answer."""


@contextmanager
def _client_losses() -> Iterator[None]:
    """A connection lost here is the client's; anywhere else it is one of ours, and a fault."""
    try:
        yield
    except ConnectionError:
        raise Disconnected from None


class SmtpStream(SMTP):
    """One connection. Replies are gathered, and written together before the next wait for input."""

    line_length_limit = _CHUNK

    def __init__(
        self,
        *,
        connections: Connections,
        settings: Settings,
        clock: Clock,
        greet: Any,
        certificate: Certificate | None,
    ) -> None:
        super().__init__(
            object(),
            hostname=settings.hostname,
            enable_SMTPUTF8=True,
            timeout=settings.idle_timeout.total_seconds(),
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections
        self._settings = settings
        self._clock = clock
        self._greet = greet
        self._certificate = certificate
        self._input = bytearray()
        self._output = bytearray()
        self._in_data = False
        self._peer: Peer | None = None

    # --- how it begins and ends ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._peer is not None:  # a handshake after STARTTLS brings a new transport
            self._peer.tls = True

    async def _arrive(self) -> Peer:
        """The client is known and counted; or it, or whoever speaks for it, is sent away."""
        ip, local_ip = self._ends()
        if refusal := self._connections.enter(self, ip):
            await self._end(refusal)
        if self._connections.is_proxy(ip):
            header = await self._proxy_header()
            if header.client:
                ip, local_ip = header.client, header.local
                if refusal := self._connections.count(self, ip):
                    await self._end(refusal)
        self._peer = Peer(ip, local_ip, self._greet(ip))
        return self._peer

    def _ends(self) -> tuple[str, str]:
        """The other end and ours, as the socket tells."""
        if self.transport is None:
            raise Disconnected
        info = self.transport.get_extra_info
        return ip_of(info("peername")), ip_of(info("sockname"))

    async def _proxy_header(self) -> Header:
        """A load balancer says at once who is there; whoever does not is left without a word."""
        try:
            async with asyncio.timeout(_HEADER_SECONDS):
                while isinstance(header := parse(bytes(self._input[:HEADER_CAP])), Incomplete):
                    await self._more()
        except TimeoutError:
            header = Malformed()
        if isinstance(header, Malformed):
            metrics.NO_PROXY_HEADER.inc()
            raise Disconnected
        del self._input[: header.length]
        return header

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.leave(self)
        if self._peer:
            self._peer.has_left()

    def eof_received(self) -> bool | None:
        """A half-close ends the input, not the work: what was sent completely is still answered."""
        self._reader.feed_eof()
        return not (self._peer and self._peer.tls)

    def _timeout_cb(self) -> None:
        self._say_goodbye(replies.IDLE_TOO_LONG)

    def shut_down(self) -> None:
        """At SIGTERM: idle clients hear 421, DATA in flight goes on."""
        if not self._in_data:
            self._say_goodbye(replies.SHUTTING_DOWN)

    def cut(self) -> None:
        """The grace is over: the client will come again."""
        self._say_goodbye(replies.SHUTTING_DOWN)

    def _say_goodbye(self, reply: Reply) -> None:
        if self.transport is not None:
            self.transport.write(reply.line().encode() + b"\r\n")  # type: ignore[attr-defined]
            self._close()

    def _close(self) -> None:
        """What was said still goes out, if the client takes it in time."""
        transport: Any = self.transport
        if transport is None:
            return
        waiting = transport.get_write_buffer_size()
        transport.close()
        if waiting:
            self.loop.call_later(_LAST_WORDS_SECONDS, transport.abort)

    def _hang_up(self) -> None:
        """After a failed TLS handshake nobody calls `connection_lost`; the place is free all the same."""
        if self.transport is not None:
            self.transport.close()
        if self._original_transport is not None and self._peer and not self._peer.tls:
            self._original_transport.close()
        self._connections.leave(self)

    # --- replies out ---

    def _say(self, reply: Reply) -> None:
        if reply.is_refusal:
            metrics.REFUSED.labels(reply.enhanced).inc()
        self._output += reply.line().encode() + b"\r\n"

    async def _flush(self) -> None:
        if self._output:
            self._writer.write(bytes(self._output))
            self._output.clear()
            with _client_losses():
                await self._writer.drain()

    async def _end(self, reply: Reply) -> None:
        """The last reply of this connection."""
        self._say(reply)
        await self._flush()
        raise Disconnected

    # --- lines and content in ---

    async def _more(self) -> None:
        """Waits for input; what we have to say goes out first."""
        await self._flush()
        with _client_losses():
            chunk = await self._reader.read(_CHUNK)
        if not chunk:
            raise Disconnected
        self._input += chunk

    async def _read_line(self) -> bytes | None:
        """One command without its line end; None if it is too long (it is read to its end all the same)."""
        limit = self._settings.max_command_line
        too_long = False
        while (end := self._input.find(b"\n")) < 0:
            if len(self._input) > limit:
                too_long = True
                self._input.clear()
            await self._more()
        line = bytes(self._input[:end]).rstrip(b"\r")
        del self._input[: end + 1]
        return None if too_long or len(line) > limit else line

    async def _read_content(self, content: Content) -> None:
        """Feeds the content to `content` up to the final dot; what follows stays for the next command."""
        decoder, pace = DataDecoder(), Pace(self._settings, self._clock)
        chunk = bytes(self._input)
        self._input.clear()
        while True:
            if piece := decoder.push(chunk):
                await content.feed(piece)
            if decoder.rest is not None:
                break
            crash_points.reach("receiver-mid-data")
            chunk = await self._next_chunk(pace)
        self._input += decoder.rest

    async def _next_chunk(self, pace: Pace) -> bytes:
        await self._flush()
        while True:
            try:
                async with asyncio.timeout(pace.patience()):
                    with _client_losses():
                        chunk = await self._reader.read(_CHUNK)
            except TimeoutError:
                chunk = None
            if pace.is_too_slow_after(len(chunk or b"")):
                await self._end(replies.DATA_TOO_SLOW)
            if chunk:
                return chunk
            if chunk is not None:
                raise Disconnected

    # --- its time ---

    def _data_begins(self) -> None:
        """DATA has its own pace; the timeout is then for a client that takes no replies."""
        self._in_data = True
        self._reset_timeout(self._settings.data_timeout.total_seconds() + RATE_WINDOW)

    def _pause_timeout(self) -> None:
        """What follows the dot is our own time."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def _data_is_over(self) -> None:
        self._in_data = False
        if self.transport is not None:
            self._reset_timeout()

    # --- TLS ---

    async def _start_tls(self) -> None:
        """The handshake; a client whose handshake fails is sent away."""
        assert self._certificate is not None
        await self._discard_input()
        self.tls_context = self._certificate.context()
        try:
            await self.smtp_STARTTLS("")
        except Exception:  # noqa: BLE001  whatever TLS stumbles over, this connection is of no more use
            raise Disconnected from None

    async def push(self, status: str | bytes) -> None:
        """aiosmtpd's way out, used only by its STARTTLS once the handshake may begin; the wording is ours."""
        self._say(replies.READY_FOR_TLS)
        await self._flush()

    async def _discard_input(self) -> None:
        """RFC 3207 section 6: what was injected before the handshake is nobody's.

        It may wait here, or still in the reader, where it came while an earlier command was answered.
        """
        self._input.clear()
        while self._reader._buffer:  # type: ignore[attr-defined]  # reading what is there never waits
            await self._reader.read(_CHUNK)
