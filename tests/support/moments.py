"""A database that goes back in time: all rows as they were, as a restore from a backup leaves them.

Must never be used while a process writes.
"""

from dataclasses import dataclass
from io import BytesIO

from mailcore.database import Database

_TABLES = ("account", "domain", "alias", "destination", "alias_destination", "usage_day", "undelivered",
           "node", "message", "delivery", "log_message", "log_event", "ledger")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """The rows of each table, in COPY's binary form."""

    rows: dict[str, bytes]


async def remember(database: Database) -> Moment:
    rows = {}
    async with database.transaction() as tx:
        for table in _TABLES:
            output = BytesIO()
            await tx.connection.copy_from_query(f"select * from {table}", output=output, format="binary")
            rows[table] = output.getvalue()
    return Moment(rows)


async def go_back(database: Database, moment: Moment) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"truncate {', '.join(_TABLES)} cascade")
        for table, rows in moment.rows.items():
            await tx.execute(f"alter table {table} no force row level security")  # which COPY refuses
            await tx.connection.copy_to_table(table, source=BytesIO(rows), format="binary")
            await tx.execute(f"alter table {table} force row level security")
