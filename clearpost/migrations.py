"""Bring a database to the newest migration. Must never read the URL from anywhere but its caller.

Migrations themselves know nothing of this tree: what one refuses comes as Alembic's CommandError.
"""

import argparse
import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

ALEMBIC_INI = Path(__file__).resolve().parents[1] / "alembic.ini"


class Refused(Exception):
    """A migration does not go ahead; the text is one line that says what to do. Nothing of it was applied."""


async def upgrade(database_url: str, revision: str = "head") -> None:
    """Apply what is missing. The URL goes by argument, so that no environment is touched. Raises Refused."""
    config = Config(str(ALEMBIC_INI), cmd_opts=argparse.Namespace(x=[f"url={database_url}"]))
    try:
        await asyncio.to_thread(command.upgrade, config, revision)
    except CommandError as error:
        raise Refused(str(error)) from None
