"""Inboxes that asked to be left alone, for good and by all accounts: kept as keyed hashes.

Must never tell since when, nor through whose account somebody asked; and never hold an address.
"""

from typing import TYPE_CHECKING, Final

from mailcore.database import Database
from mailcore.envelope import untagged
from mailcore.keyring import Keyring

if TYPE_CHECKING:  # the mx asks, too, and starts a second sooner without it
    from sqlmodel.ext.asyncio.session import AsyncSession

KEY_NAME: Final = "suppression"
_ADD: Final = "insert into suppression (address_hash) values ($1) on conflict do nothing"
_REMOVE: Final = "delete from suppression where address_hash = any($1::text[])"
# A definer's function: the API's own role sees nothing of the table (migration 0003).
_ASK: Final = "select coalesce(bool_or(address_is_suppressed(hash)), false) from unnest($1::text[]) as hash"
_AMONG: Final = "select hash from unnest($1::text[]) as hash where address_is_suppressed(hash)"


async def add(session: "AsyncSession", keyring: Keyring, address: str) -> None:
    """Once is enough, twice does no harm."""
    hashed = _hashes(keyring, address)[0]
    await (await session.connection()).exec_driver_sql(_ADD, (hashed,))


async def remove(session: "AsyncSession", keyring: Keyring, address: str) -> bool:
    """Under each of the keys; False where nobody had asked."""
    hashes = _hashes(keyring, address)
    return bool((await (await session.connection()).exec_driver_sql(_REMOVE, (hashes,))).rowcount)


async def includes(session: "AsyncSession", keyring: Keyring, address: str) -> bool:
    """Under each of the keys: a rotation must not wake the dead."""
    asked = await (await session.connection()).exec_driver_sql(_ASK, (_hashes(keyring, address),))
    return bool(asked.scalar_one())


async def among(session: "AsyncSession", keyring: Keyring, addresses: list[str]) -> set[str]:
    """Those that asked to be left alone."""
    hashes = {address: _hashes(keyring, address) for address in addresses}
    every = [hashed for each in hashes.values() for hashed in each]
    rows = await (await session.connection()).exec_driver_sql(_AMONG, (every,))
    stopped = {hashed for (hashed,) in rows}
    return {address for address, each in hashes.items() if stopped.intersection(each)}


async def holds(database: Database, keyring: Keyring, address: str) -> bool:
    """The same question outside of any session."""
    return bool(await database.value(_ASK, _hashes(keyring, address)))


def _hashes(keyring: Keyring, address: str) -> list[str]:
    """Who reads you@ also reads YOU@ and you+tag@."""
    return keyring.hashes(KEY_NAME, untagged(address))
