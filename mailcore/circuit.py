"""Whether somebody who does not answer is asked again, so that mail does not wait for them each time.

Must never leave anybody alone for good.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mailcore.clock import Clock

T = TypeVar("T")

FAILURES: Final = 3
REST_SECONDS: Final = 10.0


class Circuit:
    """After some failures in a row whoever it is about is left alone for some seconds; then one more failure
    is enough.
    """

    def __init__(self, clock: Clock, *, failures: int = FAILURES, rest: float = REST_SECONDS) -> None:
        self._clock = clock
        self._most = failures
        self._rest = rest
        self._failed: set[object] = set()
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        return self._clock.monotonic() < self._rests_until

    async def ask(self, question: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """The answer. None where there is none in time, which counts as a failure, or while nobody asks."""
        if self.rests:
            return None
        answer: T | None = None
        try:
            async with asyncio.timeout(seconds):
                answer = await question()
        except TimeoutError:
            pass
        if answer is None:
            self.failed()
        else:
            self.answered()
        return answer

    def probes(self) -> bool:
        """Whether to ask now. After a rest one may, and the others wait for what it hears."""
        if self.rests:
            return False
        if len(self._failed) >= self._most:
            self._rest_now()
        return True

    def answered(self) -> None:
        self._failed.clear()
        self._rests_until = 0.0

    def failed(self, on: object = None) -> None:
        """`on`: what may be at fault itself; however often it fails in a row, it counts once."""
        self._failed.add(object() if on is None else on)
        if len(self._failed) >= self._most:
            self._rest_now()

    def _rest_now(self) -> None:
        self._rests_until = self._clock.monotonic() + self._rest
