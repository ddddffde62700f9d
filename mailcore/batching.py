"""Group commit: callers that arrive in one moment, or while a batch runs, share the next one.

Idle, a batch has one item and nobody waits: it is whoever came in one turn of the event loop. Must
never reorder a caller's items, hold an item back on purpose (but for the `interval` of who asked for one), or
let one caller's cancellation undo what others share.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# For batches of which each is a transaction: many take less, so who waits is better off in a larger one; one
# that is stuck holds up nobody for longer.
PATIENCE: Final = 0.1


class Batcher(Generic[T, R]):
    """Runs `run(items) -> results` (one result for each item, in order), at most `concurrency` at once.

    Beside one that runs, another starts once that has taken `patience` seconds, or where enough wait for the
    largest: a batch costs about as much whatever its size.

    With an `interval`, the next begins that many seconds after a batch of several began, or where enough wait
    for the largest: larger batches are cheaper, where nobody waits for them. Needs a `patience` above it.
    """

    def __init__(
        self,
        run: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        largest: int = 100,
        concurrency: int = 2,
        patience: float = 0.0,
        interval: float = 0.0,
    ) -> None:
        self._run = run
        self._largest = largest
        self._free = concurrency
        self._patience = patience
        self._interval = interval
        self._young: asyncio.TimerHandle | None = None
        self._starts = False
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: T) -> R:
        """The item's result, or what `run` raised for its batch. Cancelling the caller leaves the item
        in its batch.
        """
        return await self.begin(item)

    def begin(self, item: T) -> "asyncio.Future[R]":
        """The same for whoever goes on meanwhile."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        self._start()
        return result

    async def drain(self) -> None:
        """Returns when nothing waits and nothing runs."""
        while self._running:
            await asyncio.wait(self._running)

    def _start(self) -> None:
        if not self._free or not self._waiting or self._starts:
            return
        if self._young is None or len(self._waiting) >= self._largest:
            self._starts = True
            self._free -= 1
            task = asyncio.create_task(self._serve())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _serve(self) -> None:
        """Takes its batch when it runs, not when it is started: until then more may have come."""
        self._starts = False
        began = asyncio.get_running_loop().time()
        young = self._young = self._grow_up_later()
        batch = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
        self._start()
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  handed on to every caller of the batch
            for _, waiting in batch:
                if not waiting.cancelled():
                    waiting.set_exception(error)
        else:
            for (_, waiting), result in zip(batch, results, strict=True):
                if not waiting.cancelled():
                    waiting.set_result(result)
        finally:
            if len(batch) > 1:
                await self._rest(began)
            self._free += 1
            if young:
                young.cancel()
            if young is self._young:
                self._young = None
            self._start()

    async def _rest(self, began: float) -> None:
        """Until the interval is over; whoever was in the batch has its result already."""
        left = began + self._interval - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    def _grow_up_later(self) -> asyncio.TimerHandle | None:
        if not self._patience:
            return None
        return asyncio.get_running_loop().call_later(self._patience, self._grow_up)

    def _grow_up(self) -> None:
        self._young = None
        self._start()
