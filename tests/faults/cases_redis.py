"""F33 to F36: Redis forgets everything, is away, or takes nothing more. It is only an alarm clock."""

import asyncio
from typing import Any

import redis.asyncio

from mailcore.jobs import WAKE, queue_name, redis_of
from mailcore.plans import Lane
from tests.faults.case import Run, case
from tests.faults.rig import until

GREYLISTED = "451 4.7.1 Greylisted, come back"


async def _redis(run: Run, *command: str) -> Any:
    client: Any = redis.asyncio.Redis.from_url(run.rig.ground.valkey.url)
    try:
        return await client.execute_command(*command)
    finally:
        await client.aclose()


async def _workers_listen(run: Run) -> None:
    """A wake-up that is put into either lane's queue is taken out again."""
    node = await run.rig.node()
    for lane in Lane:
        queue = queue_name(node, lane)
        client = redis_of(run.rig.ground.valkey.url)
        await client.enqueue_job(WAKE, _queue_name=queue)
        await client.aclose(close_connection_pool=True)

        async def taken(queue: str = queue) -> bool:
            return not await _redis(run, "ZCARD", queue)

        await until(taken, 30, f"the {lane} worker does not listen")


def _all_taken_at_once(run: Run) -> None:
    refused = [reply for letter in run.load.letters for reply in letter.replies if reply[:1] != "2"]
    assert not refused, f"refused: {refused}"


@case("F33", "FLUSHALL again and again under load", reduced=True)
async def flushed(run: Run) -> None:
    run.rig.sinks["inbox"].script["RCPT"] = [GREYLISTED] * 20
    flow = asyncio.create_task(run.load.flow(80, rate=20))
    for _ in range(20):
        await _redis(run, "FLUSHALL")
        await asyncio.sleep(0.2)
    run.fault()
    await flow
    await run.rig.idle()
    run.recovered(15)
    _all_taken_at_once(run)


async def _away(run: Run, seconds: float) -> None:
    """Mail is taken, delivered and retried by sweep; when Redis is back, workers listen again."""
    rig = run.rig
    await rig.ground.kill_valkey()
    rig.sinks["inbox"].script["RCPT"] = [GREYLISTED] * 20
    run.fault()
    await run.load.flow(60, rate=20)
    await rig.idle()
    run.recovered(45)
    _all_taken_at_once(run)
    await asyncio.sleep(seconds)
    await rig.ground.start_valkey()
    await _workers_listen(run)
    assert all(process.is_alive for process in rig.processes.values()), "a process left with Redis"


@case("F34", "Redis down at accept", reduced=True)
async def down_at_accept(run: Run) -> None:
    await _away(run, 0)


@case("F35", "Redis down for 10 minutes", timing="real", beside=True, seconds=900)
async def down_for_minutes(run: Run) -> None:
    await _away(run, 600)


@case("F36", "Redis out of memory", reduced=True)
async def out_of_memory(run: Run) -> None:
    await _redis(run, "CONFIG", "SET", "maxmemory", "1")
    try:
        run.rig.sinks["inbox"].script["RCPT"] = [GREYLISTED] * 20
        run.fault()
        await run.load.flow(40, rate=20)
        await run.rig.idle()
        run.recovered(30)
        _all_taken_at_once(run)
    finally:
        await _redis(run, "CONFIG", "SET", "maxmemory", "256mb")
    await _workers_listen(run)
