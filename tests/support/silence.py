"""A server that is there and says nothing, as one that hangs. Must never outlive its test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def silent_redis() -> AsyncIterator[str]:
    """Takes connections and never says a word."""
    done = asyncio.Event()

    async def stay(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(stay, "127.0.0.1", 0)
    async with server:
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        finally:
            done.set()
