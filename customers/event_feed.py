"""Live events for all who listen in this process: one reader, one query for all of their accounts.

The database is the truth, looked at once a second; Redis only says "look now". Must never cost the more the
more streams there are, skip a row, show one twice, or reach anybody but the account it belongs to.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from redis.exceptions import RedisError

from customers import news, standing
from customers.callers import Caller
from customers.news import News, Position
from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Database
from mailcore.errors import TooMany
from mailcore.jobs import LOOK, redis_of
from mailcore.log_keys import LogKeys
from mailcore.logs import where
from mailcore.settings import Settings

log = structlog.get_logger("event_feed")

MOST_RESUMED: Final = 5_000
_POLL = 1.0
_BETWEEN_READS = 0.05
_STANDING_INTERVAL = 3.0
_AT_ONCE = 500
_BEHIND = 2_000
_RETRY_AFTER = 10
_HEARING = 30.0
_AWAY = (*CONNECTION_LOST, asyncpg.PostgresError)


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream. All after `joined` and up to `seen` is in `queue`, or was; None in it is the end."""

    caller: Caller
    kinds: frozenset[str]
    joined: Position
    seen: Position
    queue: "asyncio.Queue[News | None]" = field(default_factory=asyncio.Queue)
    has_ended: bool = False

    def hear(self, found: News) -> None:
        if found.position <= self.seen or self.has_ended:
            return
        self.seen = found.position
        if self.may_hear(found):
            self.queue.put_nowait(found)
        if self.queue.qsize() > _BEHIND:
            self.end()  # it reads too slowly: it comes again with its cursor

    def may_hear(self, found: News) -> bool:
        """Of these kinds, and of its domains where a key is limited to some."""
        among = self.caller.domain_ids
        return found.kind in self.kinds and (among is None or found.domain_id in among)

    def end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self.queue.put_nowait(None)


