"""I6 of FAULTS.md: content is in no table, Redis key or log, and no address is in a log.

Every letter of a journey holds the same private words. Must never look where they belong: the spool.
"""

import contextlib

import redis.asyncio
import redis.exceptions

from mailcore.database import Database
from tests.support.sender import PRIVATE
from tests.support.stack import Stack

_TABLES = """
select oid::regclass::text as name from pg_class
where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
"""


async def check(stack: Stack) -> None:
    """Raises AssertionError, naming the place."""
    await _tables(stack.world.database)
    assert PRIVATE.encode() not in await of_redis(stack), "I6: content in Redis"
    log = stack.log.read_text() if stack.log.exists() else ""
    assert PRIVATE not in log, "I6: content in a log"
    assert "@" not in log, "I6: an address in a log"


async def _tables(database: Database) -> None:
    for table in await tables(database):
        query = f"select exists (select from {table} t where t::text like $1)"
        assert not await database.value(query, f"%{PRIVATE}%"), f"I6: content in the table {table}"


async def tables(database: Database) -> list[str]:
    """The names of all."""
    return [row["name"] for row in await database.fetch(_TABLES)]


async def of_redis(stack: Stack) -> bytes:
    """Keys and values; nothing where there is no Redis."""
    seen: list[bytes] = []
    with contextlib.suppress(redis.exceptions.ConnectionError):
        async with redis.asyncio.Redis.from_url(stack.settings.redis_url.get_secret_value()) as client:
            for key in await client.keys():
                is_text = await client.type(key) == b"string"
                values = [await client.get(key) or b""] if is_text else await client.zrange(key, 0, -1)
                seen += [key, *values]
    return b"\n".join(seen)
