"""Bring a database to the newest migration. Must never read the URL from anywhere but its caller."""

import argparse
import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

ALEMBIC_INI = Path(__file__).resolve().parents[1] / "alembic.ini"


async def upgrade(database_url: str) -> None:
    """Apply what is missing. The URL goes by argument, so that no environment is touched."""
    config = Config(str(ALEMBIC_INI), cmd_opts=argparse.Namespace(x=[f"url={database_url}"]))
    await asyncio.to_thread(command.upgrade, config, "head")
