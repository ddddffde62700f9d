"""The service of the lanes' benchmark: PostgreSQL, Valkey, a DNS stand-in, and our processes of both lanes.

All as shipped but for addresses and rates. Must never touch a database or folder that is not its own, nor
leave a process behind.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds on a core, and seconds of waiting for one."""

    ran: float
    waited: float

    def __add__(self, other: "Used") -> "Used":
        return Used(self.ran + other.ran, self.waited + other.waited)

    def since(self, before: "Used", seconds: float) -> "Used":
        """As shares of `seconds`."""
        return Used((self.ran - before.ran) / seconds, (self.waited - before.waited) / seconds)


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
    redis_url: str
    environment: dict[str, str]

    async def start(self, name: str, lane: str, title: str = "", **changes: str) -> None:
        """One more process; `changes` are settings of its own. Raises RuntimeError where it fails."""
        reading, writing = os.pipe()
        title = title or f"{name} {lane}".strip()
        log = self.folder / f"{title.replace(' ', '-')}.log"
        argv = [sys.executable, "-m", "clearpost", name, *(["--lane", lane] if lane else [])]
        environment = {**self.environment, **changes, READY_FD: str(writing)}
        self.processes[title] = spawn(Program(title, argv, log, environment, pass_fds=(writing,)))
        os.close(writing)
        async with asyncio.timeout(_PATIENCE):
            if not await asyncio.to_thread(_read, reading):
                raise RuntimeError(f"{title} did not start: read {log}")

    def used(self) -> dict[str, Used]:
        """So far, by process: each with those of its children that live (an mx has one that signs)."""
        ours = {name: _used_by_all(process.pid) for name, process in self.processes.items()}
        return ours | {"postgres": _used_by_all(self.postgres.pid)}


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _used_by_all(pid: int) -> Used:
    parent = psutil.Process(pid)
    alive = [pid, *(child.pid for child in parent.children(recursive=True))]
    return sum((_used(each) for each in alive), Used(0.0, 0.0))


def _used(pid: int) -> Used:
    """By the kernel's own count, of all threads (/proc/PID/task/TID/schedstat: nanoseconds)."""
    spans = [_spans(task) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return Used(sum(ran for ran, _ in spans), sum(waited for _, waited in spans))


def _spans(task: Path) -> tuple[float, float]:
    try:
        ran, waited, _ = task.read_text().split()
    except OSError:  # it has ended meanwhile
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


@asynccontextmanager
async def lane_stack(
    folder: Path,
    changes: Mapping[str, str],
    settle: Callable[[str], Awaitable[None]] = lanes_world.settle,
    wanted: Sequence[tuple[str, str]] = OURS,
) -> AsyncIterator[LaneStack]:
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
        dns = await stack.enter_async_context(DnsStandin(negative_ttl=300))
        lanes_world.publish(dns.zone)
        await upgrade(server.url)
        await settle(server.url)
        assert server.process
        ports = free_port(), free_port(), free_port()
        service = LaneStack(folder, server.url, *ports, {}, server.process, valkey.url, {})
        service.environment = _environment(service, dns.address) | dict(changes)
        stack.callback(_stop, service)
        await asyncio.gather(*(service.start(name, lane) for name, lane in wanted))
        yield service


def _environment(service: LaneStack, dns: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CLEARPOST_ENVIRONMENT": "local",
        "CLEARPOST_DATABASE_URL": service.url,
        "CLEARPOST_REDIS_URL": service.redis_url,
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


def _read(pipe: int) -> bytes:
    with open(pipe, "rb") as file:
        return file.read()


def _stop(service: LaneStack) -> None:
    """What the tarpits hold would be waited for: the mail of a benchmark is worth no wait."""
    for process in service.processes.values():
        process.kill()
    for process in service.processes.values():
        process.wait()
