"""Wipes messages that ended, and destroys their keys for good: in batches, a second apart, in a thread of
its own, so that nobody who settles waits for it.

One for each process that discards. Must never end it for a failing disk or database: what is not done is
tried again, and what a crash leaves the sweep does.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

import asyncpg
import structlog

from mailcore import metrics, service_counts
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.spool import Spool

log = structlog.get_logger("key_wiper")

_EVERY: Final = 1.0
# So often in that time what ended is overwritten; the sync is what costs.
_DISCARDS: Final = 20
# The count of all processes is one row: it is not written every second.
_ROUNDS_PER_NOTE: Final = 10


class KeyWiper:
    """Of one process: `wipe` discards what its spool was told of, and says how long that took."""

    def __init__(self, spool: Spool, database: Database) -> None:
        self._spool = spool
        self._keys = spool.keys
        self._database = database
        self._thread = ThreadPoolExecutor(1, "keys")

    async def wipe_forever(self) -> None:
        while True:
            for _ in range(_ROUNDS_PER_NOTE):
                await self._discard_for(_EVERY)
                await self.wipe()
            await self.note()

    async def _discard_for(self, seconds: float) -> None:
        """What ends meanwhile is zeros soon: of a node that dies little is left to be found again."""
        for _ in range(_DISCARDS):
            await asyncio.sleep(seconds / _DISCARDS)
            if self._spool.has_ended:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)

    async def wipe(self) -> None:
        seconds = await asyncio.get_running_loop().run_in_executor(self._thread, self._wipe)
        for taken in seconds:
            metrics.KEY_DESTROYED_AFTER.observe(taken)
        if failing := self._keys.failing:
            log.error("keys_not_destroyed", messages=failing)
        metrics.KEYS_UNDESTROYED.set(failing)

    def _discard(self) -> None:
        if failed := self._spool.discard_ended():
            log.error("discard_failed", messages=failed)

    def _wipe(self) -> list[float]:
        self._discard()
        return self._keys.sync()

    async def note(self) -> None:
        """In the figures that only grow."""
        count = self._keys.take_count()
        if not count:
            return
        try:
            async with self._database.transaction() as tx:
                await service_counts.add(tx, "message keys destroyed", count)
        except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
            log.warning("count_waits_for_database", error=type(error).__name__)
            self._keys.uncount(count)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """At the end of the process, when nothing is discarded any more."""
        await self.wipe()
        await self.note()
        self._thread.shutdown()
