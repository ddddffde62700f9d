"""The SMTP server role on one connection: commands in, replies out, DATA in chunks.

A subclass of aiosmtpd's SMTP that keeps its connection and STARTTLS handling and replaces its reading
of commands and DATA. Must never decide about mail (the receiver does), read DATA line by line, or
log what a client sends.
"""

import asyncio
import ipaddress
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import CRITICAL, getLogger
from typing import Any, Protocol

import structlog
from aiosmtpd.smtp import SMTP

from mailcore import crash_points, metrics, replies
from mailcore.clock import Clock
from mailcore.envelope import ForwardPath, MailParameters, ReversePath, parse_mail, parse_rcpt
from mailcore.replies import Reply
from mailcore.settings import Settings

# aiosmtpd logs addresses at INFO and bodies at DEBUG: never, at any level.
getLogger("mail.log").setLevel(CRITICAL + 1)
log = structlog.get_logger("smtp")

_CHUNK = 64 * 1024
_END_OF_DATA = b"\r\n.\r\n"
_RATE_WINDOW = 30.0
# So many pipelined commands are answered before others get their turn.
_TURN = 50
# A client that does not read would keep its connection open for ever.
_LAST_WORDS_SECONDS = 5.0
# The reverse name is asked for while the client talks; whoever wants it waits at most this long.
_NAME_PATIENCE = 2.0
_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH"})


class Disconnected(Exception):
    """The client is gone, or was sent away; there is nobody left to answer."""


@dataclass(slots=True)
class Peer:
    """The other side of a connection. `name` is its confirmed reverse name, when it is known in time."""

    ip: str
    local_ip: str
    name: "asyncio.Task[str | None]"
    helo: str = ""
    extended: bool = False
    tls: bool = False

    @property
    def protocol(self) -> str:
        """The word for the Received field (RFC 3848)."""
        return ("ESMTPS" if self.tls else "ESMTP") if self.extended else "SMTP"

    @property
    def known_name(self) -> str | None:
        """The reverse name, if it is known by now."""
        name = self.name
        return name.result() if name.done() and not name.cancelled() and name.exception() is None else None

    async def reverse_name(self) -> str:
        """The reverse name, waited for a little; empty where there is none in time."""
        if not self.name.done():
            await asyncio.wait({self.name}, timeout=_NAME_PATIENCE)
        return self.known_name or ""


@dataclass(slots=True)
class MailTransaction:
    """MAIL to the final dot. `recipients` are whatever the receiver made of each RCPT."""

    reverse_path: ReversePath
    parameters: MailParameters
    began: float
    recipients: list[Any] = field(default_factory=list)


class Content(Protocol):
    """Takes the content of one message, dots unstuffed, as it arrives."""

    async def feed(self, chunk: bytes) -> None: ...


class Receiver(Protocol):
    """Decides. Every method answers with a Reply; an exception of theirs becomes 451."""

    async def mail(self, peer: Peer, transaction: MailTransaction) -> Reply: ...

    async def rcpt(self, peer: Peer, transaction: MailTransaction, path: ForwardPath) -> Reply: ...

    def content(self, peer: Peer, transaction: MailTransaction) -> "Content | Reply": ...

    async def data(self, peer: Peer, transaction: MailTransaction, content: Any) -> Reply: ...

    def drop(self, content: Any) -> None: ...


