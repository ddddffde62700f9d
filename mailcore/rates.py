"""How often somebody may do something, counted in Redis for all processes, under keyed hashes.

A token bucket kept as one number (GCRA). Must never stop anybody because Redis is away (fail open), nor let
an address, an IP or a key be read from Redis.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from redis.exceptions import RedisError

from mailcore.errors import TooMany
from mailcore.jobs import redis_of
from mailcore.keyring import Keyring

KEY_NAME: Final = "rates"
# KEYS[1]: the moment (ms, Redis' own clock) at which the bucket is full again. ARGV: ms between two, burst.
# Answers: taken (1 or 0), how many are left, ms until one more may be taken, ms until all may.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local every, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local room = burst * every - (full_at - now)
if room < every then return {0, 0, math.ceil(every - room), math.ceil(full_at - now)} end
full_at = full_at + every
redis.call('SET', KEYS[1], full_at, 'PX', math.ceil(full_at - now) + 1000)
return {1, math.floor((room - every) / every), 0, math.ceil(full_at - now)}
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `per`, evenly refilled; all of them may come at once."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds are rounded up: after `retry_after` one more may be taken, after `reset` all."""

    allowed: bool
    remaining: int
    retry_after: int = 0
    reset: int = 0


class Rates:
    """Counts of all kinds. `redis` None counts nothing."""

    def __init__(self, redis: Any, keyring: Keyring) -> None:
        self._redis = redis
        self._key = keyring.key(KEY_NAME)
        self._take = None if redis is None else redis.register_script(_TAKE)

    @classmethod
    def open(cls, url: str, keyring: Keyring) -> Self:
        return cls(redis_of(url) if url else None, keyring)

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)

    async def take(self, kind: str, who: str, rate: Rate) -> Taken:
        """One of `rate` for `who` (an IP, an id, an address) in what is counted as `kind`."""
        if self._take is None:
            return Taken(True, rate.count)
        name = hmac.new(self._key, f"{kind}\0{who}".encode(), hashlib.sha256).hexdigest()[:32]
        every = rate.per.total_seconds() * 1000 / rate.count
        try:
            taken, left, wait, full = await self._take(keys=[f"rate:{name}"], args=[every, rate.count])
        except (RedisError, OSError, TimeoutError):
            return Taken(True, rate.count)
        return Taken(bool(taken), left, -(-wait // 1000), -(-full // 1000))

    async def need(self, kind: str, who: str, rate: Rate, detail: str) -> None:
        """One of them, or TooMany with `detail`, which says to whoever asks why not."""
        refuse_unless(await self.take(kind, who, rate), detail)


def refuse_unless(taken: Taken, detail: str) -> None:
    """Raises TooMany, which says when to come again."""
    if not taken.allowed:
        raise TooMany(detail, retry_after=max(1, taken.retry_after))
