"""TXT records of several names: what is known already costs nothing, the rest is asked for at once.

Must never raise for what a name server says or fails to say.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from mailcore.dns_answers import TxtAnswer

_LATE: Final = TxtAnswer("failure", late=True)


class AsksTxt(Protocol):
    """What the resolver is to us. `known_txt` is None where it would have to ask."""

    def known_txt(self, name: str) -> TxtAnswer | None: ...

    async def txt(self, name: str) -> TxtAnswer: ...


async def ask_txt(
    resolver: AsksTxt, names: Iterable[str], patience: float | None = None
) -> dict[str, TxtAnswer]:
    """What is not answered in `patience` seconds is a failure of its own, and costs the others nothing."""
    found: dict[str, TxtAnswer] = {}
    asking: dict[str, asyncio.Task[TxtAnswer]] = {}
    for name in dict.fromkeys(names):
        known = resolver.known_txt(name)
        if known is None:
            asking[name] = asyncio.create_task(resolver.txt(name))
        else:
            found[name] = known
    return {**found, **await _answered(asking, patience)} if asking else found


async def _answered(
    asking: "dict[str, asyncio.Task[TxtAnswer]]", patience: float | None
) -> dict[str, TxtAnswer]:
    try:
        await asyncio.wait(asking.values(), timeout=patience)
        return {name: task.result() if task.done() else _LATE for name, task in asking.items()}
    finally:
        for task in asking.values():
            task.cancel()
