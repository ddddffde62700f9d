"""A TCP proxy in front of Postgres that can stop a COMMIT: hold it, cut before it, cut after it.

It follows each connection's transactions by their BEGIN and COMMIT. Must never touch a transaction that did
not carry the marker: heartbeats and claims go on.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit, urlunsplit

Deed = Literal["pass", "hold", "cut before", "cut after"]
_BEGIN, _COMMIT = b"BEGIN", b"COMMIT;\0"
_CHUNK = 1 << 16

# Octets of the transaction that accepts mail, its lane: no address of it stands there in clear.
ACCEPTED = b"standard"


@dataclass
class _Link:
    """One proxied connection. `is_marked` within a transaction that carried the marker."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_marked: bool = False
    is_mute: bool = False
    awaits_commit: bool = False
    committed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class PostgresProxy:
    """`order()` says what happens to the next COMMITs of transactions whose parameters hold a marker."""

    url: str
    port: int = 0
    _deed: Deed = "pass"
    _marker: bytes = b""
    _times: int = 0
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _release: asyncio.Event = field(default_factory=asyncio.Event)
    _done: asyncio.Event = field(default_factory=asyncio.Event)
    _forgotten: bool = False
    _closed: bool = False
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def proxied_url(self) -> str:
        """The same database by way of this proxy."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"))

    def order(self, deed: Deed, marker: bytes, times: int = 1) -> None:
        self._deed, self._marker, self._times, self._forgotten = deed, marker, times, False
        for event in (self._stopped, self._release, self._done):
            event.clear()

    async def reached(self, seconds: float = 20) -> None:
        """Returns when a COMMIT is held, or was cut."""
        async with asyncio.timeout(seconds):
            await self._stopped.wait()

    async def let_go(self) -> None:
        """The held COMMIT reaches the server, whether its client still lives or not."""
        self._release.set()
        async with asyncio.timeout(20):
            await self._done.wait()

    def forget(self) -> None:
        """The held COMMIT never reaches the server."""
        self._forgotten = True
        self._release.set()

    def close(self) -> None:
        """From now on nobody gets through, and who was connected is cut."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()

    def open(self) -> None:
        self._closed = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            return  # by us, in `close`
        finally:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.url)
        try:
            if self._closed:
                raise ConnectionRefusedError
            back, server = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            return
        link = _Link(writer, server)
        answers = asyncio.create_task(self._answers(back, link))
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(_CHUNK):
                    await self._forward(link, chunk)
        finally:
            server.transport.abort()
            answers.cancel()
            await asyncio.wait({answers})

    async def _forward(self, link: _Link, chunk: bytes) -> None:
        if _BEGIN in chunk:
            link.is_marked = False
        if self._times and self._marker in chunk:
            link.is_marked = True
        if _COMMIT in chunk and link.is_marked and self._times and self._deed != "pass":
            self._times -= 1
            await self._stop(link, chunk)
            return
        link.server.write(chunk)
        await link.server.drain()

    async def _stop(self, link: _Link, chunk: bytes) -> None:
        link.is_mute = self._deed == "cut after"
        if self._deed != "cut after":
            self._stopped.set()
        if self._deed == "hold":
            await self._release.wait()
        if self._deed == "cut before" or self._forgotten:
            raise ConnectionResetError
        link.awaits_commit = True
        link.server.write(chunk)
        await link.server.drain()
        await link.committed.wait()
        self._done.set()
        if link.is_mute:
            self._stopped.set()
            raise ConnectionResetError
        link.is_marked = False

    async def _answers(self, back: asyncio.StreamReader, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while chunk := await back.read(_CHUNK):
                if link.awaits_commit:
                    link.awaits_commit = False
                    link.committed.set()
                    if link.is_mute:
                        return
                link.client.write(chunk)
                await link.client.drain()
        if not link.is_mute:
            link.client.transport.abort()
