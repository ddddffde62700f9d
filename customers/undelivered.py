"""Failures of which no sender could be told, from the end of their day until the owners hear of them.

The mail path counts them (undelivered_counts.py). Must never tell of one twice, nor forget what nobody was
told.
"""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, func, update
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import team
from customers.notices import Failures
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.log_keys import LogKeys
from mailcore.models import Undelivered
from mailcore.undelivered_counts import alias_of, key_of

# A failure that no owner could be told of, for want of an owner.
_UNTOLD_KEPT: Final = timedelta(days=14)
# Where the key that sealed it is lost.
_UNNAMED: Final = "an alias that can no longer be named"
_DAYS: Final = """
select distinct u.account_id, u.day from undelivered u where u.noticed_at is null and u.day < $1
and exists (select from membership m where m.account_id = u.account_id and m.role = 'owner')
order by u.account_id, u.day limit $2
"""
# A letter is asked for in the transaction that marks its rows, so both say the same moment.
_TOLD: Final = (
    "select alias, status, count from undelivered where account_id = $1 and day = $2 and noticed_at = $3"
)


async def days_to_tell(database: Database, today: date, *, limit: int = 100) -> list[tuple[UUID, date]]:
    """Days that are over, of accounts that have an owner to tell: for upkeep."""
    return [(row["account_id"], row["day"]) for row in await database.fetch(_DAYS, today, limit)]


async def tell(session: AsyncSession, clock: Clock, account_id: UUID, day: date) -> None:
    """One letter about the whole day to each owner; whoever comes second finds nothing to tell. Which aliases
    is looked up when the letter is written: in the order for it they would stand in clear.
    """
    mine = (col(Undelivered.account_id) == account_id, col(Undelivered.day) == day)
    query = update(Undelivered).where(*mine, col(Undelivered.noticed_at).is_(None))
    told = query.values(noticed_at=func.now()).returning(col(Undelivered.id))
    if (await session.exec(told)).all():
        await team.write_to_owners(session, clock, "undeliverable", account_id, day=day.isoformat())


async def told_of(
    database: Database, keys: LogKeys, account_id: UUID, day: date, at: datetime
) -> list[Failures]:
    """What the letters that were asked for at this moment are about."""
    key = await key_of(keys, account_id, day)
    return [
        Failures(alias_of(key, day, row["alias"]) or _UNNAMED, row["status"], row["count"])
        for row in await database.fetch(_TOLD, account_id, day, at)
    ]


async def forget(database: Database, now: datetime, retention: timedelta) -> None:
    """After the owners were told; and also where there is nobody to tell."""
    rows = "noticed_at < $1 or day < $2"
    await database.delete_in_batches("undelivered", rows, now - retention, (now - _UNTOLD_KEPT).date())
