"""A whole API process on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.main import serve
from mailcore.settings import Settings
from tests.support.services import free_port


def _settings(database_url: str, folder: Path, port: int, **more: Any) -> Settings:
    return Settings(database_url=SecretStr(database_url), key_dir=folder / "keys", api_port=port, **more)


async def test_it_says_when_it_listens_answers_and_ends_in_order(database_url: str, tmp_path: Path) -> None:
    port, ready = free_port(), asyncio.Event()
    task = asyncio.create_task(serve(_settings(database_url, tmp_path, port), on_ready=ready.set))
    await asyncio.wait({task, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not task.done()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert (await client.get("/v1/account")).status_code == 401
        large = await client.post("/v1/domains", content=b"x" * 1_100_000)
        assert large.status_code == 413
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


async def test_a_port_in_use_is_an_os_error(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(_settings(database_url, tmp_path, taken.getsockname()[1]))


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    ready = asyncio.Event()
    task = asyncio.create_task(serve(settings, on_ready=ready.set))
    await asyncio.wait({task, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert not task.done()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api_port}") as client:
            yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _answers_of_two_clients(settings: Settings) -> list[int]:
    """Of which the first has used up what one may have."""
    async with _serving(settings) as http:
        whence = ["198.51.100.1", "198.51.100.1", "198.51.100.2"]
        asked = [await http.get("/v1/account", headers={"X-Forwarded-For": ip}) for ip in whence]
    return [answer.status_code for answer in asked]


async def test_a_proxy_says_who_asks_where_it_is_trusted_and_nobody_else_does(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    one: dict[str, Any] = {"redis_url": SecretStr(redis_url), "api_rate_failures": 1}
    near = _settings(database_url, tmp_path / "a", free_port(), trusted_proxies=("127.0.0.1",), **one)
    assert await _answers_of_two_clients(near) == [401, 429, 401]
    unnamed = _settings(database_url, tmp_path / "b", free_port(), **one)
    assert await _answers_of_two_clients(unnamed) == [401, 429, 429], "whoever asks cannot say who they are"


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
async def test_nobody_reads_the_figures_through_a_proxy(
    database_url: str, tmp_path: Path, trusted: tuple[str, ...]
) -> None:
    async with _serving(_settings(database_url, tmp_path, free_port(), trusted_proxies=trusted)) as http:
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})).status_code == 403
