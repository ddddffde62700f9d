"""What one message costs: CPU by process, write-ahead log, questions to Redis, bytes written to disk.

Counted, not timed, so that a busy machine changes little of it. Must never count what the load itself costs.
"""

from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from bench.lanes_children import flood
from bench.lanes_flood import Stream
from bench.lanes_stack import LaneStack
from bench.scaling_world import Point

_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class Cost:
    """For each message, and how many a second were taken while it was counted."""

    words: str
    messages: int
    rate: float
    mx_ms: float
    other_ms: float
    postgres_ms: float
    wal_bytes: float
    commits: float
    redis: float
    written_bytes: float
    log_bytes: float


@dataclass(frozen=True, slots=True)
class _Meters:
    """What has been used so far."""

    mx: float
    other: float
    postgres: float
    wal: int
    commits: int
    redis: int
    written: int
    log: int


_ASK = """
select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal,
       (select xact_commit from pg_stat_database where datname = current_database()) as commits,
       (select coalesce(sum(pg_total_relation_size(c.oid)), 0) from pg_class c
        where c.relname ~ '^log_(message|event)' and c.relkind = 'r') as log
"""


async def cost_of(service: LaneStack, point: Point, seconds: float, words: str = "", ports: int = 1) -> Cost:
    """Sends to the tenants of this point as fast as they are taken; to both nodes where there are two."""
    kind = point.kind
    targets = [service.fast_port, service.standard_port][:ports]
    streams = [
        Stream(kind.name, port, kind.tenants, kind.aliases, _SESSIONS // ports, seconds) for port in targets
    ]
    before = await _read(service)
    taken = sum(count.taken for count in await flood(streams))
    after = await _read(service)
    return _per_message(words or point.words, taken, seconds, before, after)


def _per_message(words: str, taken: int, seconds: float, before: _Meters, after: _Meters) -> Cost:
    n = max(1, taken)
    return Cost(
        words=words,
        messages=taken,
        rate=taken / seconds,
        mx_ms=(after.mx - before.mx) * 1000 / n,
        other_ms=(after.other - before.other) * 1000 / n,
        postgres_ms=(after.postgres - before.postgres) * 1000 / n,
        wal_bytes=(after.wal - before.wal) / n,
        commits=(after.commits - before.commits) / n,
        redis=(after.redis - before.redis) / n,
        written_bytes=(after.written - before.written) / n,
        log_bytes=(after.log - before.log) / n,
    )


async def _read(service: LaneStack) -> _Meters:
    used = service.used()
    mx = sum(each.ran for name, each in used.items() if name.startswith("mx"))
    other = sum(each.ran for name, each in used.items() if not name.startswith(("mx", "postgres")))
    written = sum(_written(process.pid) for title, process in service.processes.items() if "mx" in title)
    connection = await asyncpg.connect(service.url)
    try:
        row = await connection.fetchrow(_ASK)
    finally:
        await connection.close()
    async with Redis.from_url(service.redis_url) as redis:
        asked = int((await redis.info("stats"))["total_commands_processed"])
    return _Meters(
        mx, other, used["postgres"].ran, int(row["wal"]), int(row["commits"]), asked, written, int(row["log"])
    )


def _written(pid: int) -> int:
    """Bytes handed to the disk (/proc/PID/io, write_bytes)."""
    lines = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(lines["write_bytes"])
