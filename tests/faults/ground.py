"""Postgres (with fsync) and Valkey of the fault cases, which may be killed and started at any time.

Must never end a server it did not start.
"""

import asyncio
import contextlib
from pathlib import Path

import asyncpg
import psutil

from clearpost.embedded.postgres import EmbeddedPostgres, remove
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port
from clearpost.process import spawn
from mailcore.database import CONNECTION_LOST
from tests.support.services import TestPostgres, create_template


class Ground:
    """One of each, for all rigs. Started by the main thread, waited for in others."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres", free_port(), fsync=True)
        self.valkey = EmbeddedValkey(folder / "valkey", free_port())
        self._databases = TestPostgres(self.postgres)

    async def start(self) -> None:
        await self.start_postgres()
        await self.start_valkey()
        await create_template(self._databases)

    async def stop(self) -> None:
        await asyncio.to_thread(self.valkey.stop)
        await asyncio.to_thread(self.postgres.stop)
        remove(self.postgres.home)

    async def database(self) -> str:
        """The URL of a fresh, migrated database."""
        return await self._databases.create_database()

    async def administer(self, statement: str) -> None:
        """One statement as superuser, outside of any transaction."""
        await self._databases._admin(statement)

    # --- Postgres ---

    async def start_postgres(self) -> None:
        """Returns when it takes connections: after a kill, crash recovery comes first."""
        if self.postgres.process is not None and self.postgres.process.poll() is None:
            return
        self.postgres.process = spawn(self.postgres.prepare())
        assert await asyncio.to_thread(self.postgres.wait_ready, self.postgres.process), "no Postgres"
        await self._answers()

    async def kill_postgres(self) -> None:
        """kill -9 of the whole server: nothing is written any more, not even by a backend."""
        process = self.postgres.process
        assert process is not None
        backends = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for backend in backends:
            with contextlib.suppress(psutil.NoSuchProcess):
                backend.kill()
        await asyncio.to_thread(process.wait)
        await asyncio.to_thread(psutil.wait_procs, backends, 20)  # their shared memory goes with the last

    async def stop_postgres(self) -> None:
        """In good order, for a cold copy of its data."""
        await asyncio.to_thread(self.postgres.stop)

    async def _answers(self) -> None:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(*CONNECTION_LOST):
                    connection = await asyncpg.connect(self.postgres.admin_url)
                    await connection.close()
                    return
                await asyncio.sleep(0.05)

    # --- Valkey ---

    async def start_valkey(self) -> None:
        if self.valkey.process is not None and self.valkey.process.poll() is None:
            return
        self.valkey.process = spawn(self.valkey.prepare())
        assert await asyncio.to_thread(self.valkey.wait_ready, self.valkey.process), "no Valkey"

    async def kill_valkey(self) -> None:
        process = self.valkey.process
        assert process is not None
        process.kill()
        await asyncio.to_thread(process.wait)
