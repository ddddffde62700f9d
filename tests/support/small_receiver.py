"""SMTP sessions on a small receiver of the test, so that nothing but the session is looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcore import replies
from mailcore.certificates import Certificate
from mailcore.clock import Clock
from mailcore.connection_limits import Connections
from mailcore.envelope import ForwardPath
from mailcore.keyring import Keyring
from mailcore.replies import Reply
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer
from mailcore.smtp_session import SmtpSession
from tests.support.smtp_client import SmtpClient

SMUGGLED = b"MAIL FROM:<evil@sender.test>\r\nRCPT TO:<b@c.test>\r\nDATA\r\nsmuggled\r\n.\r\n"


class Kept:
    """Content as it was fed."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    @property
    def octets(self) -> bytes:
        return b"".join(self.chunks)

    async def feed(self, chunk: bytes) -> None:
        self.chunks.append(chunk)


class BrokenContent(Kept):
    async def feed(self, chunk: bytes) -> None:
        raise OSError("the disk is gone")


@dataclass
class SmallReceiver:
    """Takes everything, and remembers what it was handed."""

    make_content: Callable[[], Kept] = Kept
    messages: list[bytes] = field(default_factory=list)
    dropped: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    accepting: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    at_rcpt: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    async def mail(self, peer: Peer, transaction: MailTransaction) -> Reply:
        self.peers.append(peer)
        self.senders.append(transaction.reverse_path.wire)
        return replies.SENDER_OK

    async def rcpt(self, peer: Peer, transaction: MailTransaction, path: ForwardPath) -> Reply:
        if path.mailbox.local_part == "broken":
            raise ValueError("secret@inbox.test")
        if path.mailbox.local_part == "slow":
            self.at_rcpt.set()
            await self.go_on.wait()
        transaction.recipients.append(path)
        return replies.RECIPIENT_OK

    def content(self, peer: Peer, transaction: MailTransaction) -> Kept:
        return self.make_content()

    async def data(self, peer: Peer, transaction: MailTransaction, content: Kept) -> Reply:
        self.accepting.set()
        await self.go_on.wait()
        self.messages.append(content.octets)
        self.accepted.set()
        return replies.queued("42")

    def drop(self, content: Kept) -> None:
        self.dropped.append(content.octets)


class WatchedSession(SmtpSession):
    """Tells when injected plaintext has come to its reader."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if b"evil" in data:
            self.injected.set()

    injected: asyncio.Event


@dataclass
class Server:
    port: int
    connections: Connections
    sessions: list[WatchedSession]


@asynccontextmanager
async def serving(
    receiver: Any, tmp_path: Path, *, tls: bool = False, **changes: Any
) -> AsyncIterator[Server]:
    settings = Settings(_env_file=None, key_dir=tmp_path / "keys", **changes)
    connections, clock = Connections(settings), Clock()
    certificate = None
    if tls:
        Keyring(settings.key_dir)
        certificate = Certificate(settings, clock)
    sessions: list[WatchedSession] = []

    def session() -> SmtpSession:
        sessions.append(
            WatchedSession(
                receiver=receiver,
                connections=connections,
                settings=settings,
                clock=clock,
                greet=lambda ip: asyncio.create_task(_nameless()),
                largest_message=1_000_000,
                certificate=certificate,
            )
        )
        sessions[-1].injected = asyncio.Event()
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    try:
        yield Server(server.sockets[0].getsockname()[1], connections, sessions)
    finally:
        server.close()
        async with asyncio.timeout(10):
            await connections.empty()


async def _nameless() -> None:
    return None


async def at_data(client: SmtpClient) -> None:
    await client.hello()
    await client.envelope("a@b.test")
    assert (await client.say("DATA")).startswith("354")
