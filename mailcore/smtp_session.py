"""The SMTP server role on one connection: commands in, replies out, DATA in chunks.

A subclass of aiosmtpd's SMTP that keeps its connection and STARTTLS handling and replaces its reading
of commands and DATA. Must never decide about mail (the receiver does), read DATA line by line, or
log what a client sends.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP

from mailcore import crash_points, metrics, replies
from mailcore.clock import Clock
from mailcore.connection_limits import Connections, ip_of
from mailcore.data_decoder import RATE_WINDOW, DataDecoder, Pace
from mailcore.envelope import parse_mail, parse_rcpt
from mailcore.logs import where
from mailcore.replies import Reply
from mailcore.settings import Settings
from mailcore.smtp_dialogue import Content, MailTransaction, Peer, Receiver

# aiosmtpd logs addresses at INFO and bodies at DEBUG: never, at any level.
getLogger("mail.log").setLevel(CRITICAL + 1)
log = structlog.get_logger("smtp")

_CHUNK = 64 * 1024
# So many pipelined commands are answered before others get their turn.
_TURN = 50
# A client that does not read would keep its connection open for ever.
_LAST_WORDS_SECONDS = 5.0
_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH"})


class Disconnected(Exception):
    """The client is gone, or was sent away; there is nobody left to answer."""


@contextmanager
def _client_losses() -> Iterator[None]:
    """A connection lost here is the client's; anywhere else it is one of ours, and a fault."""
    try:
        yield
    except ConnectionError:
        raise Disconnected from None


