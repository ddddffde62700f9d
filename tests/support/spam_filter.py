"""A spam filter in place of rspamd: a real HTTP server on loopback that speaks as rspamd does."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.support.loopback_http import serving


@dataclass(frozen=True, slots=True)
class Asked:
    headers: Mapping[str, str]
    content: bytes


@dataclass
class SmallFilter:
    """Answers `answer` with `status`, once `go_on` is set; remembers what it was asked. One that `is_endless`
    goes on until it is `left`.
    """

    url: str
    answer: str = '{"score": 0.1, "action": "no action"}'
    status: int = 200
    asked: list[Asked] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    is_endless: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def scores(self, score: float) -> None:
        self.answer = f'{{"is_skipped": false, "score": {score}, "required_score": 15.0, "action": "reject"}}'

    async def check(self, request: Request) -> Response:
        try:
            content = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        self.asked.append(Asked(request.headers, content))
        await self.go_on.wait()
        if self.is_endless:
            return StreamingResponse(self._without_end(), self.status)
        return Response(self.answer, self.status, media_type="application/json")

    async def _without_end(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b" " * 65536
                await asyncio.sleep(0)
        finally:
            self.left.set()


async def _pong(_: Request) -> Response:
    return Response("pong\r\n")


@asynccontextmanager
async def small_filter() -> AsyncIterator[SmallFilter]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = SmallFilter(f"http://127.0.0.1:{listener.getsockname()[1]}")
        made.go_on.set()
        routes = [Route("/checkv2", made.check, methods=["POST"]), Route("/ping", _pong)]
        app = Starlette(routes=routes)
        async with serving(app, listener):
            try:
                yield made
            finally:
                made.go_on.set()
