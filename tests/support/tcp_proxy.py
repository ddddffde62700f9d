"""A TCP proxy in front of Postgres that can cut a connection around a COMMIT.

Forwards bytes as they are. Must never change a byte, nor cut a connection it was not told to cut.

    async with PostgresProxy(database_url) as proxy:
        database = await Database.open(proxy.url)
        proxy.cut_next("before")   # the server never sees the COMMIT
        proxy.cut_next("after")    # the server commits, the client never hears
        proxy.cut_next("silent")   # the client is cut; the server is left waiting in an open transaction
"""

import asyncio
import contextlib
from typing import Literal, Self
from urllib.parse import urlsplit

Cut = Literal["before", "after", "silent"]
_COMMIT = b"COMMIT"
_CHUNK = 65536


class PostgresProxy:
    """Listens on a free loopback port; `url` is the database's own with that port."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._url = database_url
        self._cut: Cut | None = None
        self._at, self._after = _COMMIT, b""
        self._down = self._go_down_then = False
        self._open: set[asyncio.StreamWriter] = set()
        self._left_waiting: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._url.replace(f":{self._target[1]}/", f":{port}/", 1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in [*self._open, *self._left_waiting]:
            writer.close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cut_next(
        self, how: Cut, *, at: bytes = _COMMIT, after: bytes = b"", and_go_down: bool = False
    ) -> None:
        """Cuts the connection of the next COMMIT (or `at` another statement), once; `after` these words were
        seen on that connection.
        """
        self._cut, self._at, self._after, self._go_down_then = how, at, after, and_go_down

    def go_down(self) -> None:
        """Cuts everything and refuses new connections."""
        self._down = True
        for writer in list(self._open):
            writer.transport.abort()

    def come_up(self) -> None:
        self._down = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._down:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            to_server = await asyncio.open_connection(*self._target)
            await _Link(self, (reader, writer), to_server).run()

    def take_cut(self, chunk: bytes, said: bytes) -> Cut | None:
        if self._cut is None or self._at not in chunk or self._after not in said:
            return None
        how, self._cut = self._cut, None
        self.cuts += 1
        self._down = self._down or self._go_down_then
        return how

    def opened(self, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)

    def closed(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)

    def leave_waiting(self, server: asyncio.StreamWriter) -> None:
        """The server's side stays open and hears nothing more, as after a network that went away."""
        self._left_waiting.append(server)


class _Link:
    """One client's connection and ours to the server."""

    def __init__(
        self,
        proxy: PostgresProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._deaf = False

    async def run(self) -> None:
        for writer in (self._client[1], self._server[1]):
            self._proxy.opened(writer)
        waiting = False
        try:
            answers = asyncio.create_task(self._answers())
            waiting = await self._questions()
            if waiting:
                self._proxy.leave_waiting(self._server[1])
                answers.cancel()
            await asyncio.wait({answers})
        finally:
            for writer in (self._client[1], self._server[1]):
                self._proxy.closed(writer)
                if not (waiting and writer is self._server[1]):
                    writer.close()

    async def _questions(self) -> bool:
        """Client to server. True when the server is to be left waiting."""
        said = b""
        with contextlib.suppress(OSError):
            while chunk := await self._client[0].read(_CHUNK):
                said = said[-_CHUNK:] + chunk
                how = self._proxy.take_cut(chunk, said)
                if how is None:
                    self._server[1].write(chunk)
                    continue
                self._deaf = True
                if how == "after":
                    self._server[1].write(chunk)
                    await self._server[0].readexactly(1)  # it has answered, so it has committed
                self._client[1].transport.abort()
                if how == "silent":
                    return True
                break
        self._server[1].close()
        return False

    async def _answers(self) -> None:
        """Server to client."""
        with contextlib.suppress(OSError, RuntimeError):
            while not self._deaf and (chunk := await self._server[0].read(_CHUNK)):
                self._client[1].write(chunk)
        self._client[1].close()
