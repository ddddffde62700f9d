"""The whole service for a journey: real processes' code, a DNS stand-in, routes to scripted destinations.

A process runs in the test's own loop (`start`), or as an operating system process of its own (`spawn`),
which alone can be killed. Must never end anything it did not start.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from clearpost import mx
from clearpost.ports import free_port
from clearpost.process import Program, spawn
from clearpost.readiness import READY_FD
from clearpost.standins.dns import DnsStandin, Zone
from mailcore.clock import Clock
from mailcore.database import Tenant
from mailcore.event_log import Event
from mailcore.keyring import Keyring
from mailcore.log_keys import LogKeys
from mailcore.log_reader import LogReader
from mailcore.plans import Lane
from mailcore.settings import Settings
from mailcore.spool import Spool
from tests.support import dkim_key, sender
from tests.support.destination import Destination
from tests.support.mx import NO_MATTER_HOW_BUSY
from tests.support.services import ROOT
from tests.support.world import AccountRow, AliasRow, DomainRow, World, prepared_world
from workers import delivery, upkeep

PATIENCE = 20.0
_POLL = 0.02
_WAITING = """
select d.state, d.attempt, d.next_attempt_at - now() as due_in, p.role as held_by, d.lease_owner
from delivery d left join process p on p.id = d.lease_owner
"""
_SERVE = {"mx": mx.serve, "worker": delivery.serve, "upkeep": upkeep.serve}

# A crash is noticed within seconds instead of half a minute; the order of the three is that of production.
QUICK_DEATH: Mapping[str, Any] = {
    "heartbeat_interval": timedelta(seconds=0.4),
    "heartbeat_stale": timedelta(seconds=2),
    "death_after": timedelta(seconds=3),
}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """For what only the database or the disk can tell: asked again and again. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  neither sends us an event
            await asyncio.sleep(_POLL)


