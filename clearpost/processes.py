"""Runs one process of the service: event loop, signals, metrics port, readiness, exit code.

Must never swallow why a process ended: 0 ordered, 1 declared dead or failed, 2 wrong settings.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol

import prometheus_client
import structlog
import uvloop

from clearpost import core_dumps
from clearpost.readiness import say_ready
from mailcore import crash_points, keys_in_place, logs
from mailcore.plans import Lane
from mailcore.settings import Settings

log = structlog.get_logger("process")

# A thread that has synced or signed waits so long for a busy event loop, and a batch of mail with it.
_SWITCH_SECONDS = 0.0005


class Main(Protocol):
    """A process body: runs until `stop`, calls `on_ready` once it serves, says whether it ended by order."""

    def __call__(
        self, settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Callable[[], None]
    ) -> Awaitable[bool]: ...


def run(main: Main, settings: Settings, role: str, lane: Lane) -> int:
    """The exit code. Raises CrashPointsRefused, `KeysAway`, OSError before anything is opened."""
    logs.configure(role, lane, settings.process_log)
    core_dumps.turn_off()
    sys.setswitchinterval(_SWITCH_SECONDS)
    crash_points.check_allowed(settings.environment)
    keys_in_place.check(settings.spool_dir, settings.key_dir)
    give_way(settings, role, lane)
    if settings.metrics_port:
        prometheus_client.start_http_server(settings.metrics_port, addr=settings.listen_host)
    try:
        gc.freeze()  # what was imported stays: each full collection would look through it, 40 ms at a time
        return uvloop.run(_run(main, settings, lane))
    except Exception as error:  # noqa: BLE001  a trace shows values: addresses, or what a row held
        log.error("crashed", error=type(error).__name__, where=logs.where(error))
        return 1


def give_way(settings: Settings, role: str, lane: Lane) -> None:
    """Mail of the standard lane waits for the CPU behind that of the fast lane, never the other way round."""
    if role in ("mx", "worker") and lane is Lane.STANDARD:
        os.nice(settings.standard_nice)


async def _run(main: Main, settings: Settings, lane: Lane) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ordered = await main(settings, lane, stop=stop, on_ready=_ready)
    log.info("ended", ordered=ordered)
    return 0 if ordered else 1


def _ready() -> None:
    log.info("ready")
    say_ready()
