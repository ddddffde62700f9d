"""The wiring of a process: what runs in its background may not die unseen."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from mailcore import runtime
from tests.support.working import working


async def test_background_work_that_dies_has_the_process_started_anew() -> None:
    lost = asyncio.Event()

    async def dies() -> None:
        raise ZeroDivisionError

    async with AsyncExitStack() as stack:
        runtime._in_background(stack, lost, dies())
        async with asyncio.timeout(5):
            await lost.wait()


async def test_background_work_that_is_ended_in_good_order_is_no_loss() -> None:
    lost = asyncio.Event()
    async with AsyncExitStack() as stack:
        runtime._in_background(stack, lost, asyncio.sleep(60))
    assert not lost.is_set()


async def test_pauses_of_others_are_known_from_the_start(database_url: str, tmp_path: Path) -> None:
    async with working(database_url, tmp_path, "127.0.0.1:9") as w:
        await w.ground.world.execute(
            "insert into provider_pause (provider, until) values ('a.test', now() + interval '1 minute')"
        )
    async with working(database_url, tmp_path, "127.0.0.1:9") as w, asyncio.timeout(1):
        while not w.runtime.courier.providers.seconds_paused("a.test"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
