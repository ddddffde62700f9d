"""The alarm clock: wake-ups for a lane on a node, through Redis (arq).

A job carries no ids: it only says "look". Losing any or all of them costs at most one sweep. Must
never hold anything that exists nowhere else, never delay mail, and never be pickled.
"""

import asyncio
import json
from typing import Any, Self
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from mailcore import metrics
from mailcore.database import LaneOfNode
from mailcore.plans import Lane

log = structlog.get_logger("jobs")

WAKE = "wake"
_PATIENCE = 2.0


def queue_name(node_id: UUID, lane: Lane) -> str:
    """The arq queue of one lane on one node."""
    return f"clearpost:{node_id}:{lane}"


def to_bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def from_bytes(value: bytes) -> dict[str, Any]:
    return json.loads(value)  # type: ignore[no-any-return]


def redis_of(url: str) -> ArqRedis:
    """A client that connects when first used, and gives up quickly."""
    pool = ConnectionPool.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    return ArqRedis(pool, job_serializer=to_bytes, job_deserializer=from_bytes)


class Alarm:
    """`wake()` returns at once; many calls in one moment become one job for each lane."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._pending: set[LaneOfNode] = set()
        self._ringing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        return cls(redis_of(url))

    def wake(self, lanes: frozenset[LaneOfNode]) -> None:
        self._pending |= lanes
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    async def close(self) -> None:
        if self._ringing:
            await asyncio.wait({self._ringing})
        await self._redis.aclose(close_connection_pool=True)  # it was handed its pool, so it would leave it

    async def _ring(self) -> None:
        while self._pending:
            lane = self._pending.pop()
            try:
                await self._redis.enqueue_job(WAKE, _queue_name=queue_name(lane.node_id, lane.lane))
            except (RedisError, OSError, TimeoutError) as error:
                metrics.WAKEUPS_LOST.inc()
                log.warning("wakeup_lost", error=type(error).__name__)
