"""A whole API process on a real socket."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.main import serve
from mailcore.settings import Settings
from tests.support.services import free_port


def _settings(database_url: str, folder: Path, port: int) -> Settings:
    return Settings(database_url=SecretStr(database_url), key_dir=folder / "keys", api_port=port)


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
