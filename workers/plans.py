"""What plans ask for by themselves: the end of a downgrade's grace, and word of a quota that is used up.

Must never change a plan: that is billing's, or an operator's.
"""

from mailcore import downgrade_grace, usage_letters
from mailcore.runtime import Runtime


async def settle_downgrades(runtime: Runtime) -> None:
    """Tells, pauses and wakes what is due."""
    await downgrade_grace.settle_due(runtime.database, runtime.clock)


async def tell_usage(runtime: Runtime) -> None:
    await usage_letters.tell(runtime.database, runtime.clock)


async def forget_usage_letters(runtime: Runtime) -> None:
    await usage_letters.expire(runtime.database, runtime.clock.now().date())
