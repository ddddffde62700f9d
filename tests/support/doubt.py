"""A database that commits and then, for once, cannot tell: the answer to a COMMIT was lost.

Must never lose what it committed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mailcore.database import Database, Transaction, UnknownOutcome


class Unsure(Database):
    """Raises `UnknownOutcome` after its first certain COMMIT, which was done; `told` from then on."""

    told = False

    @asynccontextmanager
    async def transaction(self, *, certain: bool = False, **others: Any) -> AsyncIterator[Transaction]:
        async with super().transaction(certain=certain, **others) as tx:
            yield tx
        if certain and not self.told:
            self.told = True
            assert tx.trace
            raise UnknownOutcome(tx.trace)
