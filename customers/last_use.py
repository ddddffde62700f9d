"""When a key, an app or a browser was used last, written down at most once a minute.

Must never make requests of the same moment wait for each other, nor write at each of them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from mailcore.database import Database

EVERY: Final = timedelta(minutes=1)
Table = Literal["api_key", "oauth_grant", "browser_session"]
_COLUMNS: Final[Mapping[Table, str]] = {
    "api_key": "last_used_at",
    "oauth_grant": "last_used_at",
    "browser_session": "last_seen_at",
}


async def note(
    database: Database, table: Table, identifier: UUID, last: datetime | None, now: datetime
) -> None:
    """`last`: what its row says. In a transaction of its own, whatever becomes of the request."""
    if last is not None and now - last < EVERY:
        return
    row = f"select id from {table} where id = $1 for update skip locked"
    async with database.transaction() as tx:
        await tx.execute(f"update {table} set {_COLUMNS[table]} = $2 where id = ({row})", identifier, now)
