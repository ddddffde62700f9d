"""Hostile clients by the hundred, and the measures of how a process bears them: memory, CPU, answers.

Everything is bounded and stays on loopback (127.0.0.0/8). Must never be gentle, and never judge: a test
does that.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import IO

import psutil

from tests.support.smtp_client import SmtpClient
from tests.support.stack import Spawned

MEGABYTE = 1024 * 1024
_SAMPLE = 0.05
_PATIENCE = 20.0


def address(number: int) -> str:
    """One of many loopback addresses: 127.0.1.0 and on."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


async def open_from(ip: str, port: int) -> SmtpClient:
    """A connection that comes from this address; its greeting is yet to be read."""
    return SmtpClient(*await asyncio.open_connection("127.0.0.1", port, local_addr=(ip, 0)))


@asynccontextmanager
async def crowd(port: int, count: int, *, per_address: int = 20) -> AsyncIterator[list[SmtpClient]]:
    """So many connections from as many addresses as that takes; all are cut at the end."""
    clients: list[SmtpClient] = []
    try:
        for start in range(0, count, 100):
            numbers = range(start, min(start + 100, count))
            opening = (open_from(address(number // per_address), port) for number in numbers)
            clients += await asyncio.gather(*opening)
        yield clients
    finally:
        for client in clients:
            await client.close()


@dataclass(slots=True)
class Figures:
    """What was seen of one process while it was watched. `noops`: seconds each NOOP took."""

    rss: list[int] = field(default_factory=list)
    noops: list[float] = field(default_factory=list)
    cpu_seconds: float = 0
    seconds: float = 0
    lost: str = ""

    @property
    def most_megabytes(self) -> float:
        return max(self.rss) / MEGABYTE

    @property
    def slowest_noop(self) -> float:
        assert not self.lost, f"the well-behaved client was sent away: {self.lost}"
        return max(self.noops)

    @property
    def cpu_share(self) -> float:
        return self.cpu_seconds / self.seconds

    def __str__(self) -> str:
        slowest = max(self.noops, default=0) * 1000
        return (
            f"{self.most_megabytes:.0f} MB at most, NOOP {slowest:.0f} ms at worst of {len(self.noops)}, "
            f"{self.cpu_seconds:.2f} CPU s in {self.seconds:.2f} s"
        )


def pid_of(process: Spawned) -> int:
    return process._process.pid


@contextmanager
def watched(process: Spawned, port: int = 0) -> Iterator[Figures]:
    """Measures from a thread of its own, so that a busy test doesn't count against the process.

    With a port, a well-behaved client is there all the while, from an address of its own: it has been
    greeted, and its EHLO answered, before anything else happens. It says NOOP at least once.
    """
    figures, stop, welcome = Figures(), threading.Event(), threading.Event()
    threads = [threading.Thread(target=_sample, args=(psutil.Process(pid_of(process)), figures, stop))]
    if port:
        threads.append(threading.Thread(target=_ask, args=(port, figures, stop, welcome)))
    for thread in threads:
        thread.start()
    try:
        if port:
            said = welcome.wait(_PATIENCE) and not figures.lost
            assert said, f"the well-behaved client was not let in: {figures.lost or 'no word in time'}"
        yield figures
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _sample(process: psutil.Process, figures: Figures, stop: threading.Event) -> None:
    began, before = perf_counter(), process.cpu_times()
    figures.rss.append(process.memory_info().rss)
    while not stop.wait(_SAMPLE):
        figures.rss.append(process.memory_info().rss)
    after = process.cpu_times()
    figures.cpu_seconds = after.user + after.system - before.user - before.system
    figures.seconds = perf_counter() - began


def _ask(port: int, figures: Figures, stop: threading.Event, welcome: threading.Event) -> None:
    """NOOP, twenty times a second; a connection that is closed is the end of it."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), _PATIENCE, ("127.0.200.1", 0)) as connection,
            connection.makefile("rb") as replies,
        ):
            _expect(b"220", replies)
            connection.sendall(b"EHLO good.test\r\n")
            _expect(b"250", replies)
            welcome.set()
            while not (figures.noops and stop.wait(_SAMPLE)):
                asked = perf_counter()
                connection.sendall(b"NOOP\r\n")
                _expect(b"250", replies)
                figures.noops.append(perf_counter() - asked)
    except OSError as error:
        figures.lost = repr(error)
    finally:
        welcome.set()


def _expect(code: bytes, replies: IO[bytes]) -> None:
    """Reads one reply, all its lines. Raises ConnectionError when it is another, or none."""
    line = replies.readline()
    while line[3:4] == b"-":
        line = replies.readline()
    if not line.startswith(code):
        raise ConnectionError(line.decode("ascii", "replace").strip() or "closed")


def files_open(process: Spawned) -> int:
    return psutil.Process(pid_of(process)).num_fds()


def allow_files(process: Spawned, count: int) -> None:
    """The limit of open files of a running process."""
    psutil.Process(pid_of(process)).rlimit(psutil.RLIMIT_NOFILE, (count, count))


async def drip(client: SmtpClient, octets: bytes, seconds: float) -> None:
    """One octet after the other, until the server has had enough."""
    with contextlib.suppress(ConnectionError):
        for octet in octets:
            client.writer.write(bytes([octet]))
            await asyncio.sleep(seconds)
