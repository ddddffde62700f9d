"""What a session and the receiver say to each other about a client and its mail.

Only shapes. Must never hold content: that goes through `Content` piece by piece.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from mailcore.envelope import ForwardPath, MailParameters, ReversePath
from mailcore.replies import Reply

# The reverse name is asked for while the client talks; whoever wants it waits at most this long.
_NAME_PATIENCE = 2.0


@dataclass(slots=True)
class Peer:
    """The other side of a connection. `name`, when it is known in time: the reverse name that leads back to
    the client, else one that does not, so that it proves nothing by itself.
    """

    ip: str
    local_ip: str
    name: "asyncio.Future[str | None]"
    helo: str = ""
    extended: bool = False
    tls: bool = False
    name_is_wanted: bool = False

    @property
    def protocol(self) -> str:
        """The word for the Received field (RFC 3848)."""
        return ("ESMTPS" if self.tls else "ESMTP") if self.extended else "SMTP"

    @property
    def known_name(self) -> str | None:
        """The reverse name, if it is known by now."""
        name = self.name
        return name.result() if name.done() and not name.cancelled() and name.exception() is None else None

    def has_left(self) -> None:
        """Nobody asks for the name of a client that brought nothing."""
        if not self.name_is_wanted:
            self.name.cancel()

    async def reverse_name(self) -> str:
        """The reverse name, waited for a little; empty where there is none in time."""
        if not self.name.done():
            await asyncio.wait({self.name}, timeout=_NAME_PATIENCE)
        return self.known_name or ""


@dataclass(slots=True)
class MailTransaction:
    """MAIL to the final dot. `recipients` are whatever the receiver made of each RCPT; `standing` is what it
    finds out about the client meanwhile.
    """

    reverse_path: ReversePath
    parameters: MailParameters
    began: float
    recipients: list[Any] = field(default_factory=list)
    standing: "asyncio.Future[Any] | None" = None


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
