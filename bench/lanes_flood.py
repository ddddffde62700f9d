"""Load from processes of its own: `python -m bench.lanes_flood PLAN`, a JSON list of streams; prints counts.

They stand for other people's machines, so they give way to everything else here (nice). Must never be
counted as probes: their messages carry no number that anybody waits for.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from time import monotonic

import uvloop

from bench.lanes_letters import addresses, body, letter
from bench.lanes_sender import Count, Dialogue, Letter, connect

_PER_CONNECTION = 10
_AFTER_REFUSAL = 0.2


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of load: `sessions` at once, at most `rate` a second, for `seconds` or until `count`."""

    kind: str
    port: int
    tenants: int
    aliases: int
    sessions: int
    seconds: float
    rate: float = 0.0
    count: int = 1_000_000_000
    size: int = 4096
    each: int = 1


class Load:
    """A stream at work."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._to = addresses(stream.kind, stream.tenants, stream.aliases)
        self._body = body(stream.size)
        self._begun = monotonic()
        self._given = 0
        self.count = Count()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._stream.sessions):
                group.create_task(self._session(f"127.0.2.{1 + number % 200}"))

    async def _session(self, address: str) -> None:
        while (ahead := self._seconds_ahead()) is not None:
            if ahead > 0:
                await asyncio.sleep(ahead)
                continue
            self._given += 1  # taken before the connection is made: others look for theirs meanwhile
            refused = sum(self.count.refused.values())
            dialogue = Dialogue(partial(next, self._letters(), None), self.count.add)
            try:
                await connect(address, self._stream.port, dialogue)
                await dialogue.ended
            except OSError:
                await asyncio.sleep(_AFTER_REFUSAL)
            if sum(self.count.refused.values()) > refused:
                await asyncio.sleep(_AFTER_REFUSAL)

    def _seconds_ahead(self) -> float | None:
        """How long the next letter has to wait for its time; None when there is none."""
        elapsed = monotonic() - self._begun
        if elapsed >= self._stream.seconds or self._given >= self._stream.count:
            return None
        return max(0.0, self._given / self._stream.rate - elapsed) if self._stream.rate else 0.0

    def _letters(self) -> Iterator[Letter]:
        """Of one connection: the one it was made for, and what is due while it lasts."""
        for number in range(_PER_CONNECTION):
            if number and self._seconds_ahead() != 0.0:
                return
            self._given += 1 if number else 0
            yield letter(-1, list(islice(self._to, self._stream.each)), self._body)


async def main(streams: list[Stream]) -> list[dict[str, object]]:
    loads = [Load(stream) for stream in streams]
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(load.run())
    return [asdict(load.count) for load in loads]


if __name__ == "__main__":
    os.nice(19)
    print(json.dumps(uvloop.run(main([Stream(**each) for each in json.loads(sys.argv[1])]))))
