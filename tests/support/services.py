"""Real Postgres and Valkey for the tests, on free ports. Must never outlive the session."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from clearpost.embedded.postgres import OWNER, EmbeddedPostgres, remove
from clearpost.embedded.valkey import EmbeddedValkey
from clearpost.ports import free_port as free_port
from tests.support import in_memory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "clearpost_template"


@dataclass
class TestPostgres:
    """One server for the session; one database, made from the migrated template, for each test."""

    __test__ = False
    server: EmbeddedPostgres
    made: int = 0

    async def create_database(self) -> str:
        """The URL of a fresh, migrated database."""
        return await self._copy(TEMPLATE)

    async def copy_of(self, url: str) -> str:
        """The URL of a database whose files are copies of another one's, which nobody is connected to."""
        return await self._copy(url.rpartition("/")[2])

    async def _copy(self, template: str) -> str:
        self.made += 1
        name = f"test_{self.made}"
        # Where no file is synced, file by file is half the work of page by page through the write-ahead log.
        strategy = "WAL_LOG" if self.server.fsync else "FILE_COPY"
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} STRATEGY {strategy}")
        return self.server.url_of(name)

    async def drop_database(self, url: str) -> None:
        await self._admin(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def start_postgres(folder: Path, fsync: bool) -> TestPostgres:
    """Without fsync its files are in memory, where there is enough: a database for each test is hundreds of
    files made and removed, which takes longer on a disk than most of the tests.
    """
    home = folder / "postgres"
    if not fsync:
        in_memory.place(home)
    server = EmbeddedPostgres(home, free_port(), fsync=fsync)
    server.start()
    return TestPostgres(server)


def stop_postgres(postgres: TestPostgres) -> None:
    home = postgres.server.home
    postgres.server.stop()
    in_memory.clear(home)
    remove(home)


def start_valkey(folder: Path) -> EmbeddedValkey:
    server = EmbeddedValkey(folder / "valkey", free_port())
    server.start()
    return server


async def create_template(postgres: TestPostgres) -> None:
    """An empty database brought to the newest migration, as an operator would do it."""
    await postgres._admin(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    migrate(postgres.server.url_of(TEMPLATE))


def migrate(url: str) -> None:
    """`alembic upgrade head` on this database; the output is shown when it fails."""
    if not any((ROOT / "alembic" / "versions").glob("*.py")):
        return
    result = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "CLEARPOST_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"the migrations failed:\n{result.stdout}{result.stderr}")