class SmtpSession(SMTP):
    """One connection. Commands may be pipelined (RFC 2920); replies are written together."""

    line_length_limit = _CHUNK

    def __init__(
        self, *, receiver: Receiver, connections: Connections, settings: Settings, clock: Clock,
        greet: Any, largest_message: int, tls_context: ssl.SSLContext | None,
    ) -> None:  # fmt: skip
        super().__init__(
            object(),
            hostname=settings.hostname,
            enable_SMTPUTF8=True,
            tls_context=tls_context,
            timeout=settings.idle_timeout.total_seconds(),
            loop=asyncio.get_running_loop(),
        )
        self._receiver = receiver
        self._connections = connections
        self._settings = settings
        self._clock = clock
        self._greet = greet
        self._largest = largest_message
        self._input = bytearray()
        self._output = bytearray()
        self._errors = 0
        self._commands = 0
        self._unknown_recipients = 0
        self._in_data = False
        self._peer: Peer | None = None
        self._mail: MailTransaction | None = None

    # --- connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._peer is None:
            ip = ip_of(transport.get_extra_info("peername"))
            self._peer = Peer(ip, ip_of(transport.get_extra_info("sockname")), self._greet(ip))
        else:
            self._peer.tls = True

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._peer:
            self._connections.leave(self, self._peer.ip)
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

    # --- commands ---

    async def _handle_client(self) -> None:
        """The whole dialogue. Ends silently with the connection."""
        try:
            await self._dialogue()
        except Disconnected:
            return
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """After a failed TLS handshake nobody calls `connection_lost`; the place is free all the same."""
        if self.transport is not None:
            self.transport.close()
        if self._original_transport is not None and self._peer and not self._peer.tls:
            self._original_transport.close()
        if self._peer:
            self._connections.leave(self, self._peer.ip)

    async def _dialogue(self) -> None:
        assert self._peer is not None
        if refusal := self._connections.admit(self, self._peer.ip):
            await self._end(refusal)
        self._say(replies.greeting(self._settings.hostname))
        while True:
            if self._connections.closing:
                await self._end(replies.SHUTTING_DOWN)
            line = await self._read_line()
            self._reset_timeout()
            await self._take_turns()
            reply = await self._answer(line)
            if reply is not None:
                self._say(reply)
                if 500 <= reply.code <= 503:
                    await self._count_error()

    async def _take_turns(self) -> None:
        """Pipelined commands wait for no input: now and then replies must go out, and others be served."""
        self._commands += 1
        if self._commands % _TURN == 0:
            await self._flush()
            await asyncio.sleep(0)

    async def _answer(self, line: bytes | None) -> Reply | None:
        """The reply to one command line; None where it was given already. A fault of ours is 451."""
        if line is None:
            return replies.LINE_TOO_LONG
        verb, _, argument = line.partition(b" ")
        command = _COMMANDS.get(verb.upper())
        if command is None:
            if verb.upper() in _HTTP:
                await self._end(replies.UNKNOWN_COMMAND)
            return replies.UNKNOWN_COMMAND
        try:
            return await command(self, argument.strip(b" \t"))
        except (Disconnected, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours: 451, and no word of it to the client
            log.error(
                "command_failed",
                verb=verb[:4].decode("ascii", "replace"),
                error=type(error).__name__,
                where=where(error),
            )
            return replies.TRY_LATER

    async def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self._settings.max_errors:
            await self._end(replies.TOO_MANY_ERRORS)

    async def _helo(self, argument: bytes) -> Reply | None:
        return self._hello(argument, extended=False)

    async def _ehlo(self, argument: bytes) -> Reply | None:
        reply = self._hello(argument, extended=True)
        if reply.is_refusal:
            return reply
        self._output += self._capabilities()
        crash_points.reach("receiver-after-ehlo")
        return None

    def _hello(self, argument: bytes, *, extended: bool) -> Reply:
        assert self._peer is not None
        name = argument.decode("ascii", "replace")
        if not name or not (name.isascii() and name.isprintable()):
            return replies.BAD_ARGUMENT
        self._peer.helo = name[:255]
        self._peer.extended = extended
        self._mail = None
        return Reply(250, "", self._settings.hostname)

    def _capabilities(self) -> bytes:
        words = [
            self._settings.hostname,
            f"SIZE {self._largest}",
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self.tls_context and not (self._peer and self._peer.tls):
            words.append("STARTTLS")
        return b"".join(f"250{' ' if word is words[-1] else '-'}{word}\r\n".encode() for word in words)

    async def _mail_from(self, argument: bytes) -> Reply | None:
        assert self._peer is not None
        if not self._peer.helo:
            return replies.SAY_HELLO_FIRST
        if self._mail:
            return replies.NESTED_MAIL
        parsed = parse_mail(argument)
        if isinstance(parsed, Reply):
            return parsed
        transaction = MailTransaction(*parsed, self._clock.monotonic())
        if transaction.parameters.size and transaction.parameters.size > self._largest:
            return replies.TOO_LARGE_FOR_ALL
        reply = await self._receiver.mail(self._peer, transaction)
        if not reply.is_refusal:
            self._mail = transaction
        return reply

    async def _rcpt_to(self, argument: bytes) -> Reply | None:
        if not self._mail or not self._peer:
            return replies.NEED_MAIL
        ours = frozenset({self._settings.srs_domain})
        path = parse_rcpt(argument, long_local_part_domains=ours, smtputf8=self._mail.parameters.smtputf8)
        if isinstance(path, Reply):
            return path
        reply = await self._receiver.rcpt(self._peer, self._mail, path)
        if reply is replies.UNKNOWN_ALIAS:
            await self._count_unknown_recipient()
        return reply

    async def _count_unknown_recipient(self) -> None:
        """Guessing addresses gets slow, then ends; a list with some dead ones does not mind."""
        self._unknown_recipients += 1
        if self._unknown_recipients >= self._settings.max_unknown_recipients:
            await self._end(replies.TOO_MANY_ERRORS)
        if self._unknown_recipients > self._settings.max_errors:
            await asyncio.sleep(self._settings.unknown_recipient_pause.total_seconds())

    async def _data(self, argument: bytes) -> Reply | None:
        if not self._mail or not self._mail.recipients or not self._peer:
            return replies.NEED_RECIPIENT if self._mail else replies.NEED_MAIL
        if argument:
            return replies.BAD_ARGUMENT
        transaction, self._mail = self._mail, None
        content = self._receiver.content(self._peer, transaction)
        if isinstance(content, Reply):
            return content
        self._in_data = True
        # DATA has its own pace; this is for a client that takes no replies.
        self._reset_timeout(self._settings.data_timeout.total_seconds() + RATE_WINDOW)
        try:
            self._say(replies.START_MAIL_INPUT)
            await self._read_all(content)
            self._pause_timeout()
            # Once the dot is here the message may become ours: a client that leaves must not stop that.
            reply = await asyncio.shield(self._receiver.data(self._peer, transaction, content))
            if not reply.is_refusal:
                self._unknown_recipients = 0
            return reply
        finally:
            self._in_data = False
            if self.transport is not None:
                self._reset_timeout()

    async def _read_all(self, content: Content) -> None:
        """After a fault of ours the rest of DATA must not be taken for commands: the connection ends."""
        try:
            await self._read_content(content)
        except (Disconnected, asyncio.CancelledError):
            self._receiver.drop(content)
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours, whatever it is
            self._receiver.drop(content)
            log.error("data_failed", error=type(error).__name__, where=where(error))
            await self._end(replies.FAULT_IN_DATA)

    async def _rset(self, argument: bytes) -> Reply | None:
        if argument:
            return replies.BAD_ARGUMENT
        self._mail = None
        return replies.OK

    async def _noop(self, _argument: bytes) -> Reply | None:
        return replies.OK

    async def _quit(self, argument: bytes) -> Reply | None:
        if argument:
            return replies.BAD_ARGUMENT
        await self._end(replies.BYE)
        return None

    async def _vrfy(self, argument: bytes) -> Reply | None:
        return replies.CANNOT_VERIFY if argument else replies.BAD_ARGUMENT

    async def _help(self, _argument: bytes) -> Reply | None:
        return replies.HELP

    async def _not_implemented(self, _argument: bytes) -> Reply | None:
        return replies.NOT_IMPLEMENTED

    async def _auth(self, _argument: bytes) -> Reply | None:
        return replies.NO_AUTH

    async def _starttls(self, argument: bytes) -> Reply | None:
        assert self._peer is not None
        if argument:
            return replies.BAD_ARGUMENT
        if self._peer.tls:
            return replies.TLS_ALREADY
        if not self.tls_context:
            return replies.TLS_UNAVAILABLE
        await self._discard_input()
        try:
            await self.smtp_STARTTLS("")
        except Exception:  # noqa: BLE001  whatever TLS stumbles over, this connection is of no more use
            raise Disconnected from None
        self._peer.helo = ""
        self._mail = None
        return None

    # --- input and output ---

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

    def _pause_timeout(self) -> None:
        """What follows the dot is our own time."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()


_COMMANDS = {
    b"HELO": SmtpSession._helo,
    b"EHLO": SmtpSession._ehlo,
    b"MAIL": SmtpSession._mail_from,
    b"RCPT": SmtpSession._rcpt_to,
    b"DATA": SmtpSession._data,
    b"RSET": SmtpSession._rset,
    b"NOOP": SmtpSession._noop,
    b"QUIT": SmtpSession._quit,
    b"VRFY": SmtpSession._vrfy,
    b"EXPN": SmtpSession._not_implemented,
    b"HELP": SmtpSession._help,
    b"AUTH": SmtpSession._auth,
    b"STARTTLS": SmtpSession._starttls,
}
