"""How many letters that somebody asks for may go to one address, at whichever door they ask: counted together
over all accounts and people, under a keyed hash (rates.py).

Must never let strangers use up what somebody needs to sign in by mail.
"""

from datetime import timedelta
from typing import Final

from mailcore.rates import Rate, Rates, Taken

_IN_ALL: Final = Rate(24, timedelta(days=1))
_FROM_OTHERS: Final = Rate(5, timedelta(days=1))
_TO_SIGN_IN: Final = Rate(5, timedelta(minutes=15))


async def from_others(rates: Rates, address: str) -> Taken:
    """One letter that its reader need not expect: an invitation, a question, another's change of address."""
    return await _take(rates, "letters from others", address, _FROM_OTHERS)


async def to_sign_in(rates: Rates, address: str) -> Taken:
    """One letter with a link to sign in."""
    return await _take(rates, "letters to sign in", address, _TO_SIGN_IN)


async def _take(rates: Rates, kind: str, address: str, rate: Rate) -> Taken:
    who = address.strip().lower()
    taken = await rates.take(kind, who, rate)
    return await rates.take("letters", who, _IN_ALL) if taken.allowed else taken
