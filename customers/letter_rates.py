"""How many letters that somebody asks for may go to one address, at whichever door they ask: counted together
over all accounts, people and plus tags, under a keyed hash (rates.py).

Must never let strangers use up what somebody needs to sign in by mail.
"""

from datetime import timedelta
from typing import Final

from mailcore.envelope import untagged
from mailcore.rates import Rate, Rates, Taken

_IN_ALL: Final = Rate(24, timedelta(days=1))
_FROM_OTHERS: Final = Rate(5, timedelta(days=1))
_TO_SIGN_IN: Final = Rate(5, timedelta(minutes=15))
_TO_SIGN_IN_A_DAY: Final = Rate(15, timedelta(days=1))


async def from_others(rates: Rates, address: str) -> Taken:
    """One letter that its reader need not expect: an invitation, a question, another's change of address."""
    return await _take(rates, "letters from others", address, _FROM_OTHERS)


async def to_sign_in(rates: Rates, address: str, *, known: bool) -> Taken:
    """One letter with a link to sign in. Browsers that have signed in with this address (`known`) are counted
    by themselves: strangers use up nothing of theirs.
    """
    kind, who = ("letters to known browsers" if known else "letters to sign in"), untagged(address)
    taken = await rates.take(kind, who, _TO_SIGN_IN)
    if taken.allowed:
        taken = await rates.take(f"{kind} a day", who, _TO_SIGN_IN_A_DAY)
    if taken.allowed and not known:
        taken = await rates.take("letters", who, _IN_ALL)
    return taken


async def _take(rates: Rates, kind: str, address: str, rate: Rate) -> Taken:
    who = untagged(address)
    taken = await rates.take(kind, who, rate)
    return await rates.take("letters", who, _IN_ALL) if taken.allowed else taken