class InLoop:
    """A process of ours as a task in the test's loop."""

    def __init__(self, name: str, lane: Lane, settings: Settings) -> None:
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        serve = _SERVE[name](settings, lane, stop=self._stop, on_ready=self._ready.set)
        self._task = asyncio.create_task(serve)

    async def ready(self) -> None:
        waiting = asyncio.create_task(self._ready.wait())
        await asyncio.wait({waiting, self._task}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()
        assert self._ready.is_set(), "not ready in time"

    async def stop(self) -> None:
        """As SIGTERM would."""
        self._stop.set()
        async with asyncio.timeout(PATIENCE):
            await self._task


class Spawned:
    """A process of ours as `clearpost <name> --lane <lane>`."""

    def __init__(self, process: "subprocess.Popen[bytes]", ready: int) -> None:
        self._process = process
        self._ready = ready

    async def ready(self) -> None:
        said = await asyncio.to_thread(self._await_ready)
        assert said == b"ready\n", f"ended with {self._process.poll()} before it was ready"

    def _await_ready(self) -> bytes:
        with open(self._ready, "rb") as pipe:
            return pipe.read()

    async def kill(self) -> None:
        """SIGKILL: it does nothing more, not even close a file."""
        self._process.kill()
        await self.ended()

    def freeze(self) -> None:
        """It stands still and keeps all it has, its connections too."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM, and its end in good order."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                code = await self.ended()
            except subprocess.TimeoutExpired:
                await self.kill()
                raise
            assert code == 0, f"ended with {code}"

    async def ended(self) -> int:
        """The exit code, once there is one."""
        return await asyncio.to_thread(self._process.wait, PATIENCE)


@dataclass(slots=True)
class Stack:
    """A service with one account, `free`, that owns shop.test. `log` holds what spawned processes wrote,
    `questions` (name, type) what they asked of DNS.
    """

    settings: Settings
    redis_url: str
    zone: Zone
    questions: list[tuple[str, str]]
    world: World
    account: AccountRow
    domain: DomainRow
    log: Path
    running: list[InLoop | Spawned] = field(default_factory=list)

    # --- processes ---

    async def start(self, *names: str, lane: Lane = Lane.STANDARD, **changes: Any) -> InLoop:
        """Runs these in our own loop; the last one is returned."""
        process = None
        for name in names:
            process = InLoop(name, lane, self.settings.model_copy(update=changes))
            self.running.append(process)
            await process.ready()
        assert process is not None
        return process

    async def spawn(self, name: str, lane: Lane = Lane.STANDARD) -> Spawned:
        """Runs one as a process of its own."""
        process = self._spawn(name, lane)
        await process.ready()
        return process

    async def spawn_all(self, *wanted: tuple[str, Lane]) -> list[Spawned]:
        """Several that start at the same time."""
        processes = [self._spawn(name, lane) for name, lane in wanted]
        await asyncio.gather(*(process.ready() for process in processes))
        return processes

    def _spawn(self, name: str, lane: Lane) -> Spawned:
        reading, writing = os.pipe()
        options = ("--lane", lane.value) if name in ("mx", "worker") else ()
        argv = (sys.executable, "-m", "clearpost", name, *options)
        env = {**environment(self.settings), "PYTHONPATH": str(ROOT), READY_FD: str(writing)}
        process = spawn(Program(name, argv, self.log, env, pass_fds=(writing,)))
        os.close(writing)
        spawned = Spawned(process, reading)
        self.running.append(spawned)
        return spawned

    async def stop(self, process: InLoop | Spawned) -> None:
        self.running.remove(process)
        await process.stop()

    async def kill(self, process: Spawned) -> None:
        self.running.remove(process)
        await process.kill()

    async def stop_all(self) -> None:
        """All of them, even if one ends badly; then that one's error is raised."""
        running, self.running = self.running[::-1], []
        ended = await asyncio.gather(*(process.stop() for process in running), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    # --- mail ---

    async def alias(self, local_part: str, *destinations: str, enabled: bool = True) -> AliasRow:
        return await self.world.alias(self.domain, local_part, *destinations, enabled=enabled)

    async def send(
        self, recipient: str, content: bytes | None = None, *, by: str = "ann@sender.test", size: int = 0
    ) -> str:
        """One message to the standard mx: the reply that ended it."""
        parameters = [f"SIZE={size}"] if size else []
        content = sender.letter() if content is None else content
        return await sender.send(self.settings.mx_port, by, recipient, content, *parameters)

    async def accepted(self, recipient: str, content: bytes | None = None, **options: Any) -> UUID:
        """The same, taken with 250: the id it is queued as."""
        reply = await self.send(recipient, content, **options)
        assert reply.startswith("250 2.0.0 Queued as "), reply
        return UUID(reply.rpartition(" ")[2])

    # --- what became of it ---

    def reader(self, clock: Clock | None = None) -> LogReader:
        clock, retention = clock or self.world.clock, self.settings.log_retention
        keys = LogKeys(self.settings.key_dir, clock, retention)
        return LogReader(self.world.database, clock, retention, keys)

    async def timeline(self, message_id: UUID) -> list[Event]:
        return await self.reader().timeline(Tenant(self.account.id), message_id)

    async def types(self, message_id: UUID) -> list[str]:
        return [event.type for event in await self.timeline(message_id)]

    async def waits(self) -> int:
        """Deliveries in the queue, leased ones included."""
        return await self.world.count("delivery")

    async def idle(self, seconds: float = PATIENCE) -> None:
        """Returns when the queue is empty."""

        async def is_empty() -> bool:
            return await self.waits() == 0

        try:
            await until(is_empty, seconds)
        except TimeoutError:
            rows = await self.world.database.fetch(_WAITING)
            raise AssertionError(f"still waiting: {[tuple(row.values()) for row in rows]}") from None

    async def has_event(self, message_id: UUID, *types: str) -> None:
        """Returns when the timeline shows exactly these types, in this order."""

        async def shows() -> bool:
            return await self.types(message_id) == list(types)

        try:
            await until(shows)
        except TimeoutError:
            raise AssertionError(f"the timeline shows {await self.types(message_id)}") from None

    # --- the ground ---

    @property
    def segments(self) -> Path:
        return self.settings.spool_dir / "segments"

    def keyring(self) -> Keyring:
        return Keyring(self.settings.key_dir)

    def spool(self) -> Spool:
        return Spool.open(self.settings.spool_dir, self.settings.key_dir, self.world.clock)


@asynccontextmanager
async def service(
    database_url: str, redis_url: str, folder: Path, routes: Mapping[str, Destination], **changes: Any
) -> AsyncIterator[Stack]:
    """A stack with nothing started yet; everything still running at the end is stopped in order."""
    async with DnsStandin() as dns, prepared_world(database_url, key_dir=folder / "keys") as world:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_url),
            "spool_dir": folder / "spool",
            "key_dir": folder / "keys",
            "dns_servers": (dns.address,),
            "routes": {domain: destination.route for domain, destination in routes.items()},
            "mx_port": free_port(),
            "fast_mx_port": free_port(),
            "standard_ladder": (timedelta(seconds=0.3),),
            "fast_ladder": (timedelta(seconds=0.3),),
            "sweep_interval": timedelta(seconds=1),
            "fast_sweep_interval": timedelta(seconds=1),
            "spool_reserve": 0,
            "first_attempt_lag": NO_MATTER_HOW_BUSY,
        }
        account = await world.account("free")
        domain = await world.domain(account, "shop.test")
        settings = Settings(**(values | changes))
        dkim_key.give(settings.key_dir, settings.service_domain)
        stack = Stack(
            settings, redis_url, dns.zone, dns.questions, world, account, domain, folder / "processes.log"
        )
        trust(stack, "sender.test")
        try:
            yield stack
        finally:
            await stack.stop_all()


def trust(stack: Stack, *domains: str) -> None:
    """Mail of these domains may come from 127.0.0.1: SPF passes."""
    for domain in domains:
        stack.zone.put_txt(domain, "v=spf1 ip4:127.0.0.1 -all")


def environment(settings: Settings) -> dict[str, str]:
    """The settings that are not the default, as a person would write them."""
    return {f"CLEARPOST_{name.upper()}": _text(getattr(settings, name)) for name in settings.model_fields_set}


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return f"{value.total_seconds():g}"
        case dict():
            return ",".join(f"{key}={item}" for key, item in value.items())
        case tuple():
            return _joined(value)
        case _:
            return str(value)


def _joined(values: Sequence[object]) -> str:
    return ",".join(_text(value) for value in values)
