"""The reverse names of clients, asked for while they talk: so many at once, and no more.

Must never let a flood of connections become a flood of questions: a client without a name is served as well.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from mailcore.clock import Clock
from mailcore.resolver import Resolver

MOST = 200
# A client that comes again within this time has the name it had; where there was none, it may have one soon.
_KEPT_SECONDS: Final = 300.0
_NONE_KEPT_SECONDS: Final = 60.0

Name = asyncio.Future[str | None]


class ReverseNames:
    """The questions of one mx process that are under way, and the answers it had lately."""

    def __init__(
        self, resolver: Resolver, clock: Clock, *, most: int = MOST, most_kept: int = 10_000
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._free = most
        self._most_kept = most_kept
        self._asking: dict[str, _Question] = {}
        self._known: OrderedDict[str, tuple[float, Name]] = OrderedDict()

    def ask(self, ip: str) -> Name:
        """The name of this client, which every asker may cancel for itself; none where too many are being
        asked for.
        """
        known = self._known.get(ip)
        if known and known[0] > self._clock.monotonic():
            return known[1]
        question = self._asking.get(ip)
        if question is None:
            if self._free == 0:
                return _finished(None)
            self._free -= 1
            question = self._asking[ip] = _Question(asyncio.create_task(self._resolver.ptr(ip)))
            question.task.add_done_callback(lambda _: self._answered(ip))
        return question.join()

    def _answered(self, ip: str) -> None:
        self._free += 1
        question = self._asking.pop(ip)
        if question.task.cancelled():
            question.answer(None)  # whoever has come since has bad luck
            return
        name = None if question.task.exception() else question.task.result()
        question.answer(name)
        self._known[ip] = (
            self._clock.monotonic() + (_KEPT_SECONDS if name else _NONE_KEPT_SECONDS),
            _finished(name),
        )
        self._known.move_to_end(ip)
        if len(self._known) > self._most_kept:
            self._known.popitem(last=False)


class _Question:
    """One question for all connections of a client that came while it was asked."""

    def __init__(self, task: "asyncio.Task[str | None]") -> None:
        self.task = task
        self._askers: set[Name] = set()

    def join(self) -> Name:
        asker: Name = asyncio.get_running_loop().create_future()
        self._askers.add(asker)
        asker.add_done_callback(self._leave)
        return asker

    def _leave(self, asker: Name) -> None:
        """Once nobody wants to know, nobody is asked."""
        self._askers.discard(asker)
        if not self._askers:
            self.task.cancel()

    def answer(self, name: str | None) -> None:
        for asker in self._askers:
            if not asker.done():
                asker.set_result(name)


def _finished(name: str | None) -> Name:
    answer: Name = asyncio.get_running_loop().create_future()
    answer.set_result(name)
    return answer
