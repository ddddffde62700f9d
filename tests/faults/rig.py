"""The whole service under test: real processes of both lanes, their sinks, DNS, and a world of tenants.

Processes are `clearpost mx|worker|upkeep|api` as a service manager would start them, and can be killed,
frozen, stopped and replaced. Must never end anything it did not start.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from clearpost.ports import free_port
from clearpost.process import Program, spawn
from clearpost.readiness import READY_FD
from clearpost.standins.dns import DnsStandin, Zone
from mailcore.database import CONNECTION_LOST, Database
from mailcore.plans import Lane
from mailcore.settings import Settings
from tests.faults.ground import Ground
from tests.faults.process import PATIENCE, Process
from tests.faults.timings import TIMINGS
from tests.support import disk_image
from tests.support.authority import Authority
from tests.support.destination import Destination
from tests.support.policy_host import PolicyHost
from tests.support.services import ROOT
from tests.support.stack import environment
from tests.support.world import AccountRow, World, prepared_world

STANDARD, FAST = Lane.STANDARD, Lane.FAST
ROLES: Mapping[str, tuple[str, Lane]] = {
    "mx": ("mx", STANDARD),
    "fast mx": ("mx", FAST),
    "worker": ("worker", STANDARD),
    "fast worker": ("worker", FAST),
    "upkeep": ("upkeep", STANDARD),
    "api": ("api", STANDARD),
}
SINKS = ("inbox", "d1", "d2", "d3", "d4", "d5", "d6", "tls", "home")
# Domains whose mail goes by MX records and not by a route, to the sink "tls"; some have an MTA-STS policy.
BY_MX = ("plain", "enforce", "forged", "kept", "testing", "dane")
TENANTS = 20


@dataclass(slots=True)
class Rig:
    """One service on one database and one spool. `forwards`: alias -> the addresses it goes to."""

    ground: Ground
    settings: Settings
    folder: Path
    world: World
    zone: Zone
    sinks: dict[str, Destination]
    authority: Authority
    policies: PolicyHost
    forwards: dict[str, list[str]] = field(default_factory=dict)
    accounts: dict[str, AccountRow] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def segments(self) -> Path:
        return self.settings.spool_dir / "segments"

    @property
    def log(self) -> Path:
        return self.folder / "processes.log"

    def port(self, lane: Lane = STANDARD) -> int:
        return self.settings.fast_mx_port if lane is FAST else self.settings.mx_port

    def promise(self, real: float) -> float:
        """A promise in seconds, scaled to this rig: what the verdict takes less, the promise is shorter."""
        return real - (30 - self.settings.death_after.total_seconds())

    # --- processes ---

    def launch(self, role: str, **variables: str) -> Process:
        command, lane = ROLES[role]
        reading, writing = os.pipe()
        options = ("--lane", lane.value) if command in ("mx", "worker") else ()
        argv = (sys.executable, "-m", "clearpost", command, *options)
        env = {**environment(self.settings), **variables, "PYTHONPATH": str(ROOT), READY_FD: str(writing)}
        popen = spawn(Program(role, argv, self.log, env, pass_fds=(writing,)))
        os.close(writing)
        return Process(popen, reading, is_pristine=not variables)

    async def start(self, *roles: str, **variables: str) -> Process:
        """Starts these (upper case names are environment variables); returns the last one."""
        fresh = {role: self.launch(role, **variables) for role in roles}
        await asyncio.gather(*(process.ready() for process in fresh.values()))
        self.processes |= fresh
        return self.processes[roles[-1]]

    async def replace(self, role: str, **variables: str) -> Process:
        """Stops the one that runs in good order, and starts another."""
        await self.stop(role)
        return await self.start(role, **variables)

    async def stop(self, *roles: str) -> None:
        """SIGTERM, and their end in good order."""
        gone = [self.processes.pop(role) for role in roles if role in self.processes]
        for process in gone:
            process.tell(signal.SIGTERM)
        codes = [await process.ended() for process in gone]
        assert not any(codes), f"exit codes at SIGTERM: {dict(zip(roles, codes, strict=False))}"

    async def kill(self, *roles: str) -> None:
        for role in roles:
            await self.processes.pop(role).kill()

    async def heal(self) -> None:
        """Everything runs as in the beginning, and every sink behaves."""
        for sink in self.sinks.values():
            sink.script = {}
            sink.reached.clear()
        await self.ground.start_postgres()
        await self.ground.start_valkey()
        await self.settled()
        for role, process in list(self.processes.items()):
            if not process.is_alive:
                del self.processes[role]
            elif not process.is_pristine:
                await self.stop(role)
        await self.start_missing()

    async def start_missing(self) -> None:
        """As a service manager does: what ended is started anew."""
        missing = [r for r in ROLES if r not in self.processes or not self.processes[r].is_alive]
        if missing:
            await self.start(*missing)

    async def end(self) -> None:
        for process in self.processes.values():
            if process.is_alive:
                process.tell(signal.SIGCONT)
                await process.kill()
        self.processes.clear()

    # --- what the database says ---

    async def settled(self) -> None:
        """Returns when our own connection to the database works."""
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110  a server that starts sends no event
                await asyncio.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            await self.world.value("select 1")
        except CONNECTION_LOST:
            return False
        return True

    @asynccontextmanager
    async def world_away(self) -> AsyncIterator[None]:
        """Our own connection is closed meanwhile: a database can't be copied while anybody looks at it."""
        await self.world.database.close()
        yield
        self.world.database = await Database.open(self.settings.database_url.get_secret_value(), size=2)

    async def waiting(self) -> int:
        """Deliveries that are not held."""
        count: int = await self.world.value("select count(*) from delivery where state = 'waiting'")
        return count

    async def idle(self, seconds: float = 60) -> None:
        """Drained, with no hand on it."""
        await until(lambda: self._is_idle(), seconds, "the queue is not drained")

    async def _is_idle(self) -> bool:
        try:
            return await self.waiting() == 0
        except CONNECTION_LOST:
            return False

    async def events(self, subject: str) -> list[tuple[str, str, str]]:
        """The timeline of the message with this subject: (type, code, response)."""
        ids = await self.message_ids(subject)
        events = [event for event in await self.world.logged_events() if event.message_id in ids]
        return [(event.type, event.code, event.response) for event in events]

    async def message_ids(self, *subjects: str) -> set[UUID]:
        """Of the messages with these subjects, which the database sees sealed."""
        return {message.id for message in await self.world.logged() if message.subject in subjects}

    async def until_event(self, subject: str, kind: str, text: str = "", seconds: float = 30) -> None:
        """Returns when the timeline has an event of this type whose code or response holds the text."""

        async def shows() -> bool:
            events = await self.events(subject)
            return any(event[0] == kind and text in f"{event[1]} {event[2]}" for event in events)

        await until(shows, seconds, f"no {kind} {text}")

    async def until_alarm(self, event: str) -> None:
        """Returns when a process has logged this event: some log after the commit that a case has seen."""

        async def logged() -> bool:
            return event in self.log.read_text()

        await until(logged, 30, f"no alarm {event}")

    async def node(self) -> UUID:
        return UUID((self.settings.spool_dir / "node").read_text().strip())


