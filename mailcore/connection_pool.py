"""Connections kept per next hop: a fair, capped number in use, and idle ones for a few seconds.

Must never hand one connection to two messages, nor one to a message that needs other TLS than it was made
with, nor keep one that has said something nobody asked for.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from mailcore.connection import Connection
from mailcore.next_hops import NextHop
from mailcore.settings import Settings
from mailcore.tls_need import TlsNeed

CLOSE_SECONDS: Final = 2.0
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ConnectionStats:
    """Connections of one process; `waiting` messages want one."""

    in_use: int
    idle: int
    waiting: int


@dataclass(slots=True)
class _Idle:
    """`until`: when it is closed, in seconds of the event loop."""

    connection: Connection
    need: TlsNeed
    until: float


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    users: int = 0  # holding or waiting for a slot
    idle: list[_Idle] = field(default_factory=list)


class ConnectionPool:
    """Slots first come, first served; a slot's holder takes a kept connection or makes its own."""

    def __init__(self, settings: Settings) -> None:
        self._cap = settings.connections_per_next_hop
        self._wait = settings.next_hop_wait.total_seconds()
        self._idle_seconds = settings.connection_idle.total_seconds()
        self._most_idle = settings.idle_connections
        self._most_messages = settings.messages_per_connection
        self._hosts: dict[_Key, _Host] = {}
        self._in_use = 0
        self._idle = 0
        self._next_look: asyncio.TimerHandle | None = None
        self._leaving: set[Connection] = set()
        self._closed = False

    @property
    def stats(self) -> ConnectionStats:
        users = sum(host.users for host in self._hosts.values())
        return ConnectionStats(self._in_use, self._idle, users - self._in_use)

    async def enter(self, hop: NextHop) -> bool:
        """The right to use one connection to `hop`, until `leave`; False when none came free in time."""
        key = (hop.address, hop.port)
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = _Host(asyncio.Semaphore(self._cap))
        host.users += 1
        got = False
        try:
            got = await self._acquire(host)
        finally:
            if got:
                self._in_use += 1
            else:
                host.users -= 1
                self._forget_if_unused(key, host)
        return got

    async def _acquire(self, host: _Host) -> bool:
        if not host.slots.locked():
            return await host.slots.acquire()  # waits for nothing
        try:
            async with asyncio.timeout(self._wait):
                return await host.slots.acquire()
        except TimeoutError:
            return False

    def leave(self, hop: NextHop) -> None:
        """Its slot is free for the next."""
        key = (hop.address, hop.port)
        host = self._hosts[key]
        self._in_use -= 1
        host.users -= 1
        host.slots.release()
        self._forget_if_unused(key, host)

    def take(self, hop: NextHop) -> Connection | None:
        """The most recently used idle connection that is still sound. Call inside a slot."""
        idle = self._hosts[hop.address, hop.port].idle
        for place in range(len(idle) - 1, -1, -1):
            if idle[place].need != hop.tls:
                continue
            connection = idle.pop(place).connection
            self._idle -= 1
            if connection.is_clean:
                return connection
            connection.abort()
        return None

    def keep(self, hop: NextHop, connection: Connection) -> None:
        """Keep a connection whose session may go on, unless worn or one too many. Call inside its slot."""
        worn = connection.messages >= self._most_messages or not connection.is_clean
        if self._closed or worn or self._idle >= self._most_idle:
            connection.quit()
            return
        connection.is_kept = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._idle_seconds
        self._hosts[hop.address, hop.port].idle.append(_Idle(connection, hop.tls, until))
        self._idle += 1
        if self._next_look is None:
            self._next_look = loop.call_at(until, self._expire)

    def break_off(self, connection: Connection) -> None:
        """Amid a transaction: RSET and QUIT if it has not come to DATA, and nobody waits for the goodbye."""
        if connection.in_data:  # a server takes a lost connection for what it is, and RSET for content
            connection.abort()
            return
        connection.reset_and_quit()
        self._leaving.add(connection)  # attempts are broken off when their process ends: `close` waits
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._leave, connection)

    def _leave(self, connection: Connection) -> None:
        connection.abort()
        self._leaving.discard(connection)

    def _expire(self) -> None:
        """One timer for all, set anew when it rings: most are used again long before their time."""
        loop = asyncio.get_running_loop()
        for key, host in list(self._hosts.items()):
            over = [idle for idle in host.idle if idle.until <= loop.time()]
            host.idle = [idle for idle in host.idle if idle.until > loop.time()]
            for idle in over:
                idle.connection.quit()
            self._idle -= len(over)
            self._forget_if_unused(key, host)
        left = [idle.until for host in self._hosts.values() for idle in host.idle]
        self._next_look = loop.call_at(min(left), self._expire) if left else None

    def _forget_if_unused(self, key: _Key, host: _Host) -> None:
        if not host.users and not host.idle:
            del self._hosts[key]

    async def close(self) -> None:
        """Say QUIT on idle connections and wait a moment for all that leave; those in use are closed by
        their users.
        """
        self._closed = True
        if self._next_look is not None:
            self._next_look.cancel()
        idle = [idle.connection for host in self._hosts.values() for idle in host.idle]
        for connection in idle:
            connection.quit()
        connections = [*idle, *self._leaving]
        self._hosts = {key: host for key, host in self._hosts.items() if host.users}
        for host in self._hosts.values():
            host.idle = []
        self._idle = 0
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(connection.closed() for connection in connections))
        except TimeoutError:
            for connection in connections:
                connection.abort()
