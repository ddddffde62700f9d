"""An SMTP client's connection: lines and content in, replies out, TLS, its time, and how it ends.

Must never know a command (smtp_session.py does), read DATA line by line, wait for a client without end, or
log what one sends.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from mailcore import crash_points, metrics, replies
from mailcore.certificates import Certificate
from mailcore.clock import Clock
from mailcore.connection_limits import Connections, ip_of
from mailcore.data_decoder import RATE_WINDOW, DataDecoder, Pace
from mailcore.proxy_protocol import HEADER_CAP, Header, Incomplete, Malformed, parse
from mailcore.replies import Reply
from mailcore.settings import Settings
from mailcore.smtp_dialogue import Content, Peer

# So much of DATA is looked at before others get their turn; a client that is further ahead of us waits.
_PIECE = 64 * 1024
# A client that does not read would keep its connection open for ever.
_LAST_WORDS_SECONDS = 5.0
# A load balancer sends its header with the connection itself; a lost packet is sent again within this time.
_HEADER_SECONDS = 5.0


class Disconnected(Exception):
    """The client is gone, or was sent away; there is nobody left to answer."""


class SmtpStream(ABC, asyncio.Protocol):
    """One connection. Replies are gathered, and written together before the next wait for input.

    One timer runs as long as the connection. It ticks no later than the shortest time that a client is ever
    given has passed, so that a later deadline is a number to change and never a timer to cancel.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        settings: Settings,
        clock: Clock,
        greet: Any,
        certificate: Certificate | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connections = connections
        self._settings = settings
        self._clock = clock
        self._greet = greet
        self._certificate = certificate
        self._transport: Any = None
        self._dialogue_task: asyncio.Task[None] | None = None
        self._peer: Peer | None = None
        self._input = b""
        self._at = 0  # where in the input the next command starts
        self._output = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._is_reading = True
        self._is_clogged = False  # the client does not take what we say
        self._has_ended = False  # the client sends no more
        self._is_lost = False
        self._is_sent_away = False
        self._in_data = False
        self._is_ours = False  # what is done now is done whether the client stays or not
        self._idle = settings.idle_timeout.total_seconds()
        self._beat = min(self._idle, settings.data_timeout.total_seconds(), RATE_WINDOW)
        self._deadline = self._loop.time() + self._idle
        self._pace: Pace | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- how it begins and ends ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._timer = self._loop.call_later(self._beat, self._tick)
        self._dialogue_task = self._loop.create_task(self._handle_client())

    @abstractmethod
    async def _handle_client(self) -> None:
        """The whole dialogue; smtp_session.py has it."""

    async def _arrive(self) -> Peer:
        """The client is known and counted; or it, or whoever speaks for it, is sent away."""
        info = self._transport.get_extra_info
        ip, local_ip = ip_of(info("peername")), ip_of(info("sockname"))
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

    async def _proxy_header(self) -> Header:
        """A load balancer says at once who is there; whoever does not is left without a word."""
        try:
            async with asyncio.timeout(_HEADER_SECONDS):
                while isinstance(header := parse(self._input[:HEADER_CAP]), Incomplete):
                    await self._more()
        except TimeoutError:
            header = Malformed()
        if isinstance(header, Malformed):
            metrics.NO_PROXY_HEADER.inc()
            raise Disconnected
        self._at = header.length
        return header

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        if self._timer:
            self._timer.cancel()
        if self._dialogue_task and not self._is_ours:
            self._dialogue_task.cancel()
        self._connections.leave(self)
        if self._peer:
            self._peer.has_left()

    def shut_down(self) -> None:
        """At SIGTERM: idle clients hear 421, DATA in flight goes on."""
        if not self._in_data:
            self._say_goodbye(replies.SHUTTING_DOWN)

    def cut(self) -> None:
        """The grace is over: the client will come again."""
        self._say_goodbye(replies.SHUTTING_DOWN)

    def _say_goodbye(self, reply: Reply) -> None:
        """The last reply, out of turn; it still goes out if the client takes it in time.

        What the client sends meanwhile is read and dropped: a socket closed with something unread is reset,
        and the client would never see why.
        """
        if self._is_lost or self._is_sent_away or self._transport.is_closing():
            return
        self._is_sent_away = True
        self._transport.write(reply.line().encode() + b"\r\n")
        try:
            self._transport.write_eof()
            self._read_on()
        except (NotImplementedError, OSError):  # TLS has no half-close; or the client is gone already
            self._transport.close()
        self._loop.call_later(_LAST_WORDS_SECONDS, self._transport.abort)

    def _hang_up(self) -> None:
        """The dialogue is over. Whether or not somebody calls `connection_lost` now, the place is free."""
        self._transport.close()
        self._connections.leave(self)

    # --- replies out ---

    def _say(self, reply: Reply) -> None:
        if reply.is_refusal:
            metrics.REFUSED.labels(reply.enhanced).inc()
        self._output += reply.line().encode() + b"\r\n"

    async def _flush(self) -> None:
        if self._is_lost or self._is_sent_away:
            raise Disconnected
        if self._output:
            self._transport.write(bytes(self._output))
            self._output.clear()
        while self._is_clogged:
            await self._wait()

    def pause_writing(self) -> None:
        self._is_clogged = True

    def resume_writing(self) -> None:
        self._is_clogged = False
        self._wake()

    async def _end(self, reply: Reply) -> None:
        """The last reply of this connection."""
        self._say(reply)
        await self._flush()
        raise Disconnected

    # --- lines and content in ---

    def data_received(self, data: bytes) -> None:
        if self._is_sent_away:
            return
        self._input += data  # no copy where nothing waits
        if self._is_reading and len(self._input) > _PIECE:  # or the loop reads on and on
            self._is_reading = False
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """A half-close ends the input, not the work: what was sent completely is still answered."""
        self._has_ended = True
        self._wake()
        return not (self._is_sent_away or (self._peer and self._peer.tls))

    async def _more(self) -> None:
        """Waits for input; what we have to say goes out first."""
        self._input, self._at = self._input[self._at :], 0
        known = len(self._input)
        await self._flush()
        while len(self._input) == known:
            if self._has_ended:
                raise Disconnected
            self._read_on()
            await self._wait()

    def _read_on(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()

    async def _wait(self) -> None:
        """Until the client has done something. Only here does its time run."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_input(self, most: int | None = None) -> bytes:
        """All that is here, or so much of it."""
        end = len(self._input) if most is None else min(self._at + most, len(self._input))
        taken, self._at = self._input[self._at : end], end
        if end == len(self._input):
            self._input, self._at = b"", 0
        return taken

    def _put_back(self, rest: bytes) -> None:
        self._input, self._at = rest + self._input[self._at :], 0

    async def _read_line(self) -> bytes | None:
        """One command without its line end; None if it is too long (it is read to its end all the same)."""
        if self._is_lost or self._is_sent_away:
            raise Disconnected
        limit = self._settings.max_command_line
        self._deadline = self._loop.time() + self._idle
        too_long = False
        while (end := self._input.find(b"\n", self._at)) < 0:
            if len(self._input) - self._at > limit:
                too_long = True
                self._take_input()
            await self._more()
        line = self._input[self._at : end].rstrip(b"\r")
        self._at = end + 1
        return None if too_long or len(line) > limit else line

    async def _read_content(self, content: Content) -> None:
        """Feeds the content to `content` up to the final dot; what follows stays for the next command."""
        decoder, chunk = DataDecoder(), self._take_input(_PIECE)
        while True:
            if piece := decoder.push(chunk):
                await content.feed(piece)
            if decoder.rest is not None:
                break
            crash_points.reach("receiver-mid-data")
            chunk = await self._next_chunk()
        self._put_back(decoder.rest)

    async def _next_chunk(self) -> bytes:
        if self._input:  # of which a part was taken, or which came while that was written down
            await asyncio.sleep(0)
        else:
            await self._more()
        chunk = self._take_input(_PIECE)
        if self._pace and self._pace.is_too_slow_after(len(chunk)):
            await self._end(replies.DATA_TOO_SLOW)
        return chunk

    # --- its time ---

    def _data_begins(self) -> None:
        """DATA has its own pace."""
        self._in_data = True
        self._pace = Pace(self._settings, self._clock)
        self._deadline = self._loop.time() + self._pace.patience()

    def _data_is_over(self) -> None:
        self._in_data = False
        self._pace = None

    def _tick(self) -> None:
        """The deadline may have passed; it does not count while the client waits for us."""
        if self._transport.is_closing():  # and takes our last words for longer than we care
            self._transport.abort()
            return
        left = self._deadline - self._loop.time()
        if left <= 0 and self._waiter is not None:
            left = self._time_is_up()
        self._timer = self._loop.call_later(min(left, self._beat) if left > 0 else self._beat, self._tick)

    def _time_is_up(self) -> float:
        """Sends the client away, or gives it so many seconds more: DATA has a window after the other."""
        if self._pace is None:
            self._say_goodbye(replies.IDLE_TOO_LONG)
        elif self._pace.is_too_slow_after(0):
            self._say_goodbye(replies.DATA_TOO_SLOW)
        else:
            self._deadline = self._loop.time() + self._pace.patience()
            return self._pace.patience()
        return 0.0

    # --- TLS ---

    async def _start_tls(self) -> None:
        """The handshake; a client whose handshake fails is sent away."""
        assert self._certificate is not None
        assert self._peer is not None
        context = self._certificate.context()
        self._say(replies.READY_FOR_TLS)
        await self._flush()
        self._take_input()  # RFC 3207 section 6: what was injected before the handshake is nobody's
        try:
            self._transport = await self._loop.start_tls(self._transport, self, context, server_side=True)
        except Exception:  # noqa: BLE001  whatever TLS stumbles over, this connection is of no more use
            raise Disconnected from None
        self._is_reading = True
        self._peer.tls = True
