"""The first message goes through the outer doors: SMTP, the API, and the files of the spool."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clearpost.api_client import ApiClient, ApiError
from clearpost.first_message import JourneyError, follow, send, timeline, wait_until_gone
from clearpost.ports import free_port
from clearpost.standins.inbox import Inbox, InboxServer
from mailcore.clock import Clock

RECEIVED = {"at": "2026-11-22T09:00:00.123456Z", "type": "received", "code": 250, "response": "2.0.0 Queued"}
DELIVERED = {**RECEIVED, "type": "delivered", "server_ip": "127.0.0.1", "duration_ms": 12}


class ScriptedApi:
    """A loopback HTTP server that gives one prepared answer after another; the last one repeats."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, object]] = []
        self.requests: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = json.dumps(body).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(content))
        )
        writer.write(content)
        await writer.drain()
        writer.close()


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    scripted = ScriptedApi()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield scripted
    server.close()


async def test_the_key_goes_as_bearer(api: ScriptedApi) -> None:
    api.answers = [(200, {"items": []})]
    assert await ApiClient(api.url, "key").get("/v1/domains") == {"items": []}
    assert api.requests[0].startswith("GET /v1/domains HTTP/1.1")
    assert "Authorization: Bearer key" in api.requests[0]


async def test_a_problem_is_told_in_its_own_words_without_the_key(api: ScriptedApi) -> None:
    api.answers = [(409, {"title": "Conflict", "detail": "Somebody else owns it."})]
    with pytest.raises(ApiError) as error:
        await ApiClient(api.url, "secret-key").post("/v1/domains/7/check")
    assert str(error.value) == "POST /v1/domains/7/check answered 409: Somebody else owns it."


async def test_an_api_that_is_not_there_is_one_line(api: ScriptedApi) -> None:
    with pytest.raises(ApiError, match=r"GET /v1/account failed: .*refused"):
        await ApiClient(f"http://127.0.0.1:{free_port()}", "key").get("/v1/account")


async def test_following_ends_with_the_terminal_event(api: ScriptedApi) -> None:
    events: list[list[dict[str, Any]]] = [[], [RECEIVED], [RECEIVED, DELIVERED]]
    api.answers = [(200, {"events": list_}) for list_ in events]
    assert await follow(ApiClient(api.url, "key"), "42") == [RECEIVED, DELIVERED]


async def test_a_message_that_stays_is_reported_with_what_was_seen(api: ScriptedApi) -> None:
    api.answers = [(200, {"events": [RECEIVED]})]
    with pytest.raises(JourneyError, match="not delivered; so far: received"):
        await follow(ApiClient(api.url, "key"), "42", seconds=0.3)


def test_the_timeline_is_an_aligned_table() -> None:
    lines = timeline([RECEIVED, DELIVERED]).splitlines()
    assert lines[0].split() == ["time", "(UTC)", "event", "server", "code", "response", "duration"]
    assert lines[2].split() == [
        "09:00:00.123",
        "delivered",
        "127.0.0.1",
        "250",
        "2.0.0",
        "Queued",
        "12",
        "ms",
    ]
    assert lines[1].index("250") == lines[2].index("250")


async def test_a_reply_without_an_id_is_told() -> None:
    inbox = InboxServer(Inbox(Clock()))
    await inbox.start()
    with pytest.raises(JourneyError, match=r"took the message but gave no id: 250 2.0.0 arrived"):
        await send(inbox.port, "hello@demo.test", Clock())
    content = inbox.inbox.messages()[0].content
    await inbox.stop()
    assert b"\n" not in content.replace(b"\r\n", b"")


async def test_a_refusal_is_told_with_its_reply() -> None:
    inbox = InboxServer(Inbox(Clock()))
    await inbox.start()
    with pytest.raises(JourneyError, match=r"our MX refused the message: 550 5.1.1"):
        await send(inbox.port, "bounce@demo.test", Clock())
    await inbox.stop()


async def test_bytes_in_the_spool_are_waited_for(tmp_path: Path) -> None:
    segment = tmp_path / "node" / "segment"
    segment.parent.mkdir()
    segment.write_bytes(b"...the-token...")
    with pytest.raises(JourneyError, match="still holds its bytes, in segment"):
        await wait_until_gone(tmp_path, "the-token", seconds=0.2)
    segment.write_bytes(b"\0" * 16)
    await wait_until_gone(tmp_path, "the-token", seconds=0.2)
