"""What plans ask for by themselves: the end of a downgrade's grace, and word of a quota that is used up.

Must never change a plan: that is billing's, or an operator's.
"""

from datetime import timedelta
from typing import Final

from customers import downgrade_grace, news, surplus, usage_letters
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.runtime import Runtime
from workers.each import each_quietly, in_session

# Some of the looks of each minute, for transactions that take long.
_JUST_NOW: Final = timedelta(minutes=5)


async def settle_downgrades(database: Database, clock: Clock) -> None:
    """Tells, pauses and wakes what is due."""
    changed = await news.accounts_changed(database, _JUST_NOW)
    due = await surplus.accounts_to_settle(database, downgrade_grace.WARNING, changed)
    await each_quietly("downgrades", due, in_session(database, clock, downgrade_grace.settle))


async def settle_missed_downgrades(database: Database, clock: Clock) -> None:
    """What the look of each minute did not see: a note of a change that was lost."""
    async for due in surplus.accounts_missed(database):
        await each_quietly("downgrades", due, in_session(database, clock, downgrade_grace.settle))


async def tell_usage(runtime: Runtime) -> None:
    await usage_letters.tell(runtime.database, runtime.clock)


async def forget_usage_letters(runtime: Runtime) -> None:
    await usage_letters.expire(runtime.database, runtime.clock.now().date())
