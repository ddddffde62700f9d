"""Listens to the alarm clock: an arq worker whose only job is to call `on_wake`.

Redis may vanish at any moment: mail goes on by sweep, and listening begins again when Redis is back.
Must never do work in a job: a job that is lost, doubled or late must not matter.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from logging import WARNING, getLogger
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent

from mailcore.jobs import WAKE, from_bytes, redis_of, to_bytes

getLogger("arq").setLevel(WARNING)
log = structlog.get_logger("wakeups")

_POLL = 0.02
_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_CANCEL_AGAIN = 0.2
_AWAY = (RedisGone, RedisSilent, OSError, TimeoutError)


async def listen_forever(redis_url: str, queue: str, owner: str, on_wake: Callable[[], None]) -> None:
    """Until cancelled. `owner` makes this listener's health key its own."""
    loop = asyncio.get_running_loop()
    pause = _PAUSE
    while True:
        began = loop.time()
        await _listen(redis_url, queue, owner, on_wake)
        if loop.time() - began > _LONGEST_PAUSE:  # it was well for a while
            pause = _PAUSE
        on_wake()  # whatever rang meanwhile was not heard
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _listen(redis_url: str, queue: str, owner: str, on_wake: Callable[[], None]) -> None:
    """As long as it goes well. Whatever lies in Redis, it must never end the worker that listens."""
    redis = redis_of(redis_url)
    worker = _worker(redis, queue, owner, on_wake)
    listening = asyncio.create_task(worker.main())
    try:
        await asyncio.wait({listening})
        listening.result()
    except _AWAY as error:
        log.warning("alarm_clock_away", error=type(error).__name__)
    except Exception as error:  # noqa: BLE001  a member that is none of ours, a key of another type
        log.error("alarm_clock_emptied", error=type(error).__name__)
        with suppress(*_AWAY, RedisError):
            await redis.delete(queue)
    finally:
        await _end(listening)
        await _close(worker, redis)


def _worker(redis: ArqRedis, queue: str, owner: str, on_wake: Callable[[], None]) -> Worker:
    async def wake(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
        on_wake()

    return Worker(
        [func(wake, name=WAKE, keep_result=0, max_tries=1)],
        queue_name=queue,
        redis_pool=redis,
        handle_signals=False,
        max_jobs=200,
        poll_delay=_POLL,
        keep_result=0,
        max_tries=1,
        health_check_key=f"{queue}:{owner}",
        job_serializer=to_bytes,
        job_deserializer=from_bytes,
    )


async def _end(listening: "asyncio.Task[None]") -> None:
    """Asked until it ends: redis-py uses asyncio.wait_for, which in Python 3.11 can lose a cancellation."""
    while not listening.done():
        listening.cancel()
        await asyncio.wait({listening}, timeout=_CANCEL_AGAIN)
    listening.cancelled() or listening.exception()


async def _close(worker: Worker, redis: ArqRedis) -> None:
    """Not by arq's own close(), which cancels jobs, trips over that, and then leaves its connections open."""
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    try:
        with suppress(RedisError, OSError, TimeoutError):
            await redis.delete(worker.health_check_key)
    finally:
        with suppress(RedisError, OSError, TimeoutError):
            await redis.aclose(close_connection_pool=True)
