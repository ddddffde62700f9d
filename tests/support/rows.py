"""A row for any table, made up from its columns, so that a rule can be tried on every table there is.

Must never know a table by name but for values that the table itself checks.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table
from sqlmodel import AutoString, SQLModel

from mailcore import models
from mailcore.clock import Clock
from mailcore.database import Database

assert models.Account.metadata is SQLModel.metadata
TABLES: list[Table] = SQLModel.metadata.sorted_tables
# Values of columns that are checked.
_CHECKED = {
    "role": "owner", "lane": "standard", "origin": "smtp", "state": "waiting", "plan": "free",
    "method": "link", "purpose": "sign-in", "type": "delivered", "outcome": "refused", "signatures": "{}",
}  # fmt: skip
# One row for the whole service.
_OF_ALL = ("ledger", "service_figures", "service_day", "statement", "canary")
_CHECKED_IN = {
    ("oauth_token", "kind"): "access", ("request_log", "method"): "GET",
    ("mta_sts_policy", "mode"): "enforce", ("service_alert", "kind"): "deferring",
    ("authority_request", "kind"): "data", ("statement", "signed"): '{"number": 1, "keys": []}',
}  # fmt: skip


def belonging_to_accounts() -> list[Table]:
    return [table for table in TABLES if "account_id" in table.columns]


def made_up(table: Table, parents: dict[str, UUID], clock: Clock) -> dict[str, Any]:
    """A row whose references lead to `parents`, by table. Columns with a default are left out."""
    return {
        column.name: _value(table, column, parents, clock)
        for column in table.columns
        if _is_needed(column) or column.name in ("account_id", "person_id")
    }


def _is_needed(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None and column.identity is None


def _value(table: Table, column: Column[Any], parents: dict[str, UUID], clock: Clock) -> Any:
    for key in column.foreign_keys:
        if key.column.name == "id":
            return parents[key.column.table.name]
    if column.name == "owner_id":
        return parents["account"]
    if column.name.endswith("_id") and column.name[:-3] in parents:
        return parents[column.name[:-3]]
    if (table.name, column.name) in _CHECKED_IN:
        return _CHECKED_IN[table.name, column.name]
    if column.name in _CHECKED:
        return _CHECKED[column.name]
    return _by_type(column, clock)


def _by_type(column: Column[Any], clock: Clock) -> Any:
    values: dict[type, Any] = {
        UUID: clock.new_id(),
        datetime: clock.now(),
        date: clock.now().date(),
        bool: True,
        int: 1,
        bytes: clock.new_id().bytes,
        list: [],
        dict: "{}",
    }
    text = isinstance(column.type, AutoString)  # which does not say what it is in Python
    return clock.new_id().hex if text else values[column.type.python_type]


def insert(table: Table, row: dict[str, Any]) -> tuple[str, list[Any]]:
    """The statement and its arguments."""
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    return f"insert into {table.name} ({', '.join(row)}) values ({places})", list(row.values())


async def fill(database: Database, clock: Clock, known: dict[str, UUID] | None = None) -> dict[str, UUID]:
    """One row in each table that has none of these `known` (ids by table); answers with the ids of all."""
    parents = dict(known or {})
    async with database.transaction() as tx:
        for table in TABLES:
            of_all = table.name in _OF_ALL and await tx.value(f"select exists (select from {table.name})")
            if of_all or table.name in parents:
                continue  # the whole service's, or there
            row = made_up(table, parents, clock)
            statement, arguments = insert(table, row)
            await tx.execute(statement, *arguments)
            if isinstance(row.get("id"), UUID):
                parents[table.name] = row["id"]
    return parents
