"""How often somebody may do something, counted in Redis for all processes, under keyed hashes; and since when
somebody has been seen.

A token bucket kept as one number (GCRA). Must never stop anybody because Redis is away (fail open), nor let
an address, an IP or a key be read from Redis.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from redis.exceptions import RedisError

from mailcore.batching import Batcher
from mailcore.errors import TooMany
from mailcore.jobs import redis_of
from mailcore.kept_script import KeptScript
from mailcore.keyring import Keyring
from mailcore.values import value

KEY_NAME: Final = "rates"
# Seconds until an answer that decides about nothing but a refusal.
_PATIENCE: Final = 2.0
# KEYS: moments (ms, Redis' own clock) at which each bucket is full again. ARGV: for each, ms between two,
# burst, and 1 where it is the last of its question. Of a question all are taken, or none. Answers for each:
# whether there was one (1 or 0), how many are left, ms until one more may be taken, ms until all may.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local answers, found, first, all = {}, {}, 1, true
for i, key in ipairs(KEYS) do
  local every, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local full_at = math.max(tonumber(redis.call('GET', key) or now) or now, now)
  local room = burst * every - (full_at - now)
  all = all and room >= every
  found[i] = {full_at, room, every}
  if ARGV[3 * i] == '1' then
    for j = first, i do
      local full_at, room, every = unpack(found[j])
      if room < every then
        answers[j] = {0, 0, math.ceil(every - room), math.ceil(full_at - now)}
      else
        if all then
          full_at, room = full_at + every, room - every
          redis.call('SET', KEYS[j], full_at, 'PX', math.ceil(full_at - now) + 1000)
        end
        answers[j] = {1, math.floor(room / every), 0, math.ceil(full_at - now)}
      end
    end
    first, all = i + 1, true
  end
end
return answers
"""
# KEYS[1]: when somebody was seen first (ms), kept while they are seen again within ARGV[1] ms. Answers: ms
# since.
_SINCE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local first = tonumber(redis.call('GET', KEYS[1]) or now)
redis.call('SET', KEYS[1], first, 'PX', ARGV[1])
return now - first
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `per`, evenly refilled; all of them may come at once."""

    count: int
    per: timedelta


@value
class Taken:
    """Seconds are rounded up: after `retry_after` one more may be taken, after `reset` all."""

    allowed: bool
    remaining: int
    retry_after: int = 0
    reset: int = 0


@value
class Wish:
    """One of `rate` for `who` (an IP, an id, an address) in what is counted as `kind`."""

    kind: str
    who: str
    rate: Rate


class Rates:
    """Counts of all kinds. `redis` None counts nothing."""

    def __init__(self, redis: Any, keyring: Keyring) -> None:
        self._redis = redis
        self._key = keyring.key(KEY_NAME)
        self._take = None if redis is None else KeptScript(redis.connection_pool, _TAKE, _PATIENCE)
        self._since = None if redis is None else redis.register_script(_SINCE)
        self._asked = Batcher(self._ask, concurrency=1)  # or many who ask at once would wait for each other

    @classmethod
    def open(cls, url: str, keyring: Keyring) -> Self:
        return cls(redis_of(url) if url else None, keyring)

    async def close(self) -> None:
        await self._asked.drain()
        if self._take is not None:
            await self._take.close()
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)

    async def take(self, kind: str, who: str, rate: Rate) -> Taken:
        """One of `rate` for `who` (an IP, an id, an address) in what is counted as `kind`."""
        taken = await self.take_all([Wish(kind, who, rate)])
        return Taken(True, rate.count) if taken is None else taken[0]

    async def take_all(self, wishes: Sequence[Wish]) -> list[Taken] | None:
        """One of each, or none where one of them is over: each says whether it was that one. None where Redis
        does not answer, and nothing is counted.
        """
        return await self._asked.submit(wishes)

    async def _ask(self, questions: Sequence[Sequence[Wish]]) -> Sequence[list[Taken] | None]:
        return await self.take_each(questions) or [None] * len(questions)

    async def take_each(self, questions: Sequence[Sequence[Wish]]) -> list[list[Taken]] | None:
        """As if `take_all` were asked for one after the other, in one question to Redis for all of them."""
        if self._take is None:
            return None
        keys: list[str] = []
        arguments: list[float] = []
        for wishes in questions:
            for wish in wishes:
                keys.append(f"rate:{self._name(wish.kind, wish.who)}")
                arguments += (_milliseconds(wish.rate.per) / wish.rate.count, wish.rate.count, 0)
            arguments[-1] = 1
        try:
            answers = iter(await self._take.run(keys, arguments))
        except (RedisError, OSError, TimeoutError):
            return None
        return [[_taken(*next(answers)) for _ in wishes] for wishes in questions]

    async def seen_for(self, kind: str, who: str, remember: timedelta) -> timedelta | None:
        """Since when `who` is seen as `kind`, this time included: forgotten when not seen for `remember`.
        None where Redis does not answer.
        """
        if self._since is None:
            return None
        try:
            since = await self._since(
                keys=[f"seen:{self._name(kind, who)}"], args=[int(_milliseconds(remember))]
            )
        except (RedisError, OSError, TimeoutError):
            return None
        return timedelta(milliseconds=since)

    async def need(self, kind: str, who: str, rate: Rate, detail: str) -> None:
        """One of them, or TooMany with `detail`, which says to whoever asks why not."""
        refuse_unless(await self.take(kind, who, rate), detail)

    def _name(self, kind: str, who: str) -> str:
        return hashlib.blake2b(f"{kind}\0{who}".encode(), key=self._key, digest_size=16).hexdigest()


def _taken(allowed: int, left: int, wait: int, full: int) -> Taken:
    return Taken(bool(allowed), left, -(-wait // 1000), -(-full // 1000))


def _milliseconds(duration: timedelta) -> float:
    return duration.total_seconds() * 1000


def refuse_unless(taken: Taken, detail: str) -> None:
    """Raises TooMany, which says when to come again."""
    if not taken.allowed:
        raise TooMany(detail, retry_after=max(1, taken.retry_after))
