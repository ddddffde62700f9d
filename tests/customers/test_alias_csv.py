"""CSV of aliases: ours in and out, other forwarders' in, and nothing that a spreadsheet runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers import alias_csv
from customers.alias_csv import COLUMNS, MOST_LINES, BadLine, Line
from mailcore.errors import Invalid

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)


def read(text: str) -> list[Line | BadLine]:
    return list(alias_csv.read(text.encode()).lines)


def test_what_was_written_is_read_again() -> None:
    rows = [
        ("hello@example.org", "you@inbox.test other@inbox.test", 'A "quoted", note', "true"),
        ("*@example.org", "you@inbox.test", "two\nlines", "false"),
    ]
    text = alias_csv.write([COLUMNS, *rows])
    assert text.endswith("\r\n")
    assert read(text) == [
        Line(2, "hello", "example.org", ["you@inbox.test", "other@inbox.test"], 'A "quoted", note', True),
        Line(3, "*", "example.org", ["you@inbox.test"], "two\nlines", False),
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1", "\uff1d1"])
def test_no_cell_is_a_formula_and_each_comes_back(cell: str) -> None:
    text = alias_csv.write([COLUMNS, ("a@example.org", "you@inbox.test", cell, "true")])
    shown = list(csv.reader(io.StringIO(text, newline="")))[1][2]
    assert shown == f"'{cell}"
    (line,) = read(text)
    assert isinstance(line, Line)
    assert line.note == cell


@given(note=TEXT, local_part=TEXT.filter(lambda text: bool(text) and "@" not in text))
def test_any_note_and_local_part_come_back(note: str, local_part: str) -> None:
    text = alias_csv.write([COLUMNS, (f"{local_part}@example.org", "you@inbox.test", note, "true")])
    (line,) = read(text)
    assert line == Line(2, local_part, "example.org", ["you@inbox.test"], note, True)


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("alias,note,enabled,mailboxes\na@example.org,n,True,x@inbox.test y@inbox.test\n", []),
        (
            "id,local_part,extension,domain,email,active,description,emails_forwarded,recipients\n"
            '1,a,,example.org,a@example.org,1,n,7,"x@inbox.test,y@inbox.test"\n',
            ["id", "extension", "emails_forwarded"],
        ),
        (
            "\ufeffName;Domain;Forward To;Notes;Active\r\na;example.org;x@inbox.test, y@inbox.test;n;yes\r\n",
            [],
        ),
        ("\r\nAddress\tDestinations\tNote\tEnabled\nA@Example.ORG\tx@inbox.test|y@inbox.test\tn\ton\n", []),
    ],
    ids=["simplelogin", "addy", "excel", "tabs"],
)
def test_tables_of_others_are_understood_and_what_is_not_is_named(text: str, ignored: list[str]) -> None:
    table = alias_csv.read(text.encode())
    (line,) = table.lines
    assert isinstance(line, Line)
    assert (line.local_part.lower(), line.domain) == ("a", "example.org")
    assert line.destinations == ["x@inbox.test", "y@inbox.test"]
    assert (line.note, line.enabled) == ("n", True)
    assert list(table.ignored) == ignored


def test_lines_are_numbered_as_an_editor_does() -> None:
    told = read('address,note\n\na@example.org,"two\nlines"\nb@example.org,\n')
    assert [line.number for line in told] == [3, 5]


@pytest.mark.parametrize(
    "row", [",x", "@example.org,x", "a@example.org,x,more", "a@example.org,maybe"], ids=str
)
def test_a_line_that_cannot_be_read_stands_alone(row: str) -> None:
    told = read(f"address,enabled\n{row}\nb@example.org,false\n")
    assert isinstance(told[0], BadLine)
    assert told[1] == Line(3, "b", "example.org", None, None, False)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\xff\xfe", b"note,enabled\na,b\n", b'address\n"open', b"address\n" + b"a" * 200_000],
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        alias_csv.read(content)
    assert caught.value.code == "csv_invalid"


def test_more_lines_than_fit_are_refused() -> None:
    lines = "a@example.org\n" * MOST_LINES
    assert len(read(f"address\n{lines}")) == MOST_LINES
    with pytest.raises(Invalid):
        read(f"address\n{lines}b@example.org\n")
