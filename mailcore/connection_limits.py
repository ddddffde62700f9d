"""Who may connect: the open connections of one mx process, counted in all and by client network.

Must never forget a connection that is still open, nor remember one that is closed.
"""

import asyncio
from collections import Counter
from typing import Any, Protocol

from mailcore import metrics, replies
from mailcore.networks import is_within, network_of
from mailcore.replies import Reply
from mailcore.settings import Settings


class Closable(Protocol):
    """An open connection, as the end of the process sees it."""

    def shut_down(self) -> None: ...

    def cut(self) -> None: ...


class Connections:
    """Counts the open connections of one process, in all and by client network.

    A load balancer is no client: its connections count in all only, until each has told whom it is for.
    """

    def __init__(self, settings: Settings, *, most: int | None = None) -> None:
        self._most = settings.max_connections if most is None else most
        self._most_per_network = settings.max_connections_per_ip
        self._proxies = settings.proxy_protocol
        self._by_network: Counter[str] = Counter()
        self._network_of: dict[Closable, str] = {}
        self.sessions: set[Closable] = set()
        self.closing = False
        self._emptied = asyncio.Event()

    def is_proxy(self, ip: str) -> bool:
        """Whether a PROXY header must come from there."""
        return is_within(ip, self._proxies)

    def refusal(self, ip: str) -> Reply | None:
        """Why nobody from this address may come in just now."""
        if self.closing:
            return replies.SHUTTING_DOWN
        if len(self.sessions) >= self._most or (not self.is_proxy(ip) and self._is_crowded(network_of(ip))):
            return replies.TOO_MANY_CONNECTIONS
        return None

    def enter(self, session: Closable, ip: str) -> Reply | None:
        """Counts a connection from this address, which is the client's or a load balancer's."""
        if refusal := self.refusal(ip):
            return refusal
        self.sessions.add(session)
        metrics.CONNECTIONS.set(len(self.sessions))
        return None if self.is_proxy(ip) else self.count(session, ip)

    def count(self, session: Closable, ip: str) -> Reply | None:
        """Counts an entered connection for the network of its client."""
        network = network_of(ip)
        if self._is_crowded(network):
            return replies.TOO_MANY_CONNECTIONS
        self._by_network[network] += 1
        self._network_of[session] = network
        return None

    def _is_crowded(self, network: str) -> bool:
        return self._by_network[network] >= self._most_per_network

    def leave(self, session: Closable) -> None:
        if session not in self.sessions:
            return
        self.sessions.discard(session)
        network = self._network_of.pop(session, None)
        if network is not None:
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
