"""Who may connect: the open connections of one mx process, counted in all and by client network.

Must never forget a connection that is still open, nor remember one that is closed.
"""

import asyncio
from collections import Counter
from typing import Any, Protocol

from mailcore import metrics, replies
from mailcore.networks import network_of
from mailcore.replies import Reply
from mailcore.settings import Settings


class Closable(Protocol):
    """An open connection, as the end of the process sees it."""

    def shut_down(self) -> None: ...

    def cut(self) -> None: ...


class Connections:
    """Counts the open connections of one process, in all and by client network."""

    def __init__(self, settings: Settings, *, most: int | None = None) -> None:
        self._most = settings.max_connections if most is None else most
        self._most_per_network = settings.max_connections_per_ip
        self._by_network: Counter[str] = Counter()
        self.sessions: set[Closable] = set()
        self.closing = False
        self._emptied = asyncio.Event()

    def refusal(self, ip: str) -> Reply | None:
        """Why nobody from this address may come in just now."""
        if self.closing:
            return replies.SHUTTING_DOWN
        if len(self.sessions) >= self._most or self._by_network[network_of(ip)] >= self._most_per_network:
            return replies.TOO_MANY_CONNECTIONS
        return None

    def admit(self, session: Closable, ip: str) -> Reply | None:
        if refusal := self.refusal(ip):
            return refusal
        self.sessions.add(session)
        self._by_network[network_of(ip)] += 1
        metrics.CONNECTIONS.set(len(self.sessions))
        return None

    def leave(self, session: Closable, ip: str) -> None:
        if session not in self.sessions:
            return
        self.sessions.discard(session)
        network = network_of(ip)
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


def ip_of(name: Any) -> str:
    """The address in a socket name; an IPv4 client of an IPv6 socket is one of IPv4."""
    if not name:
        return ""
    ip = str(name[0])
    return ip.removeprefix("::ffff:") if "." in ip else ip
