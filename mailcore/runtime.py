"""A process's wiring: settings, clock, database, alarm, spool, resolver, lease.

Tests hand in another member, nobody patches. Must never be imported by what it wires: a module takes
the members it needs as arguments.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from mailcore import keys_in_place
from mailcore.acceptance import Acceptance
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.clock import Clock
from mailcore.contents import Contents
from mailcore.database import CONNECTION_LOST, PLANNED_ANEW, PLANNED_ONCE, Aborted, Database
from mailcore.delivery import Courier
from mailcore.dressing import Dressing
from mailcore.fields_child import Order
from mailcore.fields_process import FieldsProcess
from mailcore.first_attempts import FirstAttempts, NoFirstAttempts
from mailcore.in_process_attempts import InProcessAttempts
from mailcore.jobs import Alarm
from mailcore.key_wiper import KeyWiper
from mailcore.keyring import Keyring
from mailcore.leases import ProcessLease
from mailcore.log_keys import LogKeys
from mailcore.logs import where
from mailcore.mta_sts_policies import Policies
from mailcore.our_fields import FieldMaker
from mailcore.plans import Lane
from mailcore.providers import Providers
from mailcore.resolver import Resolver
from mailcore.returns import ReturnAddresses
from mailcore.settings import Settings
from mailcore.settlement import Settler
from mailcore.spool import Spool
from mailcore.spool_writer import SegmentWriter
from mailcore.srs import Srs
from mailcore.transport import Transport

log = structlog.get_logger("runtime")

_SEAL_INTERVAL = 1.0
_LAG_INTERVAL = 0.1
_EXCHANGE_INTERVAL = 2.0
_PLANS = {"mx": PLANNED_ONCE, "worker": PLANNED_ANEW}


@dataclass(slots=True)
class Runtime:
    """What every process that touches mail has."""

    settings: Settings
    clock: Clock
    lane: Lane
    database: Database
    alarm: Alarm
    keyring: Keyring
    log_keys: LogKeys
    spool: Spool
    writer: SegmentWriter
    resolver: Resolver
    lease: ProcessLease
    srs: Srs
    acceptance: Acceptance
    courier: Courier
    lost: asyncio.Event


class LoopLag:
    """How late the event loop runs its timers: the sign that a process has too much to do."""

    def __init__(self, limit: timedelta) -> None:
        self._late = 0.0
        self._limit = limit.total_seconds()

    def is_high(self) -> bool:
        return self._late > self._limit

    async def watch_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_LAG_INTERVAL)
            self._late = loop.time() - before - _LAG_INTERVAL


class _Attempts:
    """Breaks the circle between accepting (which starts first attempts) and delivering (which accepts
    DSNs).
    """

    def __init__(self) -> None:
        self.chosen: FirstAttempts = NoFirstAttempts()

    def reserve(self, lane: Lane, deliveries: int, size: int) -> Any:
        return self.chosen.reserve(lane, deliveries, size)

    def release(self, deliveries: int, size: int) -> None:
        self.chosen.release(deliveries, size)

    def prepare(self, claimed: Any, mail: Any) -> None:
        self.chosen.prepare(claimed, mail)

    def start(self, claimed: Any, mail: Any, size: int) -> None:
        self.chosen.start(claimed, mail, size)


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    role: str,
    lane: Lane,
    clock: Clock | None = None,
    first_attempts: bool = False,
    pool_size: int = 8,
) -> AsyncIterator[Runtime]:
    """Opens everything in order and closes it in reverse; `lost` is set when it must be started anew:
    others have declared us dead, or a part of it died. Raises `KeysAway` before anything is opened."""
    await asyncio.to_thread(keys_in_place.check, settings.spool_dir, settings.key_dir)
    clock = clock or Clock()
    async with AsyncExitStack() as stack:
        alarm = Alarm.open(settings.redis_url.get_secret_value())
        stack.push_async_callback(alarm.close)
        database = await Database.open(
            settings.database_url.get_secret_value(),
            size=pool_size,
            wake=alarm.wake,
            tell=alarm.tell,
            name=f"clearpost {role} {lane}",
            plans=_PLANS.get(role, {}),
        )
        stack.push_async_callback(database.close)
        keyring = Keyring(settings.key_dir)
        await asyncio.to_thread(KeyFolder(settings.key_dir).ensure, settings.service_domain)
        spool, wiper = await _open_spool(settings, clock, database, stack)
        writer = segment_writer(spool, clock, settings)
        stack.callback(writer.close)
        resolver = Resolver(settings=settings, clock=clock)
        stack.push_async_callback(resolver.close)
        lost = asyncio.Event()
        lease = await ProcessLease.take(
            database=database,
            clock=clock,
            settings=settings,
            node_id=spool.node_id,
            role=role,
            lane=lane,
            on_lost=lost.set,
        )
        stack.push_async_callback(lease.leave)
        runtime = _wire(
            settings, clock, lane, database, alarm, keyring, spool, writer, resolver, lease, lost,
            first_attempts, stack,
        )  # fmt: skip
        keeping = (wiper.wipe_forever(), runtime.log_keys.forget_forever())
        for background in (lease.beat_forever(), _seal_forever(writer), *keeping):
            _in_background(stack, lost, background)
        yield runtime


async def _open_spool(
    settings: Settings, clock: Clock, database: Database, stack: AsyncExitStack
) -> tuple[Spool, KeyWiper]:
    spool = Spool.open(settings.spool_dir, settings.key_dir, clock)
    stack.callback(spool.close)
    return spool, await stack.enter_async_context(KeyWiper(spool, database))


def _wire(
    settings: Settings,
    clock: Clock,
    lane: Lane,
    database: Database,
    alarm: Alarm,
    keyring: Keyring,
    spool: Spool,
    writer: SegmentWriter,
    resolver: Resolver,
    lease: ProcessLease,
    lost: asyncio.Event,
    first_attempts: bool,
    stack: AsyncExitStack,
) -> Runtime:
    attempts, log_keys = _Attempts(), LogKeys(settings.key_dir, clock, settings.log_retention)
    acceptance = Acceptance(
        database=database,
        spool=spool,
        writer=writer,
        clock=clock,
        log_keys=log_keys,
        first_attempts=attempts,
    )
    places = settings.first_attempts if first_attempts else settings.worker_deliveries
    providers = Providers(settings, clock, places=places)
    _in_background(stack, lost, _exchange_forever(providers, database))
    policies = Policies(settings=settings, resolver=resolver, clock=clock, database=database, keyring=keyring)
    stack.push_async_callback(policies.close)
    transport = _transport(settings, resolver, clock, lane, providers, policies)
    stack.push_async_callback(transport.close)
    srs = Srs(settings.srs_domain, keyring.keys("srs"))
    courier = Courier(
        settings=settings,
        clock=clock,
        database=database,
        spool=spool,
        dressing=_dressing(settings, clock, keyring, stack),
        transport=transport,
        return_addresses=ReturnAddresses(srs, database),
        acceptance=acceptance,
        settler=Settler(
            database=database, spool=spool, acceptance=acceptance, clock=clock, log_keys=log_keys
        ),
        lease=lease,
        providers=providers,
        contents=Contents(spool),
        on_broken=lost.set,
    )
    if first_attempts:
        lag = LoopLag(settings.first_attempt_lag)
        _in_background(stack, lost, lag.watch_forever())
        attempts.chosen = InProcessAttempts(courier, settings, lag.is_high)
    return Runtime(
        settings, clock, lane, database, alarm, keyring, log_keys, spool, writer, resolver, lease, srs,
        acceptance, courier, lost,
    )  # fmt: skip


def _transport(
    settings: Settings,
    resolver: Resolver,
    clock: Clock,
    lane: Lane,
    providers: Providers,
    policies: Policies,
) -> Transport:
    source = settings.fast_outbound_source_address if lane is Lane.FAST else settings.outbound_source_address
    return Transport(
        settings=settings,
        resolver=resolver,
        clock=clock,
        source_address=source,
        providers=providers,
        policies=policies,
    )


def _dressing(settings: Settings, clock: Clock, keyring: Keyring, stack: AsyncExitStack) -> Dressing:
    maker = FieldMaker.open(
        settings.key_dir, settings.service_domain, arc_seal=settings.arc_seal, clock=clock
    )
    process = None
    if settings.signing_process and (os.cpu_count() or 1) > 1:
        order = Order(
            settings.key_dir, settings.service_domain, settings.arc_seal, maker.from_key, settings.process_log
        )
        process = FieldsProcess(order, clock)
    dressing = Dressing(clock=clock, keyring=keyring, maker=maker, process=process)
    stack.push_async_callback(dressing.close)
    return dressing


def segment_writer(
    spool: Spool, clock: Clock, settings: Settings, *, long_wait: bool = False
) -> SegmentWriter:
    return SegmentWriter(
        spool,
        clock,
        largest=settings.segment_bytes,
        oldest_seconds=settings.segment_age.total_seconds(),
        long_wait=long_wait,
    )


async def _exchange_forever(providers: Providers, database: Database) -> None:
    while True:
        try:
            await providers.exchange(database)
        except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError):
            pass  # pacing is our own until the database is back
        await asyncio.sleep(_EXCHANGE_INTERVAL)


async def _seal_forever(writer: SegmentWriter) -> None:
    while True:
        await asyncio.sleep(_SEAL_INTERVAL)
        writer.seal_if_old()


def _in_background(stack: AsyncExitStack, lost: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """A process without its heartbeat, or any of these, is better started anew than left half alive."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("background_died", error=type(error).__name__, where=where(error))
            lost.set()

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    stack.push_async_callback(_end, task)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


async def until(stopped: asyncio.Event, lost: asyncio.Event, *work: "asyncio.Task[None]") -> bool:
    """Waits for the order to stop (true), or for being declared dead (false). Work that ends early
    raises what it died of.
    """
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(event.wait()) for event in (stopped, lost)]
    done, _ = await asyncio.wait([*waits, *work], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    for task in done.intersection(work):
        task.result()
    return stopped.is_set()


Ready = Callable[[], None]
