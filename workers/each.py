"""One after the other, each in a transaction of its own: whatever is wrong with one, those behind it go on.

Must never go on without a database, nor say more of what failed than the kind and the place of the error.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.logs import where

log = structlog.get_logger("upkeep")

Item = TypeVar("Item")


async def each_quietly(
    duty: str, items: Iterable[Item], act: Callable[[Item], Awaitable[object]]
) -> list[Item]:
    """Those that failed, each with a line in the log. Raises what says that the database is away."""
    failed = []
    for item in items:
        try:
            await act(item)
        except (*CONNECTION_LOST, Aborted):
            raise  # all of them wait
        except Exception as error:  # noqa: BLE001  whatever is wrong with this one
            log.error("one_failed", duty=duty, error=type(error).__name__, where=where(error))
            failed.append(item)
    return failed


def in_session(
    database: Database, clock: Clock, act: Callable[[AsyncSession, Clock, UUID], Awaitable[object]]
) -> Callable[[UUID], Awaitable[None]]:
    """`act` on one id, in a session of its own."""

    async def act_on(identifier: UUID) -> None:
        async with database.session() as session:
            await act(session, clock, identifier)

    return act_on
