"""Mail of ours to people: asked for in the transaction of its cause, written and sent by upkeep.

Must never be sent twice, nor without its cause: the row is the order, and it goes in the transaction that
accepts the mail.
"""

import json
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.clock import Clock
from mailcore.database import Transaction
from mailcore.letter_texts import Kind

_POST: Final = (
    "insert into letter (id, account_id, kind, to_address, about) "
    "values ({}, {}, {}, {}, cast(cast({} as text) as jsonb))"
)


async def post(
    where: AsyncSession | Transaction,
    clock: Clock,
    kind: Kind,
    to: str,
    *,
    account_id: UUID | None = None,
    **about: str | int,
) -> None:
    """One letter to `to`, a checked address. `about` holds what its text needs (see letter_texts.py): ids and
    names, never a secret: links are signed when it is written. `account_id`: on whose behalf, if anybody's.
    """
    identifier = clock.new_id()
    if isinstance(where, Transaction):
        query = _POST.format("$1", "$2", "$3", "$4", "$5")
        await where.execute(query, identifier, account_id, kind, to, json.dumps(about))
        return
    query = _POST.format(":id", ":account", ":kind", ":to", ":about")
    values = {"id": identifier, "account": account_id, "kind": kind, "to": to, "about": json.dumps(about)}
    await (await where.connection()).execute(text(query), values)
