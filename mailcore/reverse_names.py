"""The reverse names of clients, asked for while they talk: so many at once, and no more.

Must never let a flood of connections become a flood of questions: a client without a name is served as well.
"""

import asyncio

from mailcore.resolver import Resolver

MOST = 200


class ReverseNames:
    """The questions of one mx process that are under way."""

    def __init__(self, resolver: Resolver, most: int = MOST) -> None:
        self._resolver = resolver
        self._free = most

    def ask(self, ip: str) -> "asyncio.Task[str | None]":
        """The name of this client; none where too many are being asked for."""
        if self._free == 0:
            return asyncio.create_task(_no_name())
        self._free -= 1
        question = asyncio.create_task(self._resolver.ptr(ip))
        question.add_done_callback(self._answered)
        return question

    def _answered(self, question: "asyncio.Task[str | None]") -> None:
        self._free += 1


async def _no_name() -> None:
    return None
