"""A Lua script for Redis, asked over one connection that is kept.

A client with a pool costs three times as much for each question, and packs it in Python. Must never ask two
questions at once on that connection, nor leave one on it whose answer was not read.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as Cut
from redis.exceptions import NoScriptError

Word = str | bytes | int | float


class KeptScript:
    """Connects when first used, and anew where the connection broke."""

    def __init__(self, pool: ConnectionPool, script: str, patience: float) -> None:
        """`patience`: seconds until an answer, the wait for the question before it included."""
        self._script = script
        self._sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        self._patience = patience
        # Without a time limit of its own: one around the whole question costs a fraction of that.
        options = {**pool.connection_kwargs, "socket_timeout": None}
        self._connection: AbstractConnection = pool.connection_class(**options)
        self._turn = asyncio.Lock()

    async def run(self, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """What it answers. Raises RedisError, OSError, TimeoutError."""
        async with asyncio.timeout(self._patience), self._turn:
            was_open = self._connection.is_connected
            try:
                return await self._run(keys, arguments)
            except Cut:
                if not was_open:
                    raise
                return await self._run(keys, arguments)  # it was closed while nobody asked

    async def _run(self, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        try:
            return await self._ask("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except NoScriptError:  # a Redis that has started since
            return await self._ask("EVAL", self._script, len(keys), *keys, *arguments)

    async def _ask(self, *words: Word) -> Any:
        await self._connection.send_packed_command([pack_command(words)])  # type: ignore[arg-type]  # its stub knows one word
        return await self._connection.read_response()

    async def close(self) -> None:
        await self._connection.disconnect()
