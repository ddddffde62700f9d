"""A page that listens to GET /v1/events over a real socket, and the server it talks to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp
from uvicorn import Config, Server

from tests.support.services import free_port

PATIENCE = 10.0


class _Quiet(Server):
    """Leaves signals to the test run, and says when it listens."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a socket of loopback: its URL."""
    port = free_port()
    config = Config(app, port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = _Quiet(config)
    task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.ready.wait(), PATIENCE)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@dataclass(frozen=True, slots=True)
class Heard:
    kind: str
    id: str
    data: dict[str, Any]


@dataclass(slots=True)
class Page:
    """One open stream. `last_id` is what a browser would send as Last-Event-ID."""

    answer: httpx.Response
    last_id: str = ""
    comments: int = 0
    retry: str = ""
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.answer.aiter_lines()

    async def next(self, seconds: float = PATIENCE) -> Heard:
        """The next event, as a browser would dispatch it. Raises StopAsyncIteration at the end."""
        async with asyncio.timeout(seconds):
            return await self._next()

    async def _next(self) -> Heard:
        kind, data = "message", ""
        while True:
            line = await anext(self._lines)
            name, _, value = line.partition(": ")
            match name:
                case "":
                    self.comments += line.startswith(":")
                    if data:
                        return Heard(kind, self.last_id, json.loads(data))
                    kind = "message"
                case "id":
                    self.last_id = value
                case "event":
                    kind = value
                case "data":
                    data += value
                case "retry":
                    self.retry = value

    async def wait_for(self, count: int) -> list[Heard]:
        return [await self.next() for _ in range(count)]

    async def ended(self, seconds: float = PATIENCE) -> list[Heard]:
        """What came until the server ended the stream."""
        found: list[Heard] = []
        try:
            while True:
                found.append(await self.next(seconds))
        except StopAsyncIteration:
            return found


@asynccontextmanager
async def page(url: str, secret: str, *, after: str = "") -> AsyncIterator[Page]:
    """Opens a stream; whether it was taken is in `answer.status_code`."""
    headers = {"Authorization": f"Bearer {secret}"} | ({"Last-Event-ID": after} if after else {})
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=httpx.Timeout(PATIENCE, read=60)) as client,
        client.stream("GET", "/v1/events") as answer,
    ):
        yield Page(answer)
