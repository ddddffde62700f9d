"""Mail of ours to people: asked for in the transaction of its cause, written and sent by upkeep.

Must never be sent twice, nor without its cause: the row is the order, and it goes in the transaction that
accepts the mail.
"""

import json
from typing import TYPE_CHECKING, Final
from uuid import UUID

from customers.letter_texts import Kind
from mailcore.clock import Clock
from mailcore.database import Transaction

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

# Names that customers choose: they must not become a letter of theirs.
_CHOSEN: Final = frozenset({"account", "by", "invited_by"})
_LONGEST_NAME: Final = 60
_POST: Final = (
    "insert into letter (id, account_id, kind, to_address, about) values ($1, $2, $3, $4, $5::text::jsonb)"
)


async def post(
    where: "AsyncSession | Transaction",
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
    about = {name: _shortened(what) if name in _CHOSEN else what for name, what in about.items()}
    values = (clock.new_id(), account_id, kind, to, json.dumps(about))
    if isinstance(where, Transaction):
        await where.execute(_POST, *values)
    else:
        await (await where.connection()).exec_driver_sql(_POST, values)


def _shortened(name: str | int) -> str | int:
    long = isinstance(name, str) and len(name) > _LONGEST_NAME
    return f"{str(name)[: _LONGEST_NAME - 1]}…" if long else name
