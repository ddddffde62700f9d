"""The alarm clock: whatever lies in Redis, the worker that listens goes on."""

import asyncio
from uuid import UUID

import redis.asyncio

from mailcore.database import LaneOfNode
from mailcore.jobs import Alarm, queue_name
from mailcore.plans import Lane
from workers.wakeups import listen_forever

NODE = UUID(int=1)
QUEUE = queue_name(NODE, Lane.STANDARD)


async def test_junk_in_the_queue_is_thrown_away_and_wake_ups_are_heard_again(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.zadd(QUEUE, {b"\xff\xfe": 1})
        await heard_again(redis_url)
        assert await client.zscore(QUEUE, b"\xff\xfe") is None


async def test_a_queue_of_another_type_is_thrown_away(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.set(QUEUE, "junk")
        await heard_again(redis_url)
        assert await client.type(QUEUE) != b"string"


async def heard_again(redis_url: str) -> None:
    """Listens: awake once because of what lay there, then again because somebody rang."""
    rung = asyncio.Event()
    listening = asyncio.create_task(listen_forever(redis_url, QUEUE, "me", rung.set))
    alarm = Alarm.open(redis_url)
    try:
        async with asyncio.timeout(5):
            await rung.wait()
            rung.clear()
            alarm.wake(frozenset({LaneOfNode(NODE, Lane.STANDARD)}))
            await rung.wait()
        assert not listening.done()
    finally:
        await alarm.close()
        listening.cancel()
        await asyncio.wait({listening})
