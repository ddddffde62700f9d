"""Inboxes that asked to be left alone, for good and by all accounts: kept as keyed hashes.

Must never tell since when, nor through whose account somebody asked; and never hold an address.
"""

import hashlib
import hmac
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.models import Suppression

KEY_NAME: Final = "suppression"
# A definer's function: the API's own role sees nothing of the table (migration 0003).
_ASK: Final = "select coalesce(bool_or(address_is_suppressed(hash)), false) from unnest($1::text[]) as hash"


async def add(session: AsyncSession, keyring: Keyring, address: str) -> None:
    """Once is enough, twice does no harm."""
    row = {"address_hash": _hash(keyring.key(KEY_NAME), address)}
    await session.exec(insert(Suppression).values(row).on_conflict_do_nothing())


async def includes(session: AsyncSession, keyring: Keyring, address: str) -> bool:
    """Under each of the keys: a rotation must not wake the dead."""
    for hashed in _hashes(keyring, address):
        if (await session.exec(select(func.address_is_suppressed(hashed)))).one():
            return True
    return False


async def holds(database: Database, keyring: Keyring, address: str) -> bool:
    """The same question outside of any session."""
    return bool(await database.value(_ASK, _hashes(keyring, address)))


def _hashes(keyring: Keyring, address: str) -> list[str]:
    return [_hash(key, address) for key in keyring.keys(KEY_NAME)]


def _hash(key: bytes, address: str) -> str:
    """Of the spelling in lower case: who reads you@ also reads YOU@."""
    return hmac.new(key, address.lower().encode(), hashlib.sha256).hexdigest()
