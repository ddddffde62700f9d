"""The alarm clock: a wake-up names a lane of a node, and losing one harms nothing."""

import asyncio
from uuid import UUID

import redis
from redis.asyncio import Redis

from mailcore.database import LaneOfNode
from mailcore.jobs import LOOK, Alarm, from_bytes, queue_name, to_bytes
from mailcore.plans import Lane

NODE = UUID(int=1)
STANDARD, FAST = LaneOfNode(NODE, Lane.STANDARD), LaneOfNode(NODE, Lane.FAST)


def waiting(redis_url: str, lane: Lane) -> int:
    with redis.Redis.from_url(redis_url) as client:
        return int(client.zcard(queue_name(NODE, lane)))


async def test_many_wakes_in_one_moment_are_one_job_for_each_lane(redis_url: str) -> None:
    alarm = Alarm.open(redis_url)
    for _ in range(50):
        alarm.wake(frozenset({STANDARD, FAST}))
        alarm.wake(frozenset({STANDARD}))
    await alarm.close()
    assert (waiting(redis_url, Lane.STANDARD), waiting(redis_url, Lane.FAST)) == (1, 1)


async def test_a_job_carries_no_ids_and_is_no_pickle(redis_url: str) -> None:
    alarm = Alarm.open(redis_url)
    alarm.wake(frozenset({STANDARD}))
    await alarm.close()
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("arq:job:*")
        job = from_bytes(client.get(key))
    assert (job["f"], job["a"], job["k"]) == ("wake", [], {})


async def test_a_redis_that_is_away_loses_the_wake_up_and_nothing_else() -> None:
    alarm = Alarm.open("redis://127.0.0.1:1/0")
    alarm.wake(frozenset({STANDARD}))
    async with asyncio.timeout(10):
        await alarm.close()


async def test_the_alarm_rings_again_after_a_loss(redis_url: str) -> None:
    alarm = Alarm.open(redis_url)
    alarm.wake(frozenset({STANDARD}))
    while waiting(redis_url, Lane.STANDARD) == 0:  # noqa: ASYNC110  only Redis can tell
        await asyncio.sleep(0.01)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    alarm.wake(frozenset({STANDARD}))
    await alarm.close()
    assert waiting(redis_url, Lane.STANDARD) == 1


def test_a_queue_belongs_to_one_lane_of_one_node() -> None:
    names = {queue_name(node, lane) for node in (NODE, UUID(int=2)) for lane in Lane}
    assert len(names) == 4
    assert from_bytes(to_bytes({"a": 1})) == {"a": 1}


async def test_many_commits_of_a_moment_are_told_once(redis_url: str) -> None:
    alarm = Alarm.open(redis_url)
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as channel:
        await channel.subscribe(LOOK)
        await channel.get_message(timeout=5)
        for _ in range(1000):
            alarm.tell()
        await alarm.close()
        told = []
        while message := await channel.get_message(ignore_subscribe_messages=True, timeout=0.2):
            told.append(message["data"])
    assert told == [b""]


async def test_without_redis_telling_is_lost_and_nothing_else() -> None:
    alarm = Alarm.open("redis://127.0.0.1:1/0")
    alarm.tell()
    await alarm.close()
