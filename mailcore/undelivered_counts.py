"""Failures of which no sender could be told, counted for the owner's daily notice.

By alias and status; the alias is sealed as the log of that day's first hour is: within a week the owner has
heard, and then nobody can read it. Must never count one for an account that is gone.
"""

from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID

from mailcore.database import Transaction
from mailcore.log_keys import LogKeys
from mailcore.log_seal import RowKey, hashed, of_undelivered, seal, unseal

# Of an alias whose key is lost: all of them are counted together.
_UNNAMED: Final = b""
_COUNT: Final = """
insert into undelivered (account_id, day, alias_hash, alias, status, count)
select id, $2, $3, $4, $5, 1 from account where id = $1 for key share  -- if it is still there
on conflict (account_id, day, alias_hash, status)
do update set count = undelivered.count + 1, noticed_at = null
"""


async def count(
    tx: Transaction, keys: LogKeys, account_id: UUID, alias: str, status: str, now: datetime
) -> None:
    day = now.date()
    key = await key_of(keys, account_id, day, make=True)
    name = hashed(key, "alias", alias.lower()) if key else _UNNAMED
    sealed = seal(key, of_undelivered(day.isoformat()), [alias]) if key else None
    await tx.execute(_COUNT, account_id, day, name, sealed, status)


async def key_of(keys: LogKeys, account_id: UUID, day: date, *, make: bool = False) -> RowKey | None:
    """One for the whole day, so that its failures can be counted together."""
    row = (account_id, datetime.combine(day, time(), UTC))
    return (await keys.to_write([row]))[0] if make else (await keys.to_read([row])).of(*row)


def alias_of(key: RowKey | None, day: date, sealed: bytes | None) -> str:
    """Empty where its key is lost."""
    fields = unseal(key, of_undelivered(day.isoformat()), sealed) if key and sealed else None
    return fields[0] if fields else ""
