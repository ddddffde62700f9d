"""Claims what is due in one lane of this node, fairly, and hands it to the courier.

Must never claim more than it can attempt, nor depend on being woken.
"""

import asyncio
from datetime import timedelta

import asyncpg
import structlog

from mailcore import crash_points, metrics, queue, queue_claim
from mailcore.database import CONNECTION_LOST, Aborted, Transaction, UnknownOutcome
from mailcore.delivery import Courier
from mailcore.plans import Lane
from mailcore.queue import Claimed
from mailcore.queue_claim import FIRST_TURN, Room

log = structlog.get_logger("lane_worker")

_SHORTEST_PAUSE = 0.05
# A claim looks at every turn there is, for one free place as for a hundred. After one that brought less than
# it may, so many times as long as it took: by then more is due and more places are free.
_REST = 9
_LONGEST_REST = 0.5
_ROOMLESS_PAUSE = 1.0
_GIVE_UP_INTERVAL = 60.0
# Older than `give_up_after` by this: an attempt that is due just then is still made, and its answer told.
_LAST_CHANCE = timedelta(minutes=1)


class LaneWorker:
    """Claims what is due in one lane of this node, fairly, whenever it is woken or something falls due."""

    def __init__(self, courier: Courier, lane: Lane) -> None:
        self._courier = courier
        self._lane = lane
        self._settings = courier.settings
        self._woken = asyncio.Event()
        self._after = FIRST_TURN
        self._gave_up = courier.clock.monotonic()
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """Any number of wake-ups are one."""
        self._woken.set()

    def stop(self) -> None:
        """No further claim. Cancelling `run` could lose one amid its COMMIT: leased, and never begun."""
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        """Until `stop`. A wake-up that is lost costs at most one sweep."""
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                pause = await self._claim_and_rest()
            except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
                # Whatever it is: ending here would break off what is in flight, after the dot too.
                log.warning("claim_waits_for_database", error=type(error).__name__)
                pause = 1.0
            await _wait(self._woken, pause)

    async def _claim_and_rest(self) -> float:
        """How long to wait for a wake-up now."""
        began, limit = self._courier.clock.monotonic(), self._room()
        claimed = await self._claim(limit) if limit > 0 and self._courier.lease.is_fresh() else 0
        if claimed == self._settings.claim_batch:
            return 0.0
        pause = 0.0 if claimed else await self._pause()
        took = self._courier.clock.monotonic() - began
        await _wait(self._stopping, min(_REST * took, _LONGEST_REST))
        return pause

    def _room(self) -> int:
        return min(self._settings.claim_batch, self._settings.worker_deliveries - self._courier.busy)

    async def _claim(self, limit: int) -> int:
        claimed = await self._lease(limit, self._is_time_to_give_up())
        if claimed:
            crash_points.reach("worker-after-claim")
            metrics.CLAIM_BATCH.observe(len(claimed))
        for c in claimed:
            self._courier.start(c, None, self.wake)
        return len(claimed)

    async def _lease(self, limit: int, is_time_to_give_up: bool) -> list[Claimed]:
        """Certain: rows leased by a COMMIT whose answer was lost would wait for this process for ever."""
        database = self._courier.database
        try:
            async with database.transaction(certain=True) as tx:
                claimed = await (self._take_expired if is_time_to_give_up else self._take_due)(tx, limit)
                queue.leave_lease(tx, claimed)
        except UnknownOutcome as unknown:
            log.error("claim_outcome_unknown")
            if not await database.outcome_of(unknown.trace):
                raise Aborted from None
        return claimed

    async def _take_due(self, tx: Transaction, limit: int) -> list[Claimed]:
        settings, courier = self._settings, self._courier
        node_id, paused = courier.spool.node_id, courier.providers.unavailable()
        turns = await queue_claim.turns(tx, node_id, self._lane, after=self._after, passing_over=paused)
        room = Room(
            limit,
            each=max(1, limit // 5),
            large=settings.memory_message,
            held=courier.bytes_held(),
            most=settings.worker_delivery_bytes,
        )
        claimed = await queue_claim.claim(tx, courier.lease.id, node_id, self._lane, turns.order, room)
        self._after = turns.served_last(claimed, limit)
        return claimed

    def _is_time_to_give_up(self) -> bool:
        """Now and then; at first what is due has its chance, however long we were away."""
        now = self._courier.clock.monotonic()
        if now - self._gave_up < _GIVE_UP_INTERVAL:
            return False
        self._gave_up = now
        return True

    async def _take_expired(self, tx: Transaction, limit: int) -> list[Claimed]:
        """What a paused or busy provider puts off again and again is old one day all the same."""
        node_id, after = self._courier.spool.node_id, self._settings.give_up_after + _LAST_CHANCE
        claimed = await queue_claim.claim_expired(
            tx, self._courier.lease.id, node_id, self._lane, after, limit
        )
        if len(claimed) >= limit:  # there is more: go on in a second, what is due comes in between
            self._gave_up -= _GIVE_UP_INTERVAL - 1
        return claimed

    async def _pause(self) -> float:
        """Until the next delivery falls due, at most one sweep; while full, until a place is free."""
        longest = self._settings.sweep(self._lane).total_seconds()
        if self._courier.busy >= self._settings.worker_deliveries:
            return longest
        async with self._courier.database.transaction() as tx:
            due = await queue_claim.seconds_until_due(
                tx,
                self._courier.spool.node_id,
                self._lane,
                passing_over=self._courier.providers.unavailable(),
            )
        # What is due may be too large just now: whatever ends wakes us.
        shortest = _ROOMLESS_PAUSE if self._courier.bytes_held() else _SHORTEST_PAUSE
        return longest if due is None else max(shortest, min(due, longest))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
