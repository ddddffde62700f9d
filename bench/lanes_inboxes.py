"""Destinations of every manner on loopback: quick ones, slow ones, tarpits, and one that drops its mail.

Must never keep what it is sent.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import cast

_ID = re.compile(rb"^X-Bench-Id: (\d+)\r$", re.MULTILINE)
_DOT = b"\r\n.\r\n"
_HEADER = 32_768
_EHLO = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 100000000\r\n"


@dataclass(frozen=True, slots=True)
class Manner:
    """Seconds before the greeting, each reply, and the one to the dot; `drops` closes there instead."""

    banner: float = 0.0
    reply: float = 0.0
    dot: float = 0.0
    drops: bool = False


class Inbox(asyncio.Protocol):
    """One connection to a destination. `arrived` is told the number of each message, -1 where it has none."""

    def __init__(self, manner: Manner, arrived: Callable[[int, float], None]) -> None:
        self._manner = manner
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()
        self._in_data = False
        self._head = b""
        self._not_before = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        self._say(b"220 sink.test ESMTP\r\n", self._manner.banner)

    def data_received(self, data: bytes) -> None:
        self._input += data
        while self._take_content() if self._in_data else self._take_command():
            pass

    def _take_command(self) -> bool:
        end = self._input.find(b"\n")
        if end < 0:
            return False
        verb = bytes(self._input[:4]).upper()
        del self._input[: end + 1]
        if verb == b"DATA":
            self._in_data, self._head = True, b""
            self._say(b"354 go on\r\n", self._manner.reply)
        elif verb == b"QUIT":
            self._say(b"221 bye\r\n", 0.0)
            self._close()
        else:
            self._say(_EHLO if verb == b"EHLO" else b"250 2.0.0 Ok\r\n", self._manner.reply)
        return True

    def _take_content(self) -> bool:
        end = self._input.find(_DOT)
        if end < 0:
            if len(self._input) > 2 * _HEADER:
                self._head = self._head or bytes(self._input[:_HEADER])
                del self._input[: -len(_DOT) + 1]
            return False
        self._head = self._head or bytes(self._input[: min(end, _HEADER)])
        del self._input[: end + len(_DOT)]
        self._in_data = False
        if self._manner.drops:
            self._close()
            return False
        found = _ID.search(self._head)
        self._arrived(int(found[1]) if found else -1, monotonic())
        self._say(b"250 2.0.0 Ok\r\n", self._manner.dot)
        return True

    def _say(self, line: bytes, after: float) -> None:
        """Replies stay in their order, however long each is waited for."""
        now = self._loop.time()
        self._not_before = max(now, self._not_before) + after
        if self._not_before <= now:
            self._write(line)
        else:
            self._loop.call_at(self._not_before, self._write, line)

    def _write(self, line: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(line)

    def _close(self) -> None:
        if self._transport:
            self._transport.close()


async def listen(
    address: str, port: int, manner: Manner, arrived: Callable[[int, float], None]
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Inbox(manner, arrived), address, port, backlog=1024)
