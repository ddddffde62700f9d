"""The SMTP dialogue on one connection: which command is due, and what it is answered.

Must never decide about mail (the receiver does), nor log what a client sends.
"""

import asyncio
from functools import cache
from typing import Any

import structlog

from mailcore import crash_points, replies
from mailcore.certificates import Certificate
from mailcore.clock import Clock
from mailcore.connection_limits import Connections
from mailcore.envelope import parse_mail, parse_rcpt
from mailcore.logs import where
from mailcore.replies import Reply
from mailcore.settings import Settings
from mailcore.smtp_dialogue import Content, MailTransaction, Receiver
from mailcore.smtp_stream import Disconnected, SmtpStream

log = structlog.get_logger("smtp")

# So many pipelined commands are answered before others get their turn.
_TURN = 50
_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH"})
# What moves no mail.
_IDLE = frozenset({b"NOOP", b"RSET", b"VRFY", b"HELP", b"HELO", b"EHLO"})


class SmtpSession(SmtpStream):
    """One connection. Commands may be pipelined (RFC 2920); replies are written together."""

    def __init__(
        self, *, receiver: Receiver, connections: Connections, settings: Settings, clock: Clock,
        greet: Any, largest_message: int, certificate: Certificate | None,
    ) -> None:  # fmt: skip
        super().__init__(
            connections=connections, settings=settings, clock=clock, greet=greet, certificate=certificate
        )
        self._receiver = receiver
        self._largest = largest_message
        self._errors = 0
        self._commands = 0
        self._idle_commands = 0
        self._unknown_recipients = 0
        self._mail: MailTransaction | None = None

    async def _handle_client(self) -> None:
        """The whole dialogue. Ends silently with the connection."""
        try:
            await self._dialogue()
        except Disconnected:
            return
        finally:
            self._hang_up()

    async def _dialogue(self) -> None:
        await self._arrive()
        self._say(replies.greeting(self._settings.hostname))
        while True:
            if self._connections.closing:
                await self._end(replies.SHUTTING_DOWN)
            line = await self._read_line()
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
        verb = verb.upper()
        command = _COMMANDS.get(verb)
        if command is None:
            if verb in _HTTP:
                await self._end(replies.UNKNOWN_COMMAND)
            return replies.UNKNOWN_COMMAND
        if verb in _IDLE:
            await self._count_idle_command()
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

    async def _count_idle_command(self) -> None:
        """A client that only keeps talking is never idle for long enough to be sent away."""
        self._idle_commands += 1
        if self._idle_commands > self._settings.max_idle_commands:
            await self._end(replies.TOO_MANY_IDLE_COMMANDS)

    async def _helo(self, argument: bytes) -> Reply | None:
        return self._hello(argument, extended=False)

    async def _ehlo(self, argument: bytes) -> Reply | None:
        reply = self._hello(argument, extended=True)
        if reply.is_refusal:
            return reply
        offers_tls = self._certificate is not None and not (self._peer and self._peer.tls)
        self._output += _capabilities(self._settings.hostname, self._largest, offers_tls)
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
        self._data_begins()
        try:
            self._say(replies.START_MAIL_INPUT)
            await self._read_all(content)
            self._is_ours = True  # or will be: a client that leaves must not stop that
            reply = await self._receiver.data(self._peer, transaction, content)
            if not reply.is_refusal:
                self._unknown_recipients = self._idle_commands = 0
            return reply
        finally:
            self._is_ours = False
            self._data_is_over()

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
        if not self._certificate:
            return replies.TLS_UNAVAILABLE
        await self._start_tls()
        self._peer.helo = ""
        self._mail = None
        return None


@cache
def _capabilities(hostname: str, largest: int, offers_tls: bool) -> bytes:
    """The reply to EHLO (RFC 5321 section 4.1.1.1)."""
    words = [hostname, f"SIZE {largest}", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
    if offers_tls:
        words.append("STARTTLS")
    return b"".join(f"250{' ' if word is words[-1] else '-'}{word}\r\n".encode() for word in words)


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
