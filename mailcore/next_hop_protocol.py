"""aiosmtplib's protocol plus back-pressure for content and an eye on replies nobody asked for.

Must never hand on octets that came before they were asked for.
"""

import asyncio
from typing import Final, cast

from aiosmtplib.protocol import SMTPProtocol

UNASKED_BYTES: Final = 1024


class NextHopProtocol(SMTPProtocol):
    """One connection to a next hop, below its commands."""

    def __init__(self) -> None:
        super().__init__()
        self.unasked = bytearray()
        self.lost = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    @property
    def is_clean(self) -> bool:
        """Connected, and no byte has come that a later reply could be mistaken for."""
        return self.is_connected and not self.unasked and not self._buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.flush_before_drained()

    def flush_before_drained(self) -> None:
        """Make `drain` wait until all bytes left us, so that little can leave after our last say in it."""
        if self.transport is not None:
            # Not high=0: over TLS that means paused for ever in asyncio of Python 3.11.
            writing(self.transport).set_write_buffer_limits(high=1, low=0)

    def data_received(self, data: bytes) -> None:
        if self._response_pending:
            super().data_received(data)
        else:
            self.unasked += data[: UNASKED_BYTES - len(self.unasked)]

    def pause_writing(self) -> None:
        super().pause_writing()
        self._drained.clear()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._drained.set()
        self.lost.set()

    async def drain(self) -> None:
        await self._drained.wait()

    def abort(self) -> None:
        if self.transport is not None:
            writing(self.transport).abort()


def writing(transport: asyncio.BaseTransport) -> asyncio.WriteTransport:
    """Not isinstance: uvloop's transports are no subclass of it."""
    return cast(asyncio.WriteTransport, transport)


def peer_ip(protocol: NextHopProtocol) -> str | None:
    peer = protocol.transport.get_extra_info("peername") if protocol.transport else None
    return str(peer[0]) if peer else None


def tls_version(protocol: NextHopProtocol) -> str | None:
    """Such as "TLSv1.3"; None in clear text."""
    ssl_object = protocol.transport.get_extra_info("ssl_object") if protocol.transport else None
    return ssl_object.version() if ssl_object else None
