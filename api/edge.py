"""The outermost layer of every request: its id, bounds on its body, keys in the wrong place, last resort.

Must never log more than method, status, id and the kind of an error, nor let an exception out.
"""

import asyncio
import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from prometheus_client import Counter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import CODES, problem, unavailable
from customers.request_log import Answered, RequestRecorder, shown_path
from mailcore.clock import Clock

log = structlog.get_logger("api")

MAX_BODY: Final = 1_000_000
BODY_SECONDS: Final = 30.0
REQUESTS: Final = Counter("clearpost_api_requests_total", "Answers of the API", ["method", "status"])
_METHODS: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_KEY: Final = re.compile(r"cp_(test|live|app|refresh|secret)_")
_KEY_NAMES: Final = frozenset({"api_key", "apikey", "access_token", "authorization"})
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class _BodyTooLarge(Exception):
    """More than MAX_BODY bytes, declared or arrived."""


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, clock: Clock, requests: RequestRecorder) -> None:
        self._app = app
        self._clock = clock
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or str(self._clock.new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, scope["state"], scope["method"])
        at, began = self._clock.now(), self._clock.monotonic()
        try:
            await self._answer(scope, receive, answer, request_id)
        finally:
            self._note(scope, answer, at, self._clock.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer", request_id: str) -> None:
        try:
            await self._guarded(scope, receive, answer.send, request_id)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of it may reach the caller
            log.error(
                "request_failed", request_id=request_id, method=scope["method"], error=type(error).__name__
            )
            if not answer.started:
                await unavailable(request_id)(scope, receive, answer.send)

    def _note(self, scope: Scope, answer: "_Answer", at: datetime, seconds: float) -> None:
        """For the account's request log. Who is not known leaves no line there."""
        who, path = scope["state"].get("caller"), scope["path"]
        if who is not None and answer.started and path.startswith("/v1/"):
            self._requests.note(
                Answered(
                    id=self._clock.new_id(),
                    account_id=who.account_id,
                    at=at,
                    actor_kind=who.kind,
                    actor_id=who.actor_id,
                    method=answer.method,
                    path=shown_path(path),
                    status=answer.status,
                    duration_ms=round(seconds * 1000),
                    request_id=scope["state"]["request_id"],
                )
            )

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        if _has_key_in_query(scope["query_string"]):
            await problem(request_id, 400, "key_in_query", CODES["key_in_query"])(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(scope, receive)
        except _BodyTooLarge:
            # No "Connection: close": the server reads on and drops the rest, so that the answer is heard.
            await problem(request_id, 413, "body_too_large", CODES["body_too_large"])(scope, receive, send)
        except TimeoutError:
            end = {"Connection": "close"}
            late = problem(request_id, 408, "request_timeout", CODES["request_timeout"], headers=end)
            await late(scope, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)


class _Answer:
    """Adds the headers that every answer has, counts it, and knows whether one has begun."""

    def __init__(self, send: Send, state: dict[str, Any], method: str) -> None:
        self._send = send
        self._state = state
        self.method = method if method in _METHODS else "other"
        self.status = 0
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            REQUESTS.labels(self.method, str(message["status"])).inc()
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._state["request_id"]
            headers.update(self._state.get("headers", {}))  # the rate limits
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


async def _read(scope: Scope, receive: Receive) -> bytes:
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever the connection says next."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _given_id(scope: Scope) -> str | None:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def _has_key_in_query(query: bytes) -> bool:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    return any(name.lower() in _KEY_NAMES or _KEY.search(f"{name}={value}") for name, value in pairs)
