"""The end of DATA: two who read one message end together."""

import asyncio

import pytest

from mailcore.end_of_data import both


async def test_both_give_what_they_found() -> None:
    assert await both(asyncio.sleep(0, 1), asyncio.sleep(0, "two")) == (1, "two")


async def test_where_one_breaks_the_other_has_ended_when_the_error_is_told() -> None:
    reading, ended = asyncio.Event(), asyncio.Event()

    async def reads_on() -> None:
        try:
            reading.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async def breaks() -> None:
        await reading.wait()
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await both(breaks(), reads_on())
    assert ended.is_set()
