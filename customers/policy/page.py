"""The whole policy as sections of paragraphs and tables: what docs/policy.md and the public page are made of.

Must never say of a table or a file what another module of this package does not say.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from customers.policy import elsewhere, mail, ourselves, people, words
from customers.policy.lines import Place, Row

MADE: Final = (
    "Made by `python -m customers.policy` from the tables themselves, and compared with them by `make "
    "check` and a test: a column without a line here fails both. The service shows the same at `/policy`."
)
_WIDTH: Final = 130
TITLE: Final = "What is kept, for how long, and who sees it"
ROWS: Final = (
    *mail.LOG, *mail.WAITING, *people.SETTINGS, *people.PEOPLE, *people.ASKING, *people.MONEY, *people.DONE,
    *ourselves.OURSELVES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts; `code` is set as code in all of them."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """`name` is its anchor."""

    name: str
    title: str
    parts: Sequence[str | Grid]


def sections() -> Sequence[Section]:
    return (
        Section("promise", "The promise", words.PROMISE),
        Section("content", "Content", (*words.CONTENT, _files("the spool", elsewhere.SPOOL))),
        Section("log", "The log: 7 days", (*map(columns, mail.LOG), *words.LOG, _levels())),
        Section("waiting", "While a message waits", (*words.WAITING, _of("mail that waits", mail.WAITING))),
        Section("settings", "What you enter", (*words.SETTINGS, _of("settings", people.SETTINGS))),
        Section("people", "People", (*words.PEOPLE, _of("people", people.PEOPLE))),
        Section("asking", "Keys and apps", (_of("callers", people.ASKING),)),
        Section("money", "Money and usage", (_of("money and usage", people.MONEY),)),
        Section("done", "What was done", (*words.DONE, _of("what was done", people.DONE))),
        Section("ourselves", "About us", (*words.OURSELVES, _of("the service", ourselves.OURSELVES))),
        Section("redis", "What Redis holds", (*words.REDIS, _places("Keys in Redis", elsewhere.REDIS))),
        Section("keys", "The key folder", (*words.KEYS, _files("the key folder", elsewhere.KEYS))),
        Section("logs", "Logs of processes", words.LOGS),
        Section("browsers", "In your browser", (_places("Cookies", elsewhere.COOKIES),)),
        Section("asked", "Whom we ask", words.ASKED),
        Section("seen", "Who sees it", words.SEEN),
        Section("others", "What others see", words.OTHERS),
    )


def columns(row: Row) -> Grid:
    """A table of the log, column by column."""
    told = [(f"`{name}`", meaning) for name, meaning in row.tells.items()]
    told += [(f"`{name}`, sealed", meaning) for name, meaning in row.sealed.items()]
    return Grid(f"`{row.table}`: {row.what}", ("Column, or sealed field", "What it is"), told)


def _levels() -> Grid:
    """What the owner of a domain may choose that the log keeps of its mail."""
    return Grid("How much a domain's owner has it keep", ("Level", "What is kept"), words.LEVELS)


def _of(what: str, rows: Iterable[Row]) -> Grid:
    heads = ("Table", "What of it names somebody, or may", "What else", "Until")
    told = [(f"`{row.table}`: {row.what}", _tells(row), _else(row), row.until) for row in rows]
    return Grid(f"Tables of {what}", heads, told)


def _files(what: str, of: Iterable[Place]) -> Grid:
    return _places(f"Files of {what}", of)


def _places(caption: str, of: Iterable[Place]) -> Grid:
    return Grid(caption, ("Name", "What it is", "Until"), [(f"`{p.name}`", p.what, p.until) for p in of])


def _tells(row: Row) -> str:
    return "; ".join(f"`{name}`: {meaning}" for name, meaning in row.tells.items()) or "nothing"


def _else(row: Row) -> str:
    return ", ".join(f"`{name}`" for name in (*row.words.split(), *row.numbers.split()))


def markdown(of: Sequence[Section]) -> str:
    """docs/policy.md."""
    head = textwrap.wrap(MADE, _WIDTH, break_on_hyphens=False)
    return "\n".join([f"# {TITLE}", "", *head, *(line for section in of for line in _markdown(section)), ""])


def _markdown(section: Section) -> Iterator[str]:
    yield from ("", f"## {section.title}")
    for part in section.parts:
        yield ""
        if isinstance(part, str):
            yield from textwrap.wrap(part, _WIDTH, break_long_words=False, break_on_hyphens=False)
            continue
        yield from (f"{part.caption}", "", _line(part.heads), _line("---" for _ in part.heads))
        yield from map(_line, part.rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