def spool_holds(rig: Rig, mark: bytes, spool_dir: Path | None = None) -> bool:
    """Whether somebody who has the disks can read these octets, in this spool or another one."""
    return disk_image.holds(spool_dir or rig.settings.spool_dir, rig.settings.key_dir, mark)


async def used_up(sink: Destination, step: str) -> None:
    """Returns when a client has come to the last thing the script says at this step."""

    async def is_used_up() -> bool:
        return not sink.script[step]

    await until(is_used_up, 30, f"nobody came to {step}")


async def until(condition: Any, seconds: float, what: str) -> None:
    """Asks again and again what sends no event. Raises AssertionError with `what`."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} within {seconds:g} s") from None


@asynccontextmanager
async def open_rig(ground: Ground, folder: Path, timing: str, **changes: Any) -> AsyncIterator[Rig]:
    """A service with nothing started yet. All that still runs at the end is killed."""
    url = await ground.database()
    sinks = {name: Destination(host=f"127.0.0.{2 + n}", name=f"{name}.test") for n, name in enumerate(SINKS)}
    authority = Authority()
    certificate = authority.certificate(*(f"mta-sts.{name}.example" for name in BY_MX))
    policies = PolicyHost(certificate.context(), host=sinks["tls"].host)
    async with DnsStandin() as dns, policies, prepared_world(url, key_dir=folder / "keys") as world:
        for sink in sinks.values():
            await sink.start()
        places = _places(ground, url, folder, dns, sinks) | _trust(folder, authority, policies)
        values = {**TIMINGS[timing], **places, **changes}
        rig = Rig(ground, Settings(**values), folder, world, dns.zone, sinks, authority, policies)
        rig.zone.put_txt("sender.test", "v=spf1 ip4:127.0.0.1 -all")
        await _populate(rig)
        try:
            yield rig
        finally:
            await rig.end()
            for sink in sinks.values():
                await sink.stop()


def _places(
    ground: Ground, url: str, folder: Path, dns: DnsStandin, sinks: Mapping[str, Destination]
) -> dict[str, Any]:
    routes = {f"{name}.test": sink.route for name, sink in sinks.items() if name != "home"}
    return {
        "database_url": SecretStr(url),
        "redis_url": SecretStr(ground.valkey.url),
        "spool_dir": folder / "spool",
        "key_dir": folder / "keys",
        "dns_servers": (dns.address,),
        "routes": routes | {"sender.test": sinks["home"].route, "owners.test": sinks["home"].route},
        "smtp_port": sinks["tls"].port,
        "internal_networks": (ip_network(sinks["tls"].host),),
        "mx_port": free_port(),
        "fast_mx_port": free_port(),
        "api_port": free_port(),
    }


def _trust(folder: Path, authority: Authority, policies: PolicyHost) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    return {"authorities": authority.pem(folder), "mta_sts_port": policies.port}


async def _populate(rig: Rig) -> None:
    """shop.test in the standard lane, fast.test in the fast one, and many small tenants beside them."""
    for plan, name in (("free", "shop.test"), ("business", "fast.test")):
        rig.accounts[name] = account = await rig.world.account(plan)
        domain = await rig.world.domain(account, name)
        for sink in SINKS[:-1]:
            await _alias(rig, domain, sink, f"you@{sink}.test")
        await _alias(rig, domain, "both", "you@d1.test", "you@d2.test")
        for other in ("servfail", "silent", "missing", "null", "cname", *BY_MX):
            await _alias(rig, domain, other, f"you@{other}.example")
    private = await rig.world.domain(rig.accounts["shop.test"], "private.test")
    await rig.world.execute("update domain set require_tls = true where id = $1", private.id)
    await _alias(rig, private, "plain", "you@plain.example")
    for number in range(TENANTS):
        account = await rig.world.account(f"tenant{number}", plan=None)
        domain = await rig.world.domain(account, f"t{number}.test")
        await _alias(rig, domain, "hello", f"t{number}@inbox.test")


async def _alias(rig: Rig, domain: Any, local_part: str, *destinations: str) -> None:
    await rig.world.alias(domain, local_part, *destinations)
    rig.forwards[f"{local_part}@{domain.name}"] = list(destinations)
