"""A worker's runtime in the test's own loop, with mail that waits for it.

Must never claim anything by itself: a test starts what it wants to see.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mailcore.clock import Clock
from mailcore.lane_worker import LaneWorker
from mailcore.plans import Lane
from mailcore.runtime import Runtime, open_runtime
from mailcore.settings import Settings
from tests.support import dkim_key
from tests.support.ground import CONTENT, Ground, ground


@dataclass(slots=True)
class Working:
    """One worker process's parts, and another process's that accept mail and look on."""

    runtime: Runtime
    ground: Ground

    def lane_worker(self) -> LaneWorker:
        return LaneWorker(self.runtime.courier, Lane.STANDARD)

    async def mail(self, name: str, *destinations: str, content: bytes = CONTENT) -> None:
        """Accepted, and waiting in the queue of the worker's node."""
        submission = self.ground.submission(await self.ground.recipient(name, *destinations), content=content)
        assert (await self.runtime.acceptance.accept(submission)).code == 250

    async def events(self) -> list[tuple[str, str]]:
        rows = await self.ground.database.fetch("select type, code from log_event order by id")
        return [(row["type"], row["code"]) for row in rows]


@asynccontextmanager
async def working(
    database_url: str, folder: Path, route: str, *, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[Working]:
    """`route` is where all mail goes, as host:port. There is no Redis."""
    settings = Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        spool_dir=folder / "spool",
        key_dir=folder / "keys",
        routes={"*": route},
        **changes,
    )
    dkim_key.give(settings.key_dir, settings.service_domain)
    async with (
        open_runtime(settings, role="worker", lane=Lane.STANDARD, clock=clock) as runtime,
        ground(database_url, folder) as g,
    ):
        try:
            yield Working(runtime, g)
        finally:
            await runtime.courier.stop()
