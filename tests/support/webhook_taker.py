"""An endpoint for webhooks that keeps what comes, body and signature, and answers as a test says."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.loopback_http import serving


@dataclass(slots=True)
class WebhookTaker:
    """`answers`: statuses of the next answers, then 200."""

    url: str
    received: list[tuple[bytes, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            taker = cls(f"http://127.0.0.1:{listener.getsockname()[1]}/hooks")
            app = Starlette(routes=[Route("/hooks", taker._take, methods=["POST"])])
            async with serving(app, listener):
                yield taker

    async def _take(self, request: Request) -> Response:
        self.received.append((await request.body(), request.headers["stripe-signature"]))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in self.received]
