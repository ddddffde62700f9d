"""A scripted SMTP destination on loopback: real sockets, and every way a server can misbehave.

Usable in-process and, by its port in a route, from other processes. It keeps what it was sent as it was sent,
and must never be lenient about the end of DATA: only CRLF.CRLF ends it.

    async with Destination({"RCPT": ["451 4.7.1 greylisted"]}) as destination:  # once, then the default
        ...
        (message,) = await destination.wait_for(1)

A script maps a step to one reply for ever, or to a list of replies used up one by one before the default
comes back. Steps: CONNECT (the banner), EHLO, HELO, STARTTLS, MAIL, RCPT, DATA, CONTENT (the first line of
content, no reply by default), DOT, RSET, NOOP, QUIT. A reply is a string (without CRLF), octets sent as they
are, or an `Act`.
"""

import asyncio
import contextlib
import functools
import re
import ssl
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Tls = Literal["", "self-signed", "broken", "refused", "dies", "sound"]

CAPABILITIES = ("PIPELINING", "SIZE 60000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
DEFAULTS = {
    "CONNECT": "220 destination.test ESMTP",
    "HELO": "250 destination.test",
    "STARTTLS": "220 2.0.0 Go ahead",
    "MAIL": "250 2.1.0 Sender OK",
    "RCPT": "250 2.1.5 Recipient OK",
    "DATA": "354 Go ahead",
    "DOT": "250 2.0.0 Accepted",
    "RSET": "250 2.0.0 Reset",
    "NOOP": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass(frozen=True)
class Act:
    """What happens at a step, in this order: wait, fall silent, reply (octet by octet), drop."""

    reply: str | bytes = b""
    seconds: float = 0
    until: asyncio.Event | None = None
    seconds_per_octet: float = 0
    drop: bool = False
    silent: bool = False
    endless: bytes = b""  # sent over and over, until the client leaves


DROP = Act(drop=True)
SILENT = Act(silent=True)
ENDLESS = Act(endless=b"250-and so on\r\n" * 64)
Reply = str | bytes | Act
Script = Mapping[str, Reply | Sequence[Reply]]


@dataclass(frozen=True, slots=True)
class Received:
    """One message that reached the final dot."""

    mail: str  # the whole MAIL line, and the RCPT lines
    rcpt: tuple[str, ...]
    content: bytes  # un-dot-stuffed
    wire: bytes  # as it came, final dot included
    tls: bool
    connection: int  # 1 is the first
    reply: str
    client_ip: str


@dataclass
class _Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    tls: bool = False
    mail: str = ""
    rcpt: list[str] = field(default_factory=list)


class _Gone(Exception):
    """The script dropped the connection, or the client did."""


class Destination:
    """`messages`: what got a 2yz after the dot or no clear refusal; `refused`: the rest that reached the dot.

    `commands` lists (connection, line); `recipients` scripts the reply to one path, before the RCPT script.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        recipients: Script | None = None,
        capabilities: Sequence[str] = CAPABILITIES,
        tls: Tls = "",
        name: str = "destination.test",
        host: str = "127.0.0.1",
        port: int = 0,
        context: ssl.SSLContext | None = None,
        careless: bool = False,
    ) -> None:
        """`context`: what the server shows by TLS; a certificate that nobody would believe, unless given.
        `careless`: it takes RCPT and DATA though it has refused what must come before them.
        """
        steps = {**(script or {}), **{f"<{path}>": reply for path, reply in (recipients or {}).items()}}
        self.script: dict[str, Reply | list[Reply]] = {
            step: reply if isinstance(reply, str | bytes | Act) else list(reply)
            for step, reply in steps.items()
        }
        self.capabilities = (*capabilities, "STARTTLS") if tls else tuple(capabilities)
        self.tls, self.name, self.host, self.port = tls, name, host, port
        self.context = context
        self.careless = careless
        self.messages: list[Received] = []
        self.refused: list[Received] = []
        self.commands: list[tuple[int, str]] = []
        self.connections = self.open = self.most_open = 0
        self.ended: set[int] = set()  # connections
        self.reached: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def route(self) -> str:
        """As the setting `routes` wants it."""
        return f"{self.host}:{self.port}"

    async def __aenter__(self) -> "Destination":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Cut every open connection, and go on listening."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for(self, count: int, timeout: float = 10) -> list[Received]:
        """The messages, once there are `count` of them. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def reach(self, step: str, timeout: float = 10) -> None:
        """Wait until a client has come to this step. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            await self.reached[step].wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        task = asyncio.create_task(self._serve(_Session(reader, writer, self.connections)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: _Session) -> None:
        try:
            with contextlib.suppress(_Gone, OSError, EOFError, ssl.SSLError):
                await self._act(session, "CONNECT")
                while await self._command(session):
                    pass
        finally:
            self.open -= 1
            self.ended.add(session.number)
            session.writer.transport.abort()

    async def _command(self, session: _Session) -> bool:
        line = (await session.reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "surrogateescape")
        self.commands.append((session.number, line))
        step = line.split(" ", 1)[0].split(":", 1)[0].upper()
        match step:
            case "EHLO" | "HELO" | "MAIL" | "RSET":
                session.mail, session.rcpt = "", []
                if await self._act(session, step) < 300 and step == "MAIL":
                    session.mail = line
            case "RCPT" | "DATA" if not self._is_its_turn(session, step):
                await self._send(session, b"503 5.5.1 Bad sequence of commands\r\n")
            case "RCPT":
                if await self._act(session, self._recipient_step(line)) < 300:
                    session.rcpt.append(line)
            case "DATA":
                if await self._act(session, "DATA") == 354:
                    await self._content(session)
            case "STARTTLS":
                await self._starttls(session)
            case "NOOP" | "QUIT":
                await self._act(session, step)
            case _:
                session.writer.write(b"500 5.5.1 Command not recognized\r\n")
        return step != "QUIT"

    def _is_its_turn(self, session: _Session, step: str) -> bool:
        return self.careless or bool(session.mail if step == "RCPT" else session.rcpt)

    def _recipient_step(self, line: str) -> str:
        path = re.search(r"<.*>", line)
        own = path[0] if path and path[0] in self.script else "RCPT"
        if own != "RCPT":
            self.reached["RCPT"].set()
        return own

    async def _content(self, session: _Session) -> None:
        wire = bytearray()
        while not (wire.endswith(b"\r\n.\r\n") or wire == b".\r\n"):
            block = await session.reader.readuntil(b"\n")
            if not wire:
                await self._act(session, "CONTENT")
            wire += block
        reply = self._next("DOT")
        text = reply.reply if isinstance(reply, Act) else reply
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        content = re.sub(rb"(?m)^\.", b"", bytes(wire[:-3]))
        client_ip = session.writer.get_extra_info("peername")[0]
        received = Received(
            session.mail,
            tuple(session.rcpt),
            content,
            bytes(wire),
            session.tls,
            session.number,
            text,
            client_ip,
        )
        session.mail, session.rcpt = "", []
        async with self._arrived:
            (self.refused if text[:1] in ("4", "5") else self.messages).append(received)
            self._arrived.notify_all()
        await self._perform(session, "DOT", reply)

    async def _starttls(self, session: _Session) -> None:
        if self.tls == "refused":
            session.writer.write(b"454 4.7.0 TLS not available\r\n")
            return
        await self._act(session, "STARTTLS")
        if self.tls == "broken":
            session.writer.write(b"this is no TLS record at all\r\n")
            await session.writer.drain()
            raise _Gone
        await session.writer.start_tls(self.context or self_signed_context())
        if self.tls == "dies":
            raise _Gone
        session.tls = True

    async def _act(self, session: _Session, step: str) -> int:
        """Do what the script says at this step; the reply's code, or 0."""
        return await self._perform(session, step, self._next(step))

    def _next(self, step: str) -> Reply:
        scripted = self.script.get(step)
        if isinstance(scripted, str | bytes | Act):
            return scripted
        if scripted:
            return scripted.pop(0)
        if step == "EHLO":
            return "\r\n".join(
                f"250{'-' if line != len(self.capabilities) else ' '}{text}"
                for line, text in enumerate((self.name, *self.capabilities))
            )
        return DEFAULTS.get(step, "" if step == "CONTENT" else DEFAULTS["RCPT"])

    async def _perform(self, session: _Session, step: str, reply: Reply) -> int:
        self.reached[step].set()
        act = reply if isinstance(reply, Act) else Act(reply)
        wire = (
            act.reply
            if isinstance(act.reply, bytes)
            else (act.reply + "\r\n").encode("utf-8", "surrogateescape")
        )
        await asyncio.sleep(act.seconds)
        if act.until is not None:
            await act.until.wait()
        if act.silent:
            await asyncio.Event().wait()
        while act.endless:
            await self._send(session, act.endless)
        if act.seconds_per_octet:
            for octet in wire:
                await self._send(session, bytes([octet]))
                await asyncio.sleep(act.seconds_per_octet)
        elif wire != b"\r\n":
            await self._send(session, wire)
        if act.drop:
            raise _Gone
        return int(wire[:3]) if wire[:3].isdigit() else 0

    async def _send(self, session: _Session, octets: bytes) -> None:
        session.writer.write(octets)
        await session.writer.drain()


@functools.cache
def self_signed_context() -> ssl.SSLContext:
    """A server context with a certificate nobody would believe: self-signed, another name, expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone.else.test")])
    born = datetime.now(UTC) - timedelta(days=30)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born)
        .not_valid_after(born + timedelta(days=10))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(path)
    return context
