"""Claims what is due in one lane of this node, fairly, and hands it to the courier.

Must never claim more than it can attempt, nor depend on being woken.
"""

import asyncio

import asyncpg
import structlog

from mailcore import crash_points, metrics, queue
from mailcore.database import CONNECTION_LOST, Aborted
from mailcore.delivery import Courier
from mailcore.plans import Lane
from mailcore.queue import FIRST_TURN, Turn

log = structlog.get_logger("lane_worker")


class LaneWorker:
    """Claims what is due in one lane of this node, fairly, whenever it is woken or something falls due."""

    def __init__(self, courier: Courier, lane: Lane) -> None:
        self._courier = courier
        self._lane = lane
        self._settings = courier.settings
        self._woken = asyncio.Event()
        self._after = FIRST_TURN
        self._stopping = False

    def wake(self) -> None:
        """Any number of wake-ups are one."""
        self._woken.set()

    def stop(self) -> None:
        """No further claim. Cancelling `run` could lose one amid its COMMIT: leased, and never begun."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Until `stop`. A wake-up that is lost costs at most one sweep."""
        while not self._stopping:
            self._woken.clear()
            try:
                claimed = await self._claim()
                pause = 0.0 if claimed else await self._pause()
            except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
                # Whatever it is: ending here would break off what is in flight, after the dot too.
                log.warning("claim_waits_for_database", error=type(error).__name__)
                pause = 1.0
            await self._wait(pause)

    async def _claim(self) -> int:
        room = min(self._settings.claim_batch, self._settings.worker_deliveries - self._courier.busy)
        if room <= 0 or not self._courier.lease.is_fresh():
            return 0
        # Certain: rows leased by a COMMIT whose answer was lost would wait for this process for ever.
        async with self._courier.database.transaction(certain=True) as tx:
            claimed = await queue.claim(
                tx, self._courier.lease.id, self._courier.spool.node_id, self._lane,
                after=self._after, limit=room, each=max(1, room // 5),
                passing_over=self._courier.providers.unavailable(),
            )  # fmt: skip
        if claimed:
            crash_points.reach("worker-after-claim")
            metrics.CLAIM_BATCH.observe(len(claimed))
            self._after = Turn(claimed[-1].account_id, claimed[-1].provider)
        for c in claimed:
            self._courier.start(c, None, self.wake)
        return len(claimed)

    async def _pause(self) -> float:
        """Until the next delivery falls due, at most one sweep; while full, until a place is free."""
        longest = self._settings.sweep(self._lane).total_seconds()
        if self._courier.busy >= self._settings.worker_deliveries:
            return longest
        async with self._courier.database.transaction() as tx:
            due = await queue.seconds_until_due(tx, self._courier.spool.node_id, self._lane)
        return longest if due is None else max(0.05, min(due, longest))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
