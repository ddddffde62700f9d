"""The service of the lanes' benchmark: PostgreSQL, Valkey, a DNS stand-in, and our processes of both lanes.

All as shipped but for addresses and rates. Must never touch a database or folder that is not its own, nor
leave a process behind.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import lanes_world
from clearpost.embedded import postgres
from clearpost.embedded.postgres import EmbeddedPostgres
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.migrations import upgrade
from clearpost.ports import free_port
from clearpost.process import Program, spawn
from clearpost.readiness import READY_FD
from clearpost.standins.dns import DnsStandin

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE = 60.0
OURS = (
    ("mx", "standard"), ("mx", "fast"), ("worker", "standard"), ("worker", "fast"), ("upkeep", ""),
)  # fmt: skip


@dataclass(slots=True)
class LaneStack:
    """The running service. `inbox_port` is that of all destinations, each on an address of its own."""

    folder: Path
    url: str
    standard_port: int
    fast_port: int
    inbox_port: int
    processes: dict[str, "subprocess.Popen[bytes]"]
    postgres: "subprocess.Popen[bytes]"

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of each of our processes, and of PostgreSQL with its children."""
        used = {name: _cpu(psutil.Process(process.pid)) for name, process in self.processes.items()}
        server = psutil.Process(self.postgres.pid)
        alive = [server, *server.children(recursive=True)]
        return used | {"postgres": sum(_cpu(process) for process in alive)}


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _cpu(process: psutil.Process) -> float:
    """Of a server also what its children used that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


@asynccontextmanager
async def lane_stack(folder: Path, changes: Mapping[str, str]) -> AsyncIterator[LaneStack]:
    """Everything up, tenants included; everything ended and removed afterwards, but the logs."""
    await asyncio.to_thread(_empty, folder)
    async with AsyncExitStack() as stack:
        server = EmbeddedPostgres(folder / "postgres", free_port())
        server.start()
        stack.callback(postgres.remove, folder / "postgres")
        stack.callback(server.stop)
        valkey = EmbeddedValkey(folder / "valkey", free_port())
        valkey.start()
        stack.callback(valkey.stop)
        dns = await stack.enter_async_context(DnsStandin())
        lanes_world.publish(dns.zone)
        await upgrade(server.url)
        await lanes_world.settle(server.url)
        assert server.process
        ports = free_port(), free_port(), free_port()
        service = LaneStack(folder, server.url, *ports, {}, server.process)
        environment = _environment(service, valkey.url, dns.address) | dict(changes)
        stack.callback(_stop, service)
        await asyncio.gather(*(_start(service, name, lane, environment) for name, lane in OURS))
        yield service


def _environment(service: LaneStack, redis_url: str, dns: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CLEARPOST_ENVIRONMENT": "local",
        "CLEARPOST_DATABASE_URL": service.url,
        "CLEARPOST_REDIS_URL": redis_url,
        "CLEARPOST_SPOOL_DIR": str(service.folder / "spool"),
        "CLEARPOST_KEY_DIR": str(service.folder / "keys"),
        "CLEARPOST_DNS_SERVERS": dns,
        "CLEARPOST_MX_PORT": str(service.standard_port),
        "CLEARPOST_FAST_MX_PORT": str(service.fast_port),
        "CLEARPOST_SMTP_PORT": str(service.inbox_port),
        "CLEARPOST_INTERNAL_NETWORKS": "127.0.0.0/8",
        # All clients are of one network here, and are to be counted all the same.
        "CLEARPOST_RATES_EXEMPT": "10.0.0.0/8",
        "CLEARPOST_CLIENT_RATE": "100000000",
        "CLEARPOST_SENDER_RATE": "100000000",
    }


async def _start(service: LaneStack, name: str, lane: str, environment: Mapping[str, str]) -> None:
    reading, writing = os.pipe()
    options = ["--lane", lane] if lane else []
    title = f"{name} {lane}".strip()
    log = service.folder / f"{title.replace(' ', '-')}.log"
    argv = [sys.executable, "-m", "clearpost", name, *options]
    program = Program(title, argv, log, {**environment, READY_FD: str(writing)}, pass_fds=(writing,))
    service.processes[title] = spawn(program)
    os.close(writing)
    async with asyncio.timeout(_PATIENCE):
        if not await asyncio.to_thread(_read, reading):
            raise RuntimeError(f"{title} did not start: read {log}")


def _read(pipe: int) -> bytes:
    with open(pipe, "rb") as file:
        return file.read()


def _stop(service: LaneStack) -> None:
    """What the tarpits hold would be waited for: the mail of a benchmark is worth no wait."""
    for process in service.processes.values():
        process.kill()
    for process in service.processes.values():
        process.wait()
