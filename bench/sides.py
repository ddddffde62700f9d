"""What is measured, by name: ours and the stack in their variants. Must run no more than are wanted."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from bench.ground import Ground
from bench.stack import Stack
from clearpost.bench.node import Node, Wish

PROCESSES: Final = int(os.environ.get("BENCH_MX_PROCESSES", "1"))


class Side(Protocol):
    """Whoever forwards from `address` to the sink."""

    @property
    def address(self) -> str: ...

    def prepare(self) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def remove(self) -> None: ...

    def renew(self) -> None: ...

    def cpu(self) -> float: ...

    def waiting(self) -> int: ...


Make = Callable[[Ground, str], Side]


def _ours(*, aliases: int = 10_000, verdicts: bool = False) -> Make:
    def make(ground: Ground, name: str) -> Node:
        wish = Wish(name, aliases, PROCESSES, verdicts)
        return Node(wish, ground.home / name, ground.postgres, sink_port=ground.sink_port, dns=ground.dns)

    return make


def _stack(*, aliases: int = 10_000, verdicts: bool = False) -> Make:
    return lambda ground, name: Stack(ground, name, aliases=aliases, verdicts=verdicts)


SIDES: Final[dict[str, Make]] = {
    "ours": _ours(),
    "stack": _stack(),
    "ours_verdicts": _ours(verdicts=True),
    "stack_verdicts": _stack(verdicts=True),
    "ours_1000": _ours(aliases=1000),
    "ours_100000": _ours(aliases=100_000),
    "ours_deferred": _ours(),
}


class Sides:
    """Prepares a side when it is first wanted, and has no more of them running than a row needs."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._made: dict[str, Side] = {}
        self.proven: set[str] = set()

    def __getitem__(self, name: str) -> Side:
        if name not in self._made:
            side = SIDES[name](self._ground, name)
            self._made[name] = side
            side.prepare()
        return self._made[name]

    @contextlib.contextmanager
    def running(self, names: Sequence[str]) -> Iterator[dict[str, Side]]:
        """These and no others."""
        for name, side in self._made.items():
            if name not in names:
                side.stop()
        wanted = {name: self[name] for name in names}
        for side in wanted.values():
            side.start()
        yield wanted

    def stop(self) -> None:
        """All of them; the next row starts those it wants anew."""
        for side in self._made.values():
            side.stop()

    def forget(self, name: str) -> None:
        """The next row that wants this side makes it anew."""
        self._made.pop(name).remove()
        self.proven.discard(name)

    def close(self) -> None:
        for side in self._made.values():
            side.remove()
