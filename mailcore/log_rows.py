"""Rows of the log, opened: what log_reader.py, news.py and queue_owner.py read of it.

Must never raise for a row that does not open: its key was destroyed or lost, and its texts are empty then.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from mailcore.event_log import MORE_REFUSALS, Event, LoggedMessage
from mailcore.log_keys import LogKeys, RowKeys
from mailcore.log_seal import of_event, of_message, unseal

_MESSAGE_FIELDS: Final = 6
_EVENT_FIELDS: Final = 2


async def keys_of(keys: LogKeys, rows: Iterable[Any]) -> RowKeys:
    """The keys of all rows of a query, which has `account_id` and `received_at`."""
    return await keys.to_read((row["account_id"], row["received_at"]) for row in rows)


def message_of(row: Any, keys: RowKeys, *, sealed: str = "sealed") -> LoggedMessage:
    """Of a row of log_message; `sealed` is what the query calls that column."""
    fields = _opened(row, keys, of_message(row["id"]), row[sealed], _MESSAGE_FIELDS)
    return LoggedMessage(row["id"], row["account_id"], row["domain_id"], row["received_at"], *fields)


def event_of(row: Any, keys: RowKeys) -> Event:
    """Of a row of log_event."""
    name = of_event(row["message_id"], row["delivery_id"], row["type"], row["attempt"])
    response, server_ip = _opened(row, keys, name, row["sealed"], _EVENT_FIELDS)
    if row["type"] == "refused" and response.endswith(MORE_REFUSALS):
        response = f"{response.removesuffix(MORE_REFUSALS)}{row['count']} {MORE_REFUSALS}"
    return Event(
        row["message_id"], row["account_id"], row["received_at"], row["delivery_id"], row["at"], row["type"],
        response, row["code"], server_ip, timedelta(milliseconds=row["duration_ms"]), row["attempt"],
        row["count"],
    )  # fmt: skip


def _opened(row: Any, keys: RowKeys, name: bytes, sealed: bytes | None, count: int) -> list[str]:
    key = keys.of(row["account_id"], row["received_at"]) if sealed else None
    fields = unseal(key, name, sealed) if key and sealed else None
    return fields if fields and len(fields) == count else [""] * count
