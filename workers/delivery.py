"""A delivery worker: claims and delivers one lane of this node.

Retries, overflow, and what a crash left behind. Must never know anything about accepting mail.
"""

import asyncio

from mailcore.jobs import queue_name
from mailcore.lane_worker import LaneWorker
from mailcore.leases import Sweeper
from mailcore.plans import Lane
from mailcore.runtime import Ready, open_runtime, until
from mailcore.settings import Settings
from workers.wakeups import listen_forever

_LAST_CLAIM = 30.0


async def serve(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Ready) -> bool:
    """Until `stop`. False when this process was declared dead and must be started anew."""
    async with open_runtime(settings, role="worker", lane=lane) as runtime:
        worker = LaneWorker(runtime.courier, lane)
        sweeper = Sweeper(runtime.database, runtime.clock, settings, runtime.log_keys)
        redis_url = settings.redis_url.get_secret_value()
        queue = queue_name(runtime.spool.node_id, lane)
        claiming = asyncio.create_task(worker.run())
        tasks = [
            claiming,
            asyncio.create_task(sweeper.watch_forever()),
            asyncio.create_task(listen_forever(redis_url, queue, str(runtime.lease.id), worker.wake)),
        ]
        on_ready()
        try:
            return await until(stop, runtime.lost, *tasks)
        finally:  # whatever ended it: what has passed the dot must be written down
            worker.stop()
            await asyncio.wait({claiming}, timeout=_LAST_CLAIM)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await runtime.courier.stop()
