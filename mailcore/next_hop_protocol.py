"""One connection to a next hop, below its commands: octets out, replies in, each awaited so long.

Must never hand on octets that came before they were asked for.
"""

import asyncio
import ssl
from typing import Final, cast

from mailcore.next_hop_replies import NO_ANSWER, Answer, refusal_in, take

# All that may lie unread: no real EHLO is half as long.
_MOST_UNREAD: Final = 32 * 1024


class NextHopProtocol(asyncio.Protocol):
    """One user at a time, who waits for one thing at a time. Seconds everywhere."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._owed = 1  # replies that are to come: the greeting
        self._is_paused = False
        self._waiting: asyncio.Future[bool] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    @property
    def is_connected(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_clean(self) -> bool:
        """Connected, no reply is owed, and no byte has come that a later one could be mistaken for."""
        return self.is_connected and not self._owed and not self._unread

    # --- what happens ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it
        self._flush_before_drained()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > _MOST_UNREAD:
            self.abort()  # it wants to be waited for, or to fill our memory
        self._wake()

    def eof_received(self) -> None:
        """None: the transport closes itself."""
        self._wake()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._wake()
        self.lost.set()

    # --- commands ---

    def write(self, octets: bytes, replies: int = 0) -> None:
        """Commands that so many replies are owed to, or content. Nothing once the connection is gone."""
        self._owed += replies
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(octets)

    async def answer(self, seconds: float) -> Answer:
        """The next reply that is owed; NO_ANSWER where none comes, and then none will."""
        deadline = self._loop.time() + seconds
        while (answer := take(self._unread)) is None:
            if not self.is_connected:
                return Answer(NO_ANSWER, "Connection lost")
            if not await self._something(deadline):
                return Answer(NO_ANSWER, "Timed out waiting for the reply")
        self._owed -= 1
        return answer

    async def drain(self, seconds: float) -> bool:
        """True when all octets have left us, or none will any more; False when time is up."""
        deadline = self._loop.time() + seconds
        while self._is_paused and self.is_connected and not self._unread:
            if not await self._something(deadline):
                return False
        return True

    def early_answer(self) -> Answer:
        """What the server said out of turn: a refusal is believed, anything else is no answer."""
        spoke = "Server spoke out of turn" if self.is_connected else "Connection lost"
        return refusal_in(self._unread) or Answer(NO_ANSWER, spoke)

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """The handshake, after STARTTLS was granted. Raises OSError, and ValueError where SNI can't carry the
        name. What came in clear text is forgotten: anybody may have said it (RFC 3207 section 4.2).
        """
        if self.transport is None:
            raise ConnectionResetError
        self._unread.clear()
        transport = await self._loop.start_tls(
            self.transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
        )
        if transport is None:
            raise ConnectionResetError
        self.transport = transport
        self._flush_before_drained()

    def close(self) -> None:
        """Once all that was written has left us."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _flush_before_drained(self) -> None:
        """Make `drain` wait until all bytes left us, so that little can leave after our last say in it."""
        if self.transport is not None:
            # Not high=0: over TLS that means paused for ever in asyncio of Python 3.11.
            self.transport.set_write_buffer_limits(high=1, low=0)

    # --- waiting ---

    async def _something(self, deadline: float) -> bool:
        """True when anything has happened on the connection, False at the deadline."""
        self._waiting = self._loop.create_future()
        self._deadline = deadline
        if self._timer is None or self._rings_at > deadline:
            self._set_timer(deadline)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def _wake(self, what: bool = True) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(what)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = self._loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        """One timer for all waits, moved only when it rings: nearly all of them end long before."""
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._wake(False)


def peer_ip(protocol: NextHopProtocol) -> str | None:
    peer = protocol.transport.get_extra_info("peername") if protocol.transport else None
    return str(peer[0]) if peer else None


def tls_version(protocol: NextHopProtocol) -> str | None:
    """Such as "TLSv1.3"; None in clear text."""
    ssl_object = protocol.transport.get_extra_info("ssl_object") if protocol.transport else None
    return ssl_object.version() if ssl_object else None
