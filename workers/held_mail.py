"""Ends what nobody could send for as long as anything is tried, so that its owner is told.

Must never keep a lease on what it could not end: no sweeper takes anything from a process that lives.
"""

from collections.abc import Sequence

import structlog

from mailcore import queue, queue_admin
from mailcore.database import UnknownOutcome
from mailcore.queue import Claimed
from mailcore.runtime import Runtime

log = structlog.get_logger("held_mail")

_AT_ONCE = 100


class HeldMail:
    """The duty of one upkeep process. What it could not end goes back, in this round or the next."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._leased: list[Claimed] = []

    async def end(self) -> None:
        while await self._end_some():
            pass

    async def _end_some(self) -> bool:
        """Whether there may be more."""
        await self._give_back()
        taken = await self._take()
        self._leased = list(taken)
        try:
            for claimed in taken:
                await self._end_one(claimed)
            return len(taken) == _AT_ONCE and not self._leased
        finally:
            await self._give_back()

    async def _end_one(self, claimed: Claimed) -> None:
        try:
            await self._runtime.courier.end(queue_admin.expired(claimed))
        except Exception as error:  # noqa: BLE001  one that can't be ended must not keep the others
            log.error("not_ended", error=type(error).__name__, delivery=str(claimed.id))
        else:
            self._leased.remove(claimed)

    async def _take(self) -> Sequence[Claimed]:
        after, database = self._runtime.settings.give_up_after, self._runtime.database
        try:
            async with database.transaction(certain=True) as tx:
                taken = await queue_admin.take_expired(tx, self._runtime.lease.id, after, _AT_ONCE)
                queue.leave_lease(tx, taken)
        except UnknownOutcome as unknown:
            return taken if await database.outcome_of(unknown.trace) else ()
        return taken

    async def _give_back(self) -> None:
        if not self._leased:
            return
        async with self._runtime.database.transaction() as tx:
            await queue.give_back(tx, self._leased, count_attempt=False)
        self._leased = []
