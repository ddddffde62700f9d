"""Tenants in growing numbers, for the question what each message costs among so many.

Rows, and the keys of their logs, which upkeep makes ahead of mail. Must never meet a database that somebody
uses.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.lanes_world import ORDINARY, Kind, add
from mailcore.log_key_files import LogKeyFiles

_THREADS = 16  # each waits for the disk


@dataclass(frozen=True, slots=True)
class Point:
    """One step of growth: tenants that are added, and what there is in all then."""

    words: str
    kind: Kind


def _point(words: str, name: str, tenants: int, aliases: int) -> Point:
    return Point(words, Kind(name, "business", tenants, aliases, ORDINARY))


GROWTH = (
    _point("1,000 aliases, 2 tenants", "k", 2, 500),
    _point("10,000 aliases, 20 tenants", "tenk", 18, 500),
    _point("100,000 aliases, 200 tenants", "hundredk", 180, 500),
    _point("200,000 aliases, 100,200 tenants", "many", 100_000, 1),
    _point("1,200,000 aliases, 102,200 tenants", "million", 2_000, 500),
)


async def settle_first(url: str) -> None:
    """Nobody yet: each point brings its own."""


async def settle_more(url: str, key_dir: Path, point: Point) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await add(connection, point.kind)
        await connection.execute("analyze")
        accounts = [row["id"] for row in await connection.fetch("select id from account")]
    finally:
        await connection.close()
    await asyncio.to_thread(_make_keys, LogKeyFiles(key_dir), accounts)


def _make_keys(files: LogKeyFiles, accounts: Sequence[UUID]) -> None:
    there = set(files.accounts())
    lacking = [account for account in accounts if account not in there]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda account: files.make_accounts([account]), lacking))