class Connections:
    """Counts the open connections of one process, in all and by client network."""

    def __init__(self, settings: Settings, *, most: int | None = None) -> None:
        self._most = settings.max_connections if most is None else most
        self._most_per_network = settings.max_connections_per_ip
        self._by_network: Counter[str] = Counter()
        self.sessions: set[SmtpSession] = set()
        self.closing = False
        self._emptied = asyncio.Event()

    def refusal(self, ip: str) -> Reply | None:
        """Why nobody from this address may come in just now."""
        if self.closing:
            return replies.SHUTTING_DOWN
        if len(self.sessions) >= self._most or self._by_network[_network(ip)] >= self._most_per_network:
            return replies.TOO_MANY_CONNECTIONS
        return None

    def admit(self, session: "SmtpSession", ip: str) -> Reply | None:
        if refusal := self.refusal(ip):
            return refusal
        self.sessions.add(session)
        self._by_network[_network(ip)] += 1
        metrics.CONNECTIONS.set(len(self.sessions))
        return None

    def leave(self, session: "SmtpSession", ip: str) -> None:
        if session not in self.sessions:
            return
        self.sessions.discard(session)
        network = _network(ip)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
        metrics.CONNECTIONS.set(len(self.sessions))
        if not self.sessions:
            self._emptied.set()

    async def empty(self) -> None:
        """Returns when nobody is connected any more."""
        while self.sessions:
            self._emptied.clear()
            await self._emptied.wait()


def _network(ip: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: what one client can easily have."""
    if ":" not in ip:
        return ip
    return str(ipaddress.IPv6Network((ip.partition("%")[0], 64), strict=False))


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
                where=_where(error),
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
        self._reset_timeout(self._settings.data_timeout.total_seconds() + _RATE_WINDOW)
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
            log.error("data_failed", error=type(error).__name__, where=_where(error))
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
        """Feeds the content to `content`, unstuffed, up to CRLF.CRLF; what follows stays for the next
        command.

        The stream is looked at through a window that starts with an imagined CRLF, so that a first line
        that begins with a dot needs no special case.
        """
        window = b"\r\n" + bytes(self._input)
        self._input.clear()
        skip = 2
        pace = _Pace(self._settings, self._clock)
        while (end := window.find(_END_OF_DATA)) < 0:
            cut = _safe_cut(window)
            if cut > skip:
                await content.feed(window[:cut].replace(b"\r\n.", b"\r\n")[skip:])
                window, skip = window[cut:], 0
                crash_points.reach("receiver-mid-data")
            window += await self._next_chunk(pace)
        await content.feed(window[: end + 2].replace(b"\r\n.", b"\r\n")[skip:])
        self._input += window[end + len(_END_OF_DATA) :]

    async def _next_chunk(self, pace: "_Pace") -> bytes:
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


@contextmanager
def _client_losses() -> Iterator[None]:
    """A connection lost here is the client's; anywhere else it is one of ours, and a fault."""
    try:
        yield
    except ConnectionError:
        raise Disconnected from None


class _Pace:
    """DATA must keep a minimum rate over every window, and end within its time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._least = settings.data_minimum_rate * _RATE_WINDOW
        self._deadline = clock.monotonic() + settings.data_timeout.total_seconds()
        self._open_window()

    def patience(self) -> float:
        return max(0.0, min(self._window_end, self._deadline) - self._clock.monotonic())

    def is_too_slow_after(self, size: int) -> bool:
        """Counts a chunk; true when the time is up, or too little came in the window that ends now."""
        self._seen += size
        now = self._clock.monotonic()
        if now < min(self._window_end, self._deadline):
            return False
        slow = now >= self._deadline or self._seen < self._least
        self._open_window()
        return slow

    def _open_window(self) -> None:
        self._seen = 0
        self._window_end = self._clock.monotonic() + _RATE_WINDOW


def _safe_cut(window: bytes) -> int:
    """How much of the window can go: neither the end mark nor a stuffed dot may lie across the cut."""
    cut = len(window) - len(_END_OF_DATA) + 1
    if cut <= 0:
        return 0
    if window[cut - 1 : cut] == b"\r":
        return cut - 1
    return cut - 2 if window[max(0, cut - 2) : cut] == b"\r\n" else cut


def ip_of(name: Any) -> str:
    """The address in a socket name; an IPv4 client of an IPv6 socket is one of IPv4."""
    if not name:
        return ""
    ip = str(name[0])
    return ip.removeprefix("::ffff:") if "." in ip else ip


def _where(error: BaseException) -> str:
    """File and line of a fault of ours, without any value."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


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
