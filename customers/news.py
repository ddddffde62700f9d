"""What is new for open pages since a position: log events and changes, in one order that never skips a row.

Ids become visible out of order, so a position starts with the transaction's: rows are read only once every
transaction up to theirs has ended (DESIGN.md rule 9). Must never return a row of an account that was not
asked for, nor one older than the log's retention.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mailcore.authenticity.verdicts import VerdictWords
from mailcore.changes import ChangeKind
from mailcore.database import Database, Transaction
from mailcore.event_log import Event, LoggedMessage
from mailcore.log_keys import LogKeys, RowKeys
from mailcore.log_rows import event_of, keys_of, message_of

CHANGES_KEPT: Final = timedelta(days=1)
# A cursor is taken a little less long, so that nothing is missing between them.
RESUMED_WITHIN: Final = timedelta(hours=23)
_LAST_ID = 2**63 - 1
_CHANGED: Final = "select distinct account_id from change where at > now() - $1::interval"
_LOG, _CHANGE = 1, 2


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """After a row: its transaction, its table, its id there. Without the last two: before all of its rows."""

    xid: int
    source: int = 0
    id: int = 0

    def bound(self, source: int) -> tuple[str, int]:
        """(xid, id) after which the rows of one table follow; xid8 travels as text."""
        if source == self.source:
            return str(self.xid), self.id
        return str(self.xid), 0 if source > self.source else _LAST_ID


@dataclass(frozen=True, slots=True)
class LogNews:
    """An event of the log with the message it belongs to, and what was found out about its sender."""

    position: Position
    message: LoggedMessage
    event: Event
    verdicts: VerdictWords | None

    kind = "log"

    @property
    def account_id(self) -> UUID:
        return self.event.account_id

    @property
    def domain_id(self) -> UUID | None:
        return self.message.domain_id


@dataclass(frozen=True, slots=True)
class ChangeNews:
    """A change of something a page shows; `data` as it was noted (changes.py)."""

    position: Position
    account_id: UUID
    kind: ChangeKind
    subject_id: UUID | None
    at: datetime
    data: dict[str, Any]

    @property
    def domain_id(self) -> UUID | None:
        if self.kind == "domain":
            return self.subject_id
        named = self.data.get("domain_id")
        return UUID(named) if named else None


News = LogNews | ChangeNews


@dataclass(frozen=True, slots=True)
class Read:
    """Rows in their order, and the position up to which there are no others."""

    news: Sequence[News]
    until: Position
    has_more: bool


async def horizon(tx: Transaction) -> int:
    """The oldest transaction that still runs, or the next one: what is below has ended for good."""
    return int(await tx.value("select pg_snapshot_xmin(pg_current_snapshot())::text"))


# A message's rows share its moment of receipt: the partitions that are too old are not looked at.
_EVENTS = """
select e.xid::text as xid, e.id as event_id, e.message_id, e.account_id, e.received_at, e.delivery_id, e.at,
       e.type, e.code, e.duration_ms, e.attempt, e.count, e.sealed,
       l.id, l.domain_id, l.sealed as message_sealed
from log_event e join log_message l on l.id = e.message_id and l.received_at = e.received_at
where e.account_id = any($1::uuid[]) and (e.xid, e.id) > ($2::text::xid8, $3::bigint)
  and e.xid < $4::text::xid8 and e.received_at > $6
order by e.xid, e.id limit $5
"""
_CHANGES = """
select c.xid::text as xid, c.id, c.account_id, c.kind, c.subject_id, c.at, c.data
from change c
where c.account_id = any($1::uuid[]) and (c.xid, c.id) > ($2::text::xid8, $3::bigint)
  and c.xid < $4::text::xid8
order by c.xid, c.id limit $5
"""


async def read(
    tx: Transaction,
    keys: LogKeys,
    accounts: Collection[UUID],
    after: Position,
    below: int,
    since: datetime,
    limit: int,
) -> Read:
    """What these accounts have between `after` and the transaction `below`, which is no later than `horizon`.

    `since` is the retention of the log; about `limit` rows at a time.
    """
    asked = list(accounts)
    events = await tx.fetch(_EVENTS, asked, *after.bound(_LOG), str(below), limit, since)
    changes = await tx.fetch(_CHANGES, asked, *after.bound(_CHANGE), str(below), limit)
    found_keys = await keys_of(keys, events)
    logged = [_log(row, found_keys) for row in events]
    parts: tuple[Sequence[News], ...] = (logged, [_change(row) for row in changes])
    # Where a table has more than it gave, the other's rows beyond that must wait for it.
    ends = [part[-1].position for part in parts if len(part) == limit]
    until = min(ends, default=Position(below))
    found = sorted((n for part in parts for n in part if n.position <= until), key=lambda n: n.position)
    return Read(found, until, bool(ends))


async def accounts_changed(database: Database, within: timedelta) -> list[UUID]:
    """In which accounts something was changed so short a time ago."""
    rows = await database.fetch(_CHANGED, within)
    return [row["account_id"] for row in rows]


async def forget_changes(database: Database) -> None:
    """Nobody resumes from before: older cursors are told to begin anew."""
    await database.delete_in_batches("change", "at < now() - $1::interval", CHANGES_KEPT)


def _log(row: Any, keys: RowKeys) -> LogNews:
    position = Position(int(row["xid"]), _LOG, row["event_id"])
    message = message_of(row, keys, sealed="message_sealed")
    return LogNews(position, message, event_of(row, keys), VerdictWords.of(message.verdicts))


def _change(row: Any) -> ChangeNews:
    position = Position(int(row["xid"]), _CHANGE, row["id"])
    data = json.loads(row["data"])
    return ChangeNews(position, row["account_id"], row["kind"], row["subject_id"], row["at"], data)
