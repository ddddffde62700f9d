"""What must happen by itself: spool sweep, dead owners, the 7 days, domain checks, notices, gauges.

Plain loops that ask the database, not jobs: the 7 days and the spool must not wait for Redis. Every
duty may run in several processes at once. Must never let one failing duty stop the others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from mailcore import domains, event_log, ledger, metrics, queue, queue_admin
from mailcore.leases import Sweeper
from mailcore.plans import Lane
from mailcore.runtime import Ready, Runtime, open_runtime, segment_writer, until
from mailcore.settings import Settings
from mailcore.spool import SegmentWriter
from mailcore.spool_sweep import SpoolSweep
from workers.notices import send_dispute_notices, send_undeliverable_notices

log = structlog.get_logger("upkeep")

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again; `every` counts from the end of one run to the next."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]


async def serve(settings: Settings, lane: Lane, *, stop: asyncio.Event, on_ready: Ready) -> bool:
    """Until `stop`. False when this process was declared dead and must be started anew."""
    async with open_runtime(settings, role="upkeep", lane=lane) as runtime:
        long_wait = segment_writer(runtime.spool, runtime.clock, settings, long_wait=True)
        await event_log.ensure_partitions(runtime.database, runtime.clock.now(), settings.log_retention)
        tasks = [asyncio.create_task(_again_and_again(duty)) for duty in duties(runtime, long_wait)]
        tasks.append(asyncio.create_task(Sweeper(runtime.database, runtime.clock, settings).watch_forever()))
        on_ready()
        ordered = await until(stop, runtime.lost, *tasks)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await runtime.courier.stop()
        long_wait.close()
        return ordered


def duties(runtime: Runtime, long_wait: SegmentWriter) -> list[Duty]:
    """All duties of one upkeep process."""
    r = runtime
    sweep = SpoolSweep(
        database=r.database, spool=r.spool, long_wait=long_wait, clock=r.clock, settings=r.settings
    )
    return [
        Duty("spool", timedelta(seconds=5), sweep.sweep),
        Duty("gauges", timedelta(seconds=10), lambda: _gauges(r)),
        Duty(
            "domains",
            timedelta(minutes=5),
            lambda: domains.recheck_due(r.database, r.resolver, r.clock, r.settings),
        ),
        Duty(
            "wanted checks",
            timedelta(seconds=2),
            lambda: domains.check_wanted(r.database, r.resolver, r.clock, r.settings),
        ),
        Duty("dispute notices", timedelta(minutes=1), lambda: send_dispute_notices(r)),
        Duty("undeliverable notices", timedelta(minutes=10), lambda: send_undeliverable_notices(r)),
        Duty("seven days", timedelta(hours=1), lambda: _seven_days(r)),
        Duty("held mail", timedelta(minutes=10), lambda: _end_held(r)),
        Duty("ledger", timedelta(hours=1), lambda: ledger.compact(r.database)),
    ]


async def _again_and_again(duty: Duty) -> None:
    while True:
        try:
            await duty.run()
        except Exception as error:  # noqa: BLE001  one failing duty must not stop the others
            log.error("duty_failed", duty=duty.name, error=type(error).__name__)
        await asyncio.sleep(duty.every.total_seconds())


async def _seven_days(runtime: Runtime) -> None:
    """Log rows, and the small tables that point at people, leave on their day."""
    now = runtime.clock.now()
    await event_log.ensure_partitions(runtime.database, now, runtime.settings.log_retention)
    deleted = await event_log.expire(runtime.database, now, runtime.settings.log_retention)
    async with runtime.database.transaction() as tx:
        await tx.execute("delete from refused_hour where hour < $1", now - timedelta(hours=2))
        await tx.execute("delete from srs_token where expires_at < $1", now)
        await tx.execute(
            "delete from undelivered where noticed_at < $1", now - runtime.settings.log_retention
        )
    log.info("seven_days", deleted=deleted)


async def _end_held(runtime: Runtime) -> None:
    """What nobody could send for as long as anything is tried: it ends, and its owner is told."""
    while True:
        async with runtime.database.transaction(certain=True) as tx:
            taken = await queue_admin.take_expired(
                tx, runtime.lease.id, runtime.settings.give_up_after, _AT_ONCE
            )
        for claimed in taken:
            await runtime.courier.end(queue_admin.expired(claimed))
        if len(taken) < _AT_ONCE:
            return


async def _gauges(runtime: Runtime) -> None:
    async with runtime.database.transaction() as tx:
        depths = await queue.depths(tx)
    metrics.QUEUE.clear()
    metrics.QUEUE_AGE.clear()
    for depth in depths:
        metrics.QUEUE.labels(depth.lane, depth.state).set(depth.count)
        metrics.QUEUE_AGE.labels(depth.lane, depth.state).set(depth.oldest_seconds)
    for line in await ledger.balance(runtime.database):
        metrics.LEDGER_DIFFERENCE.labels(line.origin).set(line.difference)
