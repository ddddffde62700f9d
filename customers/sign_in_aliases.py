"""Aliases whose mail signs somebody in: who may change one could read the link, and be that person.

Must never let a key, an app or anybody but an owner in person change where such mail goes.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from customers.callers import Caller, Role
from mailcore.alias_lookup import CATCH_ALL
from mailcore.envelope import split_tag
from mailcore.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Guarded:
    """Aliases that the caller may not touch, each by its domain and local part."""

    aliases: frozenset[tuple[UUID, str]] = frozenset()

    def check(self, domain_id: UUID, local_part: str) -> None:
        """Raises Forbidden."""
        if (domain_id, local_part) in self.aliases:
            detail = (
                "Somebody signs in with an address that this alias receives: "
                "only an owner may change it, in person."
            )
            raise Forbidden(detail, code="alias_signs_in")


# A definer's function: the API's own role sees no person of another account, nor a key of some domains any.
_ASK: Final = "select domain_id, local_part from sign_in_aliases()"
NONE: Final = Guarded()


async def guarded_from(session: AsyncSession, who: Caller) -> Guarded:
    """For the tenant of this session: see the function in migration 0003."""
    if who.person_id is not None and who.role is Role.OWNER:
        return NONE
    found: set[tuple[UUID, str]] = set()
    rows = await (await session.connection()).exec_driver_sql(_ASK)
    for row in rows:
        keys = {row.local_part, split_tag(row.local_part)[0], CATCH_ALL}
        found |= {(row.domain_id, key) for key in keys}
    return Guarded(frozenset(found))
