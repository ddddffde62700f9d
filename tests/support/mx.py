"""A whole mx in the test's own loop, with all that stands around it: DNS, a destination, a prepared world.

The process is the one `clearpost mx` runs; only its settings are the test's. Must never reach inside it.

    async with surroundings(database_url, redis_url, tmp_path) as around:
        async with running_mx(around.settings) as mx, mx.client() as client: ...
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from clearpost import mx
from clearpost.ports import free_port
from clearpost.standins.dns import DnsStandin
from mailcore.plans import Lane
from mailcore.settings import Settings
from tests.support import dkim_key
from tests.support.destination import Destination
from tests.support.smtp_client import SmtpClient, connected
from tests.support.world import World, prepared_world

# An mx that stands alone delivers by itself: that a busy machine has it leave mail to a worker is
# tests/journeys/test_forwarding.py's to show.
NO_MATTER_HOW_BUSY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an mx needs to live. All mail that it forwards goes to `destination`."""

    settings: Settings
    world: World
    dns: DnsStandin
    destination: Destination

    def changed(self, **settings: object) -> "Surroundings":
        """The same with other settings, for tests of limits and timeouts."""
        return replace(self, settings=self.settings.model_copy(update=settings))


@dataclass(frozen=True, slots=True)
class Mx:
    """A running mx. `stop()` is its SIGTERM."""

    port: int
    lane: Lane
    stopped: asyncio.Event
    task: "asyncio.Task[bool]"

    def client(self) -> AbstractAsyncContextManager[SmtpClient]:
        return connected(self.port)

    async def stop(self) -> bool:
        """Ask it to end, and wait until it has. True when it ended on this order."""
        self.stopped.set()
        async with asyncio.timeout(30):
            return await self.task


def mx_settings(database_url: str, redis_url: str, folder: Path, **changes: Any) -> Settings:
    """Settings of a small service on free ports of loopback, its spool and keys below `folder`."""
    defaults: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "redis_url": SecretStr(redis_url),
        "spool_dir": folder / "spool",
        "key_dir": folder / "keys",
        "mx_port": free_port(),
        "fast_mx_port": free_port(),
        "spool_reserve": 0,
        "first_attempt_lag": NO_MATTER_HOW_BUSY,
    }
    return Settings(_env_file=None, **(defaults | changes))


@asynccontextmanager
async def surroundings(
    database_url: str, redis_url: str, folder: Path, **changes: Any
) -> AsyncIterator[Surroundings]:
    """DNS, destination and world; `changes` are settings."""
    async with (
        DnsStandin() as dns,
        Destination() as destination,
        prepared_world(database_url, key_dir=folder / "keys") as world,
    ):
        routes = {"*": f"127.0.0.1:{destination.port}"}
        settings = mx_settings(
            database_url, redis_url, folder, **({"dns_servers": (dns.address,), "routes": routes} | changes)
        )
        dkim_key.give(settings.key_dir, settings.service_domain)
        yield Surroundings(settings, world, dns, destination)


@asynccontextmanager
async def running_mx(settings: Settings, lane: Lane = Lane.STANDARD) -> AsyncIterator[Mx]:
    """The mx process of one lane, from ready to stopped. What it dies of is raised here."""
    stopped, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(mx.serve(settings, lane, stop=stopped, on_ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    waiting.cancel()
    if task.done():
        task.result()
    running = Mx(settings.fast_mx_port if lane is Lane.FAST else settings.mx_port, lane, stopped, task)
    try:
        yield running
    finally:
        stopped.set()
        async with asyncio.timeout(30):
            await asyncio.wait({task})
    task.result()
