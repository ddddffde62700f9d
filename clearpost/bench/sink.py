"""`python -m clearpost.bench.sink PORT [--delay S] [--keep N]`: takes mail, notes when. Must refuse none.

Asked on its standard input, it answers on its output, one JSON line each: `count` how many messages came,
`take` what came since the last one: {"arrived": [[number, seconds], ...], "samples", "connections"}.
With a delay it answers each end of DATA that much later, as a slow next hop does.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, Final, cast

import uvloop

from clearpost.bench.messages import number_in
from clearpost.bench.stopwatch import seconds

_END: Final = b"\r\n.\r\n"
_HEAD: Final = 32_768  # as much as is kept of a message to find its number in
_EHLO: Final = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 100000000\r\n"


class Taken:
    """All that came, from all connections."""

    def __init__(self, delay: float = 0.0, keep: int = 0) -> None:
        self.delay = delay
        self.keep = keep
        self.count = 0
        self.connections = 0
        self.arrived: list[tuple[int, float]] = []
        self.samples: list[dict[str, Any]] = []

    def take(self) -> dict[str, Any]:
        taken = {"arrived": self.arrived, "samples": self.samples, "connections": self.connections}
        self.arrived, self.samples, self.connections = [], [], 0
        return taken


class SinkConnection(asyncio.Protocol):
    """One client: verbs are answered as they come, DATA is cut out between 354 and the final dot."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._lines = b""
        self._in_data = False
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._tail = b""
        self._envelope: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._taken.connections += 1
        self._transport.write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._content(data) if self._in_data else self._commands(data)

    def _commands(self, data: bytes) -> bytes:
        """Answers all whole lines in one write; returns what follows a DATA."""
        self._lines += data
        replies = []
        while not self._in_data and (end := self._lines.find(b"\n")) >= 0:
            line, self._lines = self._lines[:end].rstrip(b"\r"), self._lines[end + 1 :]
            replies.append(self._reply(line))
        if replies:
            self._transport.write(b"".join(replies))
        if not self._in_data:
            return b""
        rest, self._lines = self._lines, b""
        return rest

    def _reply(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _EHLO
        if verb == b"DATA":
            self._in_data, self._kept, self._kept_size, self._tail = True, [], 0, b"\r\n"
            return b"354 go on\r\n"
        if verb == b"QUIT":
            self._loop.call_soon(self._transport.close)
            return b"221 bye\r\n"
        if verb == b"MAIL":
            self._envelope = []
        if verb in (b"MAIL", b"RCPT"):
            self._envelope.append(line.decode("latin1"))
        return b"250 ok\r\n"

    def _content(self, data: bytes) -> bytes:
        """Looks for the final dot; returns what follows it."""
        if self._taken.keep or self._kept_size < _HEAD:
            self._kept.append(data)
            self._kept_size += len(data)
        searched = self._tail + data
        at = searched.find(_END)
        if at < 0:
            self._tail = searched[-4:]
            return b""
        self._ended()
        return searched[at + len(_END) :]

    def _ended(self) -> None:
        now = seconds()
        self._in_data = False
        taken, content = self._taken, b"".join(self._kept)
        taken.arrived.append((number_in(content[:_HEAD]), now))
        taken.count += 1
        if taken.keep:
            taken.keep -= 1
            whole = (b"\r\n" + content).partition(_END)[0][2:] + b"\r\n"
            taken.samples.append({"envelope": self._envelope, "content": whole.decode("latin1")})
        if taken.delay:
            self._loop.call_later(taken.delay, self._accept)
        else:
            self._accept()

    def _accept(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"250 ok\r\n")


async def serve(port: int, taken: Taken) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SinkConnection(taken), "127.0.0.1", port, backlog=1024)
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    _say({"port": server.sockets[0].getsockname()[1]})
    while question := (await questions.readline()).strip():
        _say(taken.take() if question == b"take" else {"count": taken.count})
    server.close()


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--keep", type=int, default=0)
    options = parser.parse_args(arguments)
    uvloop.run(serve(options.port, Taken(options.delay, options.keep)))


if __name__ == "__main__":
    main()