class EventFeed:
    """`listening()` opens a stream; the reader runs while there is any."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        log_keys: LogKeys,
        *,
        poll: float = _POLL,
        standing_interval: float = _STANDING_INTERVAL,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._log_keys = log_keys
        self._poll = poll  # seconds, both
        self._standing_interval = standing_interval
        self._position = Position(0)
        self._listeners: defaultdict[UUID, set[Listener]] = defaultdict(set)
        self._count = 0
        self._look = asyncio.Event()
        self._turn = asyncio.Lock()  # nobody joins while a read is under way: it would miss that one's rows
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False

    @property
    def position(self) -> Position:
        """All up to here has been told to whoever listens."""
        return self._position

    @asynccontextmanager
    async def listening(self, caller: Caller, kinds: frozenset[str]) -> AsyncIterator[Listener]:
        """Hears all that is new from its `seen` on. Raises TooMany."""
        async with self._turn:
            self._check_room(caller.account_id)
            if not self._count:
                async with self._database.transaction() as tx:
                    self._position = max(self._position, Position(await news.horizon(tx)))
            listener = Listener(caller, kinds, self._position, self._position)
            self._add(listener)
        try:
            yield listener
        finally:
            self._remove(listener)

    def _add(self, listener: Listener) -> None:
        self._listeners[listener.caller.account_id].add(listener)
        self._count += 1
        if self._is_over:  # since there was room for it
            listener.end()
        if not self._tasks:
            self._start()

    def _remove(self, listener: Listener) -> None:
        account_id = listener.caller.account_id
        self._listeners[account_id].discard(listener)
        if not self._listeners[account_id]:
            del self._listeners[account_id]
        self._count -= 1

    def _all(self) -> list[Listener]:
        return [listener for each in self._listeners.values() for listener in each]

    def _check_room(self, account_id: UUID) -> None:
        own = len(self._listeners.get(account_id, ()))
        if self._is_over or self._count >= self._settings.event_streams:
            raise TooMany("There are too many open streams.", retry_after=_RETRY_AFTER)
        if own >= self._settings.event_streams_per_account:
            raise TooMany(
                f"This account has {own} open streams: share one among its pages.", retry_after=_RETRY_AFTER
            )

    async def missed(self, listener: Listener, after: Position) -> list[News] | None:
        """What came after a cursor and before `listener` joined; None where that can't be told any more."""
        joined = listener.joined
        found: list[News] = []
        while after < joined and len(found) <= MOST_RESUMED:
            async with self._database.transaction(tenant=listener.caller.tenant) as tx:
                part = await news.read(
                    tx,
                    self._log_keys,
                    [listener.caller.account_id],
                    after,
                    joined.xid + 1,
                    self._since(),
                    _AT_ONCE,
                )
            found += [each for each in part.news if each.position <= joined and listener.may_hear(each)]
            after = part.until
        return found if len(found) <= MOST_RESUMED else None

    async def is_known(self, cursor: Position, given_at: datetime) -> bool:
        """Whether what came after a cursor is still here: it is not too old, nor of another database."""
        if self._clock.now() - given_at > news.RESUMED_WITHIN:
            return False
        async with self._database.transaction() as tx:
            return cursor.xid <= await news.horizon(tx)

    def end(self) -> None:
        """This process stops: every stream ends, none begins."""
        self._is_over = True
        for listener in self._all():
            listener.end()

    async def close(self) -> None:
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what runs from the first listener on; without any it asks nothing ---

    def _start(self) -> None:
        works = [self._read_forever(), self._check_forever()]
        if url := self._settings.redis_url.get_secret_value():
            works.append(self._hear_forever(url))
        self._tasks = [asyncio.create_task(work) for work in works]

    async def _read_forever(self) -> None:
        while True:
            try:
                has_more = await self._read()
            except _AWAY as error:
                log.warning("events_wait_for_database", error=type(error).__name__)
                has_more = False
            except Exception as error:  # noqa: BLE001  or all streams would be silent from now on
                log.error("events_not_read", error=type(error).__name__, where=where(error))
                has_more = False
            await asyncio.sleep(_BETWEEN_READS)
            if not has_more:
                await self._wait()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll):
                await self._look.wait()
        self._look.clear()

    async def _read(self) -> bool:
        """Tells what is new; whether there is more at once."""
        if not self._listeners:
            return False
        async with self._turn, self._database.transaction() as tx:
            below = await news.horizon(tx)
            if Position(below) <= self._position:
                return False
            found = await news.read(
                tx, self._log_keys, self._listeners, self._position, below, self._since(), _AT_ONCE
            )
            for each in found.news:
                for listener in self._listeners.get(each.account_id, ()):
                    listener.hear(each)
            self._position = max(self._position, found.until)
            return found.has_more

    def _since(self) -> datetime:
        return self._clock.now() - self._settings.log_retention

    async def _check_forever(self) -> None:
        """Whoever lost the right to ask hears no more within seconds."""
        while True:
            await asyncio.sleep(self._standing_interval)
            callers = {listener.caller for listener in self._all()}
            if not callers:
                continue
            try:
                rightful = await standing.of_these(self._database, self._clock.now(), callers)
            except _AWAY:
                continue  # nor is there anything to hear while the database is away
            except Exception as error:  # noqa: BLE001  or nobody would be sent away from now on
                log.error("standing_not_asked", error=type(error).__name__, where=where(error))
                continue
            for listener in self._all():
                if listener.caller in callers - rightful:
                    listener.end()

    async def _hear_forever(self, url: str) -> None:
        """Sets `_look` whenever somebody has committed something, as long as Redis is there."""
        redis = redis_of(url)
        try:
            while True:
                with suppress(RedisError, OSError, TimeoutError):
                    async with redis.pubsub() as channel:
                        await channel.subscribe(LOOK)
                        while True:
                            if await channel.get_message(ignore_subscribe_messages=True, timeout=_HEARING):
                                self._look.set()
                await asyncio.sleep(self._poll)
        finally:
            await redis.aclose(close_connection_pool=True)
