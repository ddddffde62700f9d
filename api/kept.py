"""An answer that is the same for all, kept for some seconds: one look at a time, however many ask.

Must never keep anything of an account.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mailcore.clock import Clock

Found = TypeVar("Found")


@dataclass(slots=True)
class Kept(Generic[Found]):
    """`look` is asked again once its answer is `seconds` old. What it raises is kept by nobody."""

    clock: Clock
    seconds: float
    look: Callable[[], Awaitable[Found]]
    _found: Found | None = None
    _at: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> Found:
        async with self._turn:
            now = self.clock.monotonic()
            if self._found is None or now - self._at >= self.seconds:
                self._found = await self.look()
                self._at = now
            return self._found
