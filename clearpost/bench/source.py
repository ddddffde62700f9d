"""`python -m clearpost.bench.source ADDRESS ...`: sends numbered messages, notes when. Must know no TLS.

With a rate it is an open loop: messages begin at random moments, whether or not earlier ones are done.
Without one it keeps so many sessions busy. At its end it prints one JSON line: {"began", "ended",
"sent": {number: seconds at the end of DATA}, "answered": {number: seconds until the 250}, "errors": [...]}.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from typing import Final, cast

import uvloop

from clearpost.bench.messages import SENDER, alias_of, body_of, message, parse_size
from clearpost.bench.stopwatch import seconds

_QUIT: Final = b"QUIT\r\n"


class Job:
    """What is to be sent, and what became of it."""

    def __init__(self, messages: int, body: bytes, *, keep: bool, aliases: int) -> None:
        self.messages, self.body, self.keep, self.aliases = messages, body, keep, aliases
        self.begun = 0
        self.sent: dict[int, float] = {}
        self.answered: dict[int, float] = {}
        self.errors: list[str] = []

    def next(self) -> int | None:
        """The number of the next message, None once all have begun."""
        if self.begun >= self.messages:
            return None
        self.begun += 1
        return self.begun - 1

    def taken(self, number: int) -> None:
        self.answered[number] = seconds() - self.sent[number]

    def failed(self, why: str) -> None:
        self.errors.append(why[:200])


class SourceConnection(asyncio.Protocol):
    """One session: each reply but the first line of a longer one calls for the next step."""

    def __init__(self, job: Job, number: int) -> None:
        self._job = job
        self._number: int | None = number
        self._lines = b""
        self._step = self._greeted
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=65_536, low=0)

    def data_received(self, data: bytes) -> None:
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            if line[3:4] == b"-":
                continue
            if line[:1] not in b"23":
                self._fail(line.decode("latin1").strip())
                return
            self._step()

    def _greeted(self) -> None:
        self._transport.write(b"EHLO src.test\r\n")
        self._step = self._begin

    def _begin(self) -> None:
        if self._number is None:
            self._end()
            return
        self._transport.write(b"MAIL FROM:<%s>\r\n" % SENDER.encode())
        self._step = self._recipient

    def _recipient(self) -> None:
        assert self._number is not None
        self._alias = alias_of(self._number, self._job.aliases)
        self._transport.write(b"RCPT TO:<%s>\r\n" % self._alias.encode())
        self._step = self._data

    def _data(self) -> None:
        self._transport.write(b"DATA\r\n")
        self._step = self._content

    def _content(self) -> None:
        assert self._number is not None
        self._step = self._taken
        content = message(self._number, self._alias, self._job.body) + b".\r\n"
        self._job.sent[self._number] = seconds()  # before: the other side may be quicker than our next line
        self._transport.write(content)

    def resume_writing(self) -> None:
        """A large message left us only now."""
        if self._step == self._taken and self._number is not None:
            self._job.sent[self._number] = seconds()

    def _taken(self) -> None:
        assert self._number is not None
        self._job.taken(self._number)
        self._number = self._job.next() if self._job.keep else None
        self._begin()

    def _end(self) -> None:
        self._transport.write(_QUIT)
        self._step = self._transport.close

    def _fail(self, why: str) -> None:
        if self._number is not None:
            self._number = None
            self._job.failed(why)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._number is not None:
            self._job.failed(f"connection lost: {exc}")
        if not self.closed.done():
            self.closed.set_result(None)


async def _session(job: Job, host: str, port: int, number: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(lambda: SourceConnection(job, number), host, port)
    except OSError as error:
        job.failed(str(error))
        return
    await connection.closed


async def _busy(job: Job, host: str, port: int) -> None:
    while (number := job.next()) is not None:
        await _session(job, host, port, number)


async def send(job: Job, address: str, *, sessions: int, rate: float, patience: float) -> dict[str, object]:
    """All messages of the job. Whatever is not answered within `patience` seconds is an error."""
    host, _, port = address.rpartition(":")
    began, due, chance = seconds(), seconds(), random.Random(3)
    if rate:
        waiting = []
        while (number := job.next()) is not None:
            due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - seconds()))
            waiting.append(asyncio.create_task(_session(job, host, int(port), number)))
    else:
        waiting = [asyncio.create_task(_busy(job, host, int(port))) for _ in range(sessions)]
    _, late = await asyncio.wait(waiting, timeout=patience) if waiting else (None, set())
    for task in late:
        task.cancel()
    job.errors += ["no answer"] * len(late)
    return {
        "began": began, "ended": seconds(), "sent": job.sent, "answered": job.answered, "errors": job.errors,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--size", type=parse_size, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--aliases", type=int, default=10_000)
    parser.add_argument("--patience", type=float, default=120.0)
    o = parser.parse_args(arguments)

    async def run() -> dict[str, object]:
        job = Job(o.messages, body_of(o.size), keep=o.keep, aliases=o.aliases)
        return await send(job, o.address, sessions=o.sessions, rate=o.rate, patience=o.patience)

    sys.stdout.write(json.dumps(uvloop.run(run())) + "\n")


if __name__ == "__main__":
    main()
