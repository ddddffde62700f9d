"""Redis, our alarm clock: answers, takes writes, throws nothing away. Must never touch another key."""

from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import redis.asyncio as redis
from redis.exceptions import RedisError

from clearpost.checks.finding import Finding, fail, ok, warn
from mailcore.settings import Settings

_SECONDS: Final = 5.0


async def check(settings: Settings) -> list[Finding]:
    """Without Redis mail goes on by the sweep, a little later; but an operator did not want that."""
    url = settings.redis_url.get_secret_value()
    try:
        async with redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
        ) as client:
            return await _examine(client, _place(url))
    except (RedisError, OSError, ValueError) as error:
        mend = (
            "start it, or correct CLEARPOST_REDIS_URL; until then mail waits for the next sweep, "
            "and no rate limit counts"
        )
        return [fail("redis", f"{_place(url)}: {_reason(error)}", mend)]


async def _examine(client: "redis.Redis", where: str) -> list[Finding]:
    about = await client.info()
    name = "Valkey" if "valkey_version" in about else "Redis"
    version = about.get("valkey_version") or about["redis_version"]
    key = f"clearpost:doctor:{uuid4()}"
    await client.set(key, b"1", px=5000)
    await client.delete(key)
    findings = [ok("redis", f"{name} {version} at {where} answers and takes writes")]
    policy = about.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and about.get("maxmemory"):
        mend = "set maxmemory-policy noeviction, or give Clearpost a Redis of its own"
        findings.append(warn("redis", f"throws keys away when full ({policy})", mend))
    return findings


def _place(url: str) -> str:
    """Host and port of a URL, without its password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        return "the URL of CLEARPOST_REDIS_URL"


def _reason(error: Exception) -> str:
    """redis-py's texts hold no password; the first line is enough."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
