"""Connections to PostgreSQL that a process holds, handed to one user at a time.

Unlike asyncpg's pool it asks the server nothing when one is given back, which costs as much as a short
statement: whoever takes one leaves no session state behind, only transactions of its own. Must never hand
out one that is closed, inside a transaction, or still busy with a statement that was broken off.
"""

import asyncio
from collections import deque
from typing import Any, Self

import asyncpg

_CLOSING_SECONDS = 5.0


class HeldConnections:
    """At most `size`; whoever gets none within `patience` seconds hears TimeoutError."""

    def __init__(self, url: str, size: int, patience: float, options: dict[str, Any]) -> None:
        self._url = url
        self._size = size
        self._patience = patience
        self._options = options
        self._open = 0
        self._idle: list[Any] = []
        self._used: set[Any] = set()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._all_back = asyncio.Event()

    @classmethod
    async def open(cls, url: str, size: int, patience: float, **options: Any) -> Self:
        """`options` are those of asyncpg.connect; the first one is made at once."""
        held = cls(url, size, patience, options)
        held.give_back(await held.take())
        return held

    async def take(self) -> Any:
        """An idle one, a new one, or the next that is given back. Raises what asyncpg.connect raises, too."""
        if self._is_closing:
            raise asyncpg.InterfaceError("the connections are being closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                self._used.add(connection)
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
        elif handed := await self._wait():
            return handed
        return await self._connect()

    def one(self) -> "Lent":
        """For `async with`: taken, and given back in the end."""
        return Lent(self)

    async def _wait(self) -> Any:
        """One that was given back, or None: another was closed, and its place is ours."""
        turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                return await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it came in the very moment we were cancelled
                self._hand_on(turn.result())
            raise

    async def _connect(self) -> Any:
        try:
            connection = await asyncpg.connect(self._url, **self._options)
        except BaseException:
            self._hand_on(None)
            raise
        self._used.add(connection)
        return connection

    def give_back(self, connection: Any) -> None:
        """One that is inside a transaction is thrown away: only the server could tell what became of it."""
        if self._is_closing or connection.is_closed() or connection.is_in_transaction():
            self.throw_away(connection)
        else:
            self._hand_on(connection)

    def throw_away(self, connection: Any) -> None:
        """Closed behind our back: a statement that was broken off is cancelled first."""
        self._used.discard(connection)
        self._close_soon(connection)
        self._hand_on(None)

    def _hand_on(self, connection: Any) -> None:
        """To whoever waits longest; None is the place of one that is no more."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._used.discard(connection)
            self._idle.append(connection)
        if not self._used:
            self._all_back.set()

    def _close_soon(self, connection: Any) -> None:
        if connection.is_closed():
            return
        task = asyncio.create_task(_close(connection))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Waits a few seconds for those that are used, then cuts them."""
        self._is_closing = True
        for connection in self._idle:
            self._close_soon(connection)
        self._idle.clear()
        self._all_back.clear()
        if self._used:
            try:
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await self._all_back.wait()
            except TimeoutError:
                for connection in self._used:
                    connection.terminate()
        if self._leaving:
            await asyncio.wait(self._leaving)


class Lent:
    """One of those that are held, for the time of a block; given back without a word to the server."""

    def __init__(self, held: HeldConnections) -> None:
        self._held = held

    async def __aenter__(self) -> Any:
        self._connection = await self._held.take()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Thrown away where a statement of it may still be running."""
        if kind is not None and issubclass(kind, asyncio.CancelledError | TimeoutError):
            self._held.throw_away(self._connection)
        else:
            self._held.give_back(self._connection)


async def _close(connection: Any) -> None:
    try:
        await connection.close(timeout=_CLOSING_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
