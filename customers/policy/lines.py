"""How a line of the policy is written: of a table and its columns, of a key in Redis, of a file.

Must never be satisfied with a column that no line names: what may name somebody says what it is, and only
columns whose type can hold nothing else count as ids, times and numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, Float, Integer, MetaData, Table
from sqlalchemy.types import ARRAY, Uuid

from mailcore.models import SQLModel, Xid8

# Types that hold no address, no hash of one and no IP.
_TELLS_NOTHING: Final = (BigInteger, Boolean, Date, DateTime, Double, Float, Integer, Uuid, Xid8)


@dataclass(frozen=True, slots=True)
class Row:
    """A table, and what each of its columns is.

    `tells`: columns that name somebody or may, hashes and seals of such, and words that people chose.
    `words`: text of ours from a fixed set, or about ourselves. `numbers`: ids, moments, counts, yes or no.
    `sealed`: what the column of that name holds, sealed, by the names of its fields.
    `is_setting`: what customers enter themselves, and what was done about that: it may stand in clear for
    longer than the log, in files of the database too.
    """

    table: str
    what: str
    until: str
    tells: Mapping[str, str] = field(default_factory=dict)
    sealed: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    numbers: str = ""
    is_setting: bool = False

    @property
    def columns(self) -> Sequence[str]:
        return (*self.tells, *self.words.split(), *self.numbers.split())


@dataclass(frozen=True, slots=True)
class Place:
    """Keys in Redis, files, cookies: `name` with * for what differs."""

    name: str
    what: str
    until: str


def wrong_with(rows: Iterable[Row], metadata: MetaData = SQLModel.metadata) -> list[str]:
    """What keeps the policy from being whole, one line each; nothing where it is."""
    named = {row.table: row for row in rows}
    wrong = [f"{name}: no such table" for name in named if name not in metadata.tables]
    for table in metadata.sorted_tables:
        row = named.get(table.name)
        wrong += [f"{table.name}: no line for this table"] if row is None else _wrong_with(row, table)
    return wrong


def _wrong_with(row: Row, table: Table) -> Iterator[str]:
    there = {column.name: column for column in table.columns}
    for name in there:
        if name not in row.columns:
            yield f"{row.table}.{name}: no line for this column"
    for name in row.columns:
        if name not in there:
            yield f"{row.table}.{name}: no such column"
        if row.columns.count(name) > 1:
            yield f"{row.table}.{name}: more than one line"
    for name in row.numbers.split():
        if name in there and not _is_number(there[name]):
            yield f"{row.table}.{name}: its type can hold a name, so it needs to be said what it is"


def _is_number(column: Column[object]) -> bool:
    kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return isinstance(kind, _TELLS_NOTHING)
