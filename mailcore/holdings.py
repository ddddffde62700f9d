"""What the service holds of mail now, in numbers: rows of the log, messages that wait, and since when.

Must never tell of one account.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailcore.database import Database

# Seconds for one of these: nobody waits for them, and a log may be long.
_PATIENCE: Final = 600.0
_LOGGED: Final = "select count(*) as messages, min(received_at) as oldest from log_message"
_EVENTS: Final = "select count(*) from log_event"
_WAITING: Final = "select count(*) as messages, min(accepted_at) as oldest from message"


@dataclass(frozen=True, slots=True)
class Holdings:
    """`logged_since`: when the oldest message in the log was received; `waiting_since`: when the oldest that
    waits was accepted. None where there is none.
    """

    logged_messages: int
    logged_events: int
    logged_since: datetime | None
    waiting_messages: int
    waiting_since: datetime | None


async def look(database: Database) -> Holdings:
    """Every row is counted: for once an hour, not for a request."""
    async with database.transaction() as tx:
        logged, events, waiting = [
            await tx.connection.fetchrow(query, timeout=_PATIENCE) for query in (_LOGGED, _EVENTS, _WAITING)
        ]
    return Holdings(
        logged["messages"], events["count"], logged["oldest"], waiting["messages"], waiting["oldest"]
    )
