"""Owners are told of mail that failed without a word to its sender. Must never tell twice, nor on its day."""

from datetime import date
from uuid import UUID

from customers import undelivered
from mailcore.clock import Clock
from mailcore.database import Database
from workers.each import each_quietly


async def tell_undelivered(database: Database, clock: Clock) -> None:
    """The failures of days that are over: one letter for each account and day."""

    async def tell(account_and_day: tuple[UUID, date]) -> None:
        async with database.session() as session:
            await undelivered.tell(session, clock, *account_and_day)

    waiting = await undelivered.days_to_tell(database, clock.now().date())
    await each_quietly("undelivered mail", waiting, tell)
