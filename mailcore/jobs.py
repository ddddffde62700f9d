"""The alarm clock: wake-ups for a lane on a node, and for whoever shows pages, through Redis (arq).

Neither carries an id: they only say "look". Losing any or all of them costs at most one sweep. Must
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
# The channel on which all processes hear that log events or changes were committed.
LOOK = "clearpost:look"
_PATIENCE = 2.0
_BETWEEN_LOOKS = 0.05


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
    """`wake()` and `tell()` return at once; many calls in one moment become one job for each lane, and one
    message to whoever shows pages.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._pending: set[LaneOfNode] = set()
        self._ringing: asyncio.Task[None] | None = None
        self._untold = False
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, url: str) -> Self:
        return cls(redis_of(url))

    def wake(self, lanes: frozenset[LaneOfNode]) -> None:
        self._pending |= lanes
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring())

    def tell(self) -> None:
        """Open pages look within the next moment: at most 20 messages a second, however much is committed."""
        self._untold = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        if under_way := {task for task in (self._ringing, self._telling) if task}:
            await asyncio.wait(under_way)
        await self._redis.aclose(close_connection_pool=True)  # it was handed its pool, so it would leave it

    async def _ring(self) -> None:
        while self._pending:
            lane = self._pending.pop()
            try:
                await self._redis.enqueue_job(WAKE, _queue_name=queue_name(lane.node_id, lane.lane))
            except (RedisError, OSError, TimeoutError) as error:
                metrics.WAKEUPS_LOST.inc()
                log.warning("wakeup_lost", error=type(error).__name__)

    async def _tell(self) -> None:
        while self._untold:
            self._untold = False
            try:
                await self._redis.publish(LOOK, b"")
            except (RedisError, OSError, TimeoutError) as error:
                metrics.WAKEUPS_LOST.inc()
                log.warning("look_lost", error=type(error).__name__)
            await asyncio.sleep(_BETWEEN_LOOKS)
