"""Aliases as a CSV table (RFC 4180): ours, and what other forwarders export.

Must never write a cell that a spreadsheet takes for a formula, nor guess what a column means: one that is not
known is named and left alone. Pure: neither database nor network.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailcore.errors import Invalid

COLUMNS: Final = ("address", "destinations", "note", "enabled")
MOST_LINES: Final = 5000
# What a column is called by us, SimpleLogin, addy.io, ImprovMX, Forward Email and in plain lists.
_KNOWN: Final[Mapping[str, Sequence[str]]] = {
    "address": ("address", "alias", "email", "alias_email", "from", "source"),
    "local_part": ("local_part", "name", "username"),
    "domain": ("domain", "domain_name"),
    "destinations": (
        "destinations", "destination", "mailboxes", "mailbox", "recipients", "recipient", "forward",
        "forward_to", "forwards_to", "to", "target", "goto",
    ),
    "note": ("note", "notes", "description", "comment", "label"),
    "enabled": ("enabled", "active", "is_enabled", "is_active"),
}  # fmt: skip
_TRUE: Final = frozenset({"true", "yes", "1", "on", "active", "enabled", "t", "y"})
_FALSE: Final = frozenset({"false", "no", "0", "off", "inactive", "disabled", "f", "n"})
_SEPARATORS: Final = ",;\t"
# OWASP "CSV Injection": what makes a cell a formula in one program or another. The quote that guards it is
# taken off again where aliases are brought in.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_GUARDED: Final = re.compile("'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Line:
    """One alias of a table; `number` is the line of the text in which it begins. None: not said here.

    `domain` is empty where the table holds local parts alone.
    """

    number: int
    local_part: str
    domain: str
    destinations: Sequence[str] | None
    note: str | None
    enabled: bool | None


@dataclass(frozen=True, slots=True)
class BadLine:
    number: int
    detail: str


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: which of theirs was taken for which of ours; `ignored`: the others."""

    lines: Sequence[Line | BadLine]
    columns: Mapping[str, str]
    ignored: Sequence[str]


def write(rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, each cell safe to open in a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def read(content: bytes) -> Table:
    """Raises Invalid for what is no table, or one that names neither an address nor what stands before it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The file is not UTF-8: save it as CSV UTF-8.", code="csv_invalid") from None
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    records = _records(text, separator)
    try:
        _, header = next(records, (1, []))
        columns = _columns(header)
        names = list(columns.values())
        ignored = [cell.strip()[:100] for at, cell in enumerate(header) if at not in columns and cell.strip()]
        if "address" not in names and "local_part" not in names:
            detail = f"The first line names no column for the address, such as `address`: {_shown(header)}"
            raise Invalid(detail, code="csv_invalid")
        lines = [_line(number, cells, columns, len(header)) for number, cells in records]
    except csv.Error as error:
        raise Invalid(f"This is no CSV: {error}.", code="csv_invalid") from None
    theirs = {ours: header[at].strip()[:100] for at, ours in columns.items()}
    return Table(lines, theirs, ignored)


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each with the line in which it begins, as a cell may hold line ends. Raises Invalid for too many."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins, count = 1, 0
    for cells in reader:
        if any(cell.strip() for cell in cells):
            count += 1
            if count > MOST_LINES + 1:
                raise Invalid(f"More than {MOST_LINES} lines: bring them in parts.", code="csv_invalid")
            yield begins, cells
        begins = reader.line_num + 1


def _columns(header: Sequence[str]) -> dict[int, str]:
    """Position to our name. Of several columns for one thing the name that we know best counts."""
    plain = [re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_") for cell in header]
    found = {}
    for ours, theirs in _KNOWN.items():
        at = next((plain.index(name) for name in theirs if name in plain), None)
        if at is not None:
            found[at] = ours
    return found


def _line(number: int, cells: Sequence[str], columns: Mapping[int, str], width: int) -> Line | BadLine:
    if len(cells) > width:
        return BadLine(number, "There are more cells than columns.")
    cell = {ours: _plain(cells[at]) for at, ours in columns.items() if at < len(cells)}
    address = cell.get("address") or cell.get("local_part", "")
    local_part, at, domain = address.rpartition("@")
    if not at:
        local_part, domain = address, cell.get("domain", "")
    if not local_part:
        return BadLine(number, "The address is missing, or what stands before its @.")
    enabled = cell.get("enabled", "").lower()
    if enabled and enabled not in _TRUE | _FALSE:
        return BadLine(number, "`enabled` is neither true nor false.")
    to = re.split(r"[\s,;|]+", cell["destinations"].strip()) if cell.get("destinations", "").strip() else None
    return Line(
        number, local_part, domain.lower(), to, cell.get("note"), enabled in _TRUE if enabled else None
    )


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _plain(cell: str) -> str:
    return cell.removeprefix("'") if _GUARDED.match(cell) else cell.strip()


def _shown(header: Sequence[str]) -> str:
    return ", ".join(cell.strip()[:40] for cell in header[:20]) or "it is empty"
