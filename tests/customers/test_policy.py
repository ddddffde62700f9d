"""The policy can't drift: a column without a line, a line without a column, an old page fail."""

from dataclasses import fields, replace

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects.postgresql import INET, JSONB

from api import browser_sessions, known_browsers, sign_in_flow, staff
from customers import policy
from customers.policy import __main__ as command
from customers.policy import elsewhere, mail, page, words
from customers.policy.lines import Row, wrong_with
from mailcore.database import Database
from mailcore.event_log import Event, LoggedMessage
from mailcore.mail_rules import LogLevel
from mailcore.models import LogEvent, LogMessage

# Tables of the database itself that belong to no model.
_OF_TOOLS = {"alembic_version"}
_COLUMNS = """
select c.relname as table, a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
and a.attnum > 0 and not a.attisdropped
"""


def test_every_column_of_every_table_has_its_line_and_no_line_lacks_its_column() -> None:
    assert wrong_with(page.ROWS) == []


async def test_the_tables_of_the_database_are_those_of_the_policy(database_url: str) -> None:
    database = await Database.open(database_url, size=1)
    try:
        rows = await database.fetch(_COLUMNS)
    finally:
        await database.close()
    there = {(row["table"], row["column"]) for row in rows if row["table"] not in _OF_TOOLS}
    assert there == {(row.table, column) for row in page.ROWS for column in row.columns}


def test_the_page_in_the_repository_is_what_the_tables_say() -> None:
    assert command.main(["--check"]) == "", "python -m customers.policy"


@pytest.mark.parametrize("column", [Column("ip", INET), Column("seen", String), Column("x", LargeBinary)])
def test_a_new_column_without_a_line_is_told(column: "Column[object]") -> None:
    tables = MetaData()
    Table("visit", tables, Column("id", Integer), column)
    row = Row("visit", "somebody came", "a day", numbers="id")
    assert wrong_with([row], tables) == [f"visit.{column.name}: no line for this column"]


@pytest.mark.parametrize("kind", [INET(), String(), LargeBinary(), JSONB()])
def test_what_can_hold_a_name_passes_for_no_number(kind: object) -> None:
    tables = MetaData()
    Table("visit", tables, Column("id", Integer), Column("ip", kind))  # type: ignore[arg-type]
    row = Row("visit", "somebody came", "a day", numbers="id ip")
    (wrong,) = wrong_with([row], tables)
    assert wrong.startswith("visit.ip: its type can hold a name")
    assert wrong_with([replace(row, numbers="id", tells={"ip": "whence"})], tables) == []


def test_a_new_table_and_a_line_for_what_is_gone_are_told() -> None:
    tables = MetaData()
    Table("visit", tables, Column("id", Integer))
    gone = Row("letter", "mail", "a second", numbers="id")
    assert wrong_with([gone], tables) == ["letter: no such table", "visit: no line for this table"]
    twice = Row("visit", "somebody came", "a day", words="id", numbers="id other")
    assert set(wrong_with([twice], tables)) == {"visit.id: more than one line", "visit.other: no such column"}


@pytest.mark.parametrize(
    ("row", "written"), [(mail.LOG[0], LoggedMessage), (mail.LOG[1], Event)], ids=["message", "event"]
)
def test_every_field_of_the_log_is_a_column_or_sealed(row: Row, written: type) -> None:
    """What writers of the log are handed; how long something took stands there in milliseconds."""
    names = {each.name for each in fields(written)} - {"duration"}
    in_clear = set(row.tells) - {"sealed"}
    assert names - in_clear == set(row.sealed)


def test_an_account_is_told_every_column_and_every_sealed_field() -> None:
    told = [(policy.of_each_message(), LogMessage), (policy.of_each_event(), LogEvent)]
    for (columns, table), row in zip(told, mail.LOG, strict=True):
        in_clear = [name for name in table.model_fields if name != "sealed"]
        assert [each.name for each in columns] == [*in_clear, *row.sealed]
        assert [each.meaning.startswith("sealed: ") for each in columns] == [
            each.name in row.sealed for each in columns
        ]


def test_every_log_level_is_explained() -> None:
    levels = {str(level).strip("`") for level, _ in words.LEVELS}
    assert levels == {level.value for level in LogLevel}


def test_every_cookie_of_ours_is_named() -> None:
    ours = {browser_sessions.NAME, known_browsers._COOKIE, sign_in_flow._COOKIE, staff.COOKIE}
    assert {place.name for place in elsewhere.COOKIES} == ours
