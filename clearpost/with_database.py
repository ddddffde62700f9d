"""One transaction of the service for one command of its operator, and its failures as one line.

Must never show a stack trace for what the operator can mend.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from clearpost.progress import complain
from customers.audit import Actor
from mailcore.database import CONNECTION_LOST, Database
from mailcore.errors import BusinessError
from mailcore.settings import Settings

# Whoever has a shell on the server, as audit logs show them.
OPERATOR: Final = Actor("service", "operator")
# What a database that is away, or not migrated yet, raises.
UNREADY: Final = (*CONNECTION_LOST, asyncpg.PostgresError, DBAPIError)
DONE, UNABLE = 0, 1
Result = TypeVar("Result")


def run(
    settings: Settings, work: Callable[[AsyncSession], Awaitable[Result]], show: Callable[[Result], None]
) -> int:
    """Shows what came of it once it is committed. 0 done, 1 not, with the reason said."""
    try:
        result = asyncio.run(in_transaction(settings, work))
    except BusinessError as error:
        complain(error.detail)
        return UNABLE
    except UNREADY as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        complain(f"the database does not answer, or is not migrated ({reason}): clearpost doctor")
        return UNABLE
    show(result)
    return DONE


async def in_transaction(settings: Settings, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    url = settings.database_url.get_secret_value()
    database = await Database.open(url, size=1, name="clearpost operator")
    try:
        async with database.session() as session:
            return await work(session)
    finally:
        await database.close()
