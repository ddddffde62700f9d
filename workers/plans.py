"""What plans ask for by themselves: the end of a downgrade's grace, and word of a quota that is used up.

Must never change a plan: that is billing's, or an operator's.
"""

from customers import downgrade_grace, surplus, usage_letters
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.runtime import Runtime
from workers.each import each_quietly, in_session


async def settle_downgrades(database: Database, clock: Clock) -> None:
    """Tells, pauses and wakes what is due."""
    due = await surplus.accounts_to_settle(database)
    await each_quietly("downgrades", due, in_session(database, clock, downgrade_grace.settle))


async def tell_usage(runtime: Runtime) -> None:
    await usage_letters.tell(runtime.database, runtime.clock)


async def forget_usage_letters(runtime: Runtime) -> None:
    await usage_letters.expire(runtime.database, runtime.clock.now().date())
