"""Which table a place in PostgreSQL's files belongs to: heap, indexes, TOAST, and records of the WAL.

Must never guess: what belongs to no table that is known is nobody's.
"""

import re
import subprocess
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from clearpost.embedded.postgres import EmbeddedPostgres, _runner_for
from tests.support.byte_search import Hit

_FILES: Final = """
with recursive part as (
    select c.oid, coalesce(i.indrelid, t.oid, c.oid) as owner from pg_class c
    left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.reltoastrelid = c.oid
)
select pg_relation_filepath(p.oid) as path, pg_relation_filenode(p.oid)::text as node,
    (select relname from pg_class where oid = coalesce(
        (select inhparent from pg_inherits where inhrelid = p.owner), p.owner)) as name
from part p where pg_relation_filepath(p.oid) is not null
"""
_RECORD: Final = re.compile(r"lsn: ([0-9A-F]+)/([0-9A-F]+)")
_NODE: Final = re.compile(r"rel \d+/\d+/(\d+)")
_SEGMENT: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the WAL: where it begins, and whose pages it changes."""

    lsn: int
    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Relations:
    """By file (below the data folder) and by number; and the records that the WAL holds, in order."""

    data: Path
    by_path: Mapping[str, str]
    records: Sequence[Record]

    def tables_of(self, hit: Hit) -> frozenset[str]:
        """Whose the place is; nobody's where it can't be told."""
        if not hit.path.is_relative_to(self.data):
            return frozenset()
        if hit.path.parent.name == "pg_wal":
            return self._in_wal(hit)
        path = re.sub(r"(_[a-z]+)?(\.\d+)?$", "", hit.path.relative_to(self.data).as_posix())
        return frozenset({self.by_path[path]}) if path in self.by_path else frozenset()

    def _in_wal(self, hit: Hit) -> frozenset[str]:
        if not re.fullmatch(r"[0-9A-F]{24}", hit.path.name):
            return frozenset()
        number = int(hit.path.name[8:16], 16) * 256 + int(hit.path.name[16:], 16)
        place = bisect_right(self.records, number * _SEGMENT + hit.at, key=lambda record: record.lsn)
        return self.records[place - 1].tables if place else frozenset()


async def relations_of(server: EmbeddedPostgres, url: str) -> Relations:
    """As they are now; the WAL up to where it is written."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_FILES)
    finally:
        await connection.close()
    data = (server.home / "data").resolve()
    by_node = {row["node"]: row["name"] for row in rows}
    return Relations(data, {row["path"]: row["name"] for row in rows}, _records(server, data, by_node))


def _records(server: EmbeddedPostgres, data: Path, by_node: Mapping[str, str]) -> list[Record]:
    segments = sorted(path.name for path in (data / "pg_wal").iterdir() if len(path.name) == 24)
    program = _runner_for(server.home).programs / "pg_waldump"
    # It ends with a complaint where the log does.
    said = subprocess.run(
        [str(program), "-p", str(data / "pg_wal"), segments[0], segments[-1]],
        capture_output=True, text=True, check=False, env={"LC_ALL": "C"},
    )  # fmt: skip
    found = []
    for line in said.stdout.splitlines():
        if lsn := _RECORD.search(line):
            tables = frozenset(by_node.get(node, f"file {node}") for node in _NODE.findall(line))
            found.append(Record((int(lsn[1], 16) << 32) + int(lsn[2], 16), tables))
    return found
