"""Pacing by destination provider: one bad destination must never hold back the others.

A provider is the registrable domain of the MX host (`google.com` for most of the world's mail). Each has
a limit of attempts at once that grows with success, doubling in each round until it has met trouble and by
one in each round from then on (slow start and congestion avoidance, RFC 5681), halves with trouble, and a
pause after trouble that goes on. Pauses are shared between processes through the database. Must never count
against a customer's delivery: what is put off here is not an attempt.
"""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address
from uuid import UUID

from publicsuffixlist import PublicSuffixList

from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.deferrals import Deferrals
from mailcore.next_hops import NextHop
from mailcore.outcome import Outcome
from mailcore.settings import Settings
from mailcore.slow_providers import SlowProviders

# What we ended ourselves says nothing of a provider.
OURS = frozenset({"aborted", "put-off"})
_TROUBLE = frozenset({"connect", "no-reply"})
_SERVICE_CLOSING = 421
_TURNS_AHEAD = 2
_LONGEST_PAUSE = timedelta(minutes=10)
_SUFFIXES = PublicSuffixList()


@dataclass(slots=True)
class _State:
    """One provider as this process sees it. `limit` counts attempts at once, `troubles` those in a row;
    `careful_from`: the limit from which on it grows slowly, once there was trouble.
    """

    limit: float
    careful_from: float = math.inf
    in_flight: int = 0
    troubles: int = 0
    paused_until: float = 0.0
    waiting: "deque[asyncio.Future[bool]]" = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Pause:
    """News for the other processes."""

    provider: str
    seconds: float


class Providers:
    """One for each process. `enter` before an attempt, `leave` after it. `places`: attempts the process makes
    at once, a worker's where nothing is said.
    """

    def __init__(self, settings: Settings, clock: Clock, *, places: int | None = None) -> None:
        self._start = settings.provider_start
        self._most = settings.provider_limit
        self._patience = settings.provider_troubles
        self._first_pause = settings.provider_first_pause
        self._wait = settings.provider_wait.total_seconds()
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._news: list[Pause] = []
        self._deferrals = Deferrals(clock)
        self.slow = SlowProviders(settings.worker_deliveries if places is None else places, clock)

    async def enter(self, provider: str) -> bool:
        """A place for one attempt, first come, first served; False when it is paused or too busy."""
        state = self._states.setdefault(provider, _State(self._start))
        if self._is_paused(state):
            return False
        if state.in_flight < int(state.limit):
            state.in_flight += 1
            return True
        if len(state.waiting) >= _TURNS_AHEAD * int(state.limit):
            return False  # whoever waits holds a place of this process that other destinations need
        return await self._queue_up(state)

    async def _queue_up(self, state: _State) -> bool:
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        state.waiting.append(place)
        try:
            async with asyncio.timeout(self._wait):
                return await place
        except TimeoutError:
            # Handed over in the very moment the wait ended: it is ours, or nobody would ever free it.
            return place.done() and not place.cancelled() and place.result()
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self._free(state)  # it was ours already
            raise

    def leave(self, provider: str, outcome: Outcome | None) -> None:
        """What came of the attempt; None when it was broken off by us, which says nothing."""
        state = self._states[provider]
        if outcome is not None and outcome.reason not in OURS:
            self._judge(provider, state, outcome)
        self._free(state)

    def note(self, account_id: UUID, message_id: UUID, outcome: Outcome) -> None:
        """Whose attempt it was: a provider that puts off everybody is an alert."""
        self._deferrals.note(outcome.provider, account_id, message_id, outcome)

    def _judge(self, provider: str, state: _State, outcome: Outcome) -> None:
        if outcome.reason in _TROUBLE or outcome.code == _SERVICE_CLOSING:
            self._note_trouble(provider, state)
            return
        state.troubles = 0
        if outcome.kind == "delivered":
            step = 1 if state.limit < state.careful_from else 1 / state.limit
            state.limit = min(self._most, state.limit + step)

    def _free(self, state: _State) -> None:
        """Hands the place on; while paused, those who wait are sent away."""
        state.in_flight -= 1
        paused = self._is_paused(state)
        while state.waiting and (paused or state.in_flight < int(state.limit)):
            place = state.waiting.popleft()
            if not place.done():
                state.in_flight += 0 if paused else 1
                place.set_result(not paused)

    def _is_paused(self, state: _State) -> bool:
        return self._clock.monotonic() < state.paused_until

    def seconds_paused(self, provider: str) -> float:
        """How long it is best left alone; 0 when it is only busy."""
        state = self._states.get(provider)
        return max(0.0, state.paused_until - self._clock.monotonic()) if state else 0.0

    def unavailable(self) -> list[str]:
        """Providers that a claim should pass over just now."""
        busy = {
            name
            for name, state in self._states.items()
            if state.in_flight >= int(state.limit) or self._is_paused(state)
        }
        return [*busy.union(self.slow.unavailable())]

    async def exchange(self, database: Database) -> None:
        """Tells the others of new pauses and alerts, and learns theirs. Failing is harmless: pacing is then
        our own.
        """
        news = tuple(self._news)
        async with database.transaction() as tx:
            for pause in news:
                await tx.execute(_PUBLISH, pause.provider, timedelta(seconds=pause.seconds))
            await tx.execute("delete from provider_pause where until < now() - interval '1 hour'")
            rows = await tx.fetch(
                "select provider, extract(epoch from until - now())::float8 as seconds from provider_pause "
                "where until > now()"
            )
        del self._news[: len(news)]  # and not before: what could not be told is told next time
        self._learn([Pause(row["provider"], row["seconds"]) for row in rows])
        await self._deferrals.exchange(database)

    def _learn(self, pauses: Sequence[Pause]) -> None:
        now = self._clock.monotonic()
        for pause in pauses:
            state = self._states.setdefault(pause.provider, _State(self._start))
            if now + pause.seconds > state.paused_until:
                state.paused_until = now + pause.seconds
                state.limit = 1
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Nobody is remembered for ever: a provider at rest starts slowly again."""
        idle = [
            name
            for name, state in self._states.items()
            if not state.in_flight and now >= state.paused_until and len(self._states) > _MOST_REMEMBERED
        ]
        for name in idle:
            del self._states[name]

    def _note_trouble(self, provider: str, state: _State) -> None:
        """Attempts that were under way when the pause began tell nothing new: they must not lengthen it."""
        if self._is_paused(state):
            return
        state.troubles += 1
        state.limit = state.careful_from = max(1.0, state.limit / 2)
        beyond = state.troubles - self._patience
        if beyond >= 0:
            seconds = min(self._first_pause * 2 ** min(beyond, 10), _LONGEST_PAUSE).total_seconds()
            state.paused_until = self._clock.monotonic() + seconds
            self._news.append(Pause(provider, seconds))


_MOST_REMEMBERED = 10_000
_PUBLISH = """
insert into provider_pause (provider, until) values ($1, now() + $2::interval)
on conflict (provider) do update set until = greatest(provider_pause.until, excluded.until)
"""


def provider_of(hop: NextHop) -> str:
    """The registrable domain of a mail host; for a route to an address, that address and port."""
    return _provider_at(hop.host, hop.port)


@lru_cache(_MOST_REMEMBERED)
def _provider_at(name: str, port: int) -> str:
    host = name.rstrip(".").lower()
    if _is_address(host):
        return f"{host}:{port}"
    return _SUFFIXES.privatesuffix(host) or host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
