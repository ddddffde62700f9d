"""Destinations that must be asked whether they want mail, and owners who must hear that one fails.

Must never write to an inbox more often than the rates allow, nor to an owner more than once a day.
"""

from functools import partial
from uuid import UUID

from customers import confirmations, destinations
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.rates import Rates
from workers.each import each_quietly, in_session


async def ask_new(database: Database, clock: Clock, rates: Rates) -> None:
    """Those made since the last time, by whichever way; and those put off until now."""
    async with database.session() as session:
        new = await confirmations.unasked(session)
    failed = await each_quietly("new destinations", new, partial(_ask, database, clock, rates))
    await each_quietly("new destinations", failed, partial(_put_off, database))


async def _ask(database: Database, clock: Clock, rates: Rates, destination_id: UUID) -> None:
    async with database.session() as session:
        await confirmations.ask_first(session, clock, rates, destination_id)


async def _put_off(database: Database, destination_id: UUID) -> None:
    """One that can't be asked is behind the others from now on."""
    async with database.session() as session:
        await confirmations.put_off(session, destination_id)


async def tell_failing(database: Database, clock: Clock) -> None:
    """One letter for each account and day."""
    async with database.session() as session:
        accounts = await destinations.accounts_to_tell(session)
    tell = in_session(database, clock, destinations.tell_failing)
    await each_quietly("failing destinations", accounts, tell)
