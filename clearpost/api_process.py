"""An API process: wires the application to the alarm clock. Must never do more than that."""

import asyncio
from collections.abc import Callable

import api.main
from mailcore.jobs import Alarm
from mailcore.plans import Lane
from mailcore.settings import Settings


async def serve(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Callable[[], None]) -> bool:
    """Until a signal: uvicorn listens to those itself, so `stop` is not asked."""
    alarm = Alarm.open(settings.redis_url.get_secret_value())
    try:
        await api.main.serve(settings, on_ready=on_ready, wake=alarm.wake, tell=alarm.tell)
    finally:
        await alarm.close()
    return True
