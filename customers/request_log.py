"""The request log of the API: one row for each request of a known caller, 7 days, no bodies.

Rows are written in batches behind the answer. Must never delay or fail a request, grow without bound, nor be
read past its 7 days.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.batching import Batcher
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.event_log import columns
from mailcore.models import RequestLog

log = structlog.get_logger("requests")

KEPT: Final = timedelta(days=7)
_MOST_WAITING: Final = 10_000
_LONGEST_PATH: Final = 500
_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# A secret of ours begins with "cp_", and no word of ours has a "_".
_OURS: Final = re.compile(rf"(v1|[a-z-]{{0,30}}|{_ID})", re.ASCII)
_INSERT: Final = """
insert into request_log
    (id, account_id, at, actor_kind, actor_id, method, path, status, duration_ms, request_id)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[],
    $7::text[], $8::int[], $9::int[], $10::text[])
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and what it came to. `path` without its query, `at` when it came, `duration_ms` of all."""

    id: UUID
    account_id: UUID
    at: datetime
    actor_kind: str
    actor_id: UUID
    method: str
    path: str
    status: int
    duration_ms: int
    request_id: str


class RequestRecorder:
    """Takes what was answered and writes it a little later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batcher: Batcher[Answered, None] = Batcher(self._write, largest=500, concurrency=1)
        self._waiting: set[asyncio.Task[None]] = set()

    def note(self, answered: Answered) -> None:
        """Returns at once. What exceeds the bound while the database hangs is lost."""
        if len(self._waiting) < _MOST_WAITING:
            task = asyncio.create_task(self._submit(answered))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _submit(self, answered: Answered) -> None:
        try:
            await self._batcher.submit(answered)
        except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError) as error:
            log.warning("request_not_logged", error=type(error).__name__)

    async def drain(self) -> None:
        """Returns when all that was noted is written, or lost."""
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def close(self, patience: float = 5.0) -> None:
        """`patience`: seconds for what still waits."""
        if self._waiting:
            _, late = await asyncio.wait(self._waiting, timeout=patience)
            for task in late:
                task.cancel()

    async def _write(self, batch: Sequence[Answered]) -> Sequence[None]:
        rows = [astuple(answered) for answered in batch]
        async with self._database.transaction() as tx:
            await tx.execute(_INSERT, *columns(rows))
        return [None] * len(batch)


def shown_path(path: str) -> str:
    """A path as it can be stored: the words of ours and ids. What else a caller wrote into it may be a secret
    or somebody's address, and becomes "*".
    """
    return "/".join(part if _OURS.fullmatch(part) else "*" for part in path[:_LONGEST_PATH].split("/"))


# --- reading: always by account, always younger than 7 days ---


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """None means any. `actor_id`: of a key, an app's grant or a person. `programs`: of keys and apps only."""

    status: int | None = None
    method: str | None = None
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    programs: bool = False


async def list_of(
    session: AsyncSession,
    now: datetime,
    account_id: UUID,
    wanted: RequestFilter,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[RequestLog]:
    """Newest first; `after` is the last id of the page before."""
    query = select(RequestLog).where(
        col(RequestLog.account_id) == account_id, col(RequestLog.at) > now - KEPT
    )
    if wanted.status:
        query = query.where(col(RequestLog.status) == wanted.status)
    if wanted.method:
        query = query.where(col(RequestLog.method) == wanted.method)
    if wanted.actor_id:
        query = query.where(col(RequestLog.actor_id) == wanted.actor_id)
    if wanted.programs:
        query = query.where(col(RequestLog.actor_kind).in_(("key", "app")))
    if wanted.since:
        query = query.where(col(RequestLog.at) >= wanted.since)
    if wanted.until:
        query = query.where(col(RequestLog.at) < wanted.until)
    if after:
        query = query.where(col(RequestLog.id) < after)
    return (await session.exec(query.order_by(col(RequestLog.id).desc()).limit(limit))).all()


async def expire(database: Database, now: datetime) -> None:
    """Upkeep: rows leave once they are 7 days old."""
    await database.delete_in_batches("request_log", "at <= $1", now - KEPT)
