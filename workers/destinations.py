"""Destinations that must be asked whether they want mail, and owners who must hear that one fails.

Must never write to an inbox more often than the rates allow, nor to an owner more than once a day.
"""

from mailcore import confirmations, destinations
from mailcore.rates import Rates
from mailcore.runtime import Runtime


async def ask_new(runtime: Runtime, rates: Rates) -> None:
    """Those made since the last time, by whichever way."""
    async with runtime.database.session() as session:
        new = await confirmations.unasked(session)
    for destination in new:
        taken = await confirmations.may_ask(rates, destination)
        async with runtime.database.session() as session:
            await confirmations.ask_first(session, runtime.clock, destination.id, allowed=taken.allowed)


async def tell_failing(runtime: Runtime) -> None:
    """One letter for each account and day."""
    async with runtime.database.session() as session:
        accounts = await destinations.accounts_to_tell(session)
    for account_id in accounts:
        async with runtime.database.session() as session:
            await destinations.tell_failing(session, runtime.clock, account_id)
