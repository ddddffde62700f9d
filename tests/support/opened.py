"""The log as its rows would be read with the keys that are there: every account's, whatever their age.

Must never be how a customer's log is read: that is LogReader.
"""

from datetime import timedelta
from pathlib import Path

from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_keys import LogKeys
from mailcore.log_rows import event_of, keys_of, message_of

EVER = timedelta(days=3650)


def keys_in(folder: Path, clock: Clock | None = None) -> LogKeys:
    """The keys of a process, so to speak; none is too old."""
    return LogKeys(folder, clock or Clock(), EVER)


async def messages(database: Database, keys: LogKeys, where: str = "true") -> list[LoggedMessage]:
    """In the order of their ids; `where` is SQL."""
    rows = await database.fetch(f"select * from log_message where {where} order by id")
    found = await keys_of(keys, rows)
    return [message_of(row, found) for row in rows]


async def events(database: Database, keys: LogKeys, where: str = "true") -> list[Event]:
    """In the order of writing."""
    rows = await database.fetch(f"select * from log_event where {where} order by id")
    found = await keys_of(keys, rows)
    return [event_of(row, found) for row in rows]
