"""All that is kept of mail outside the spool, as one text: rows of all tables, opened rows of the log, Redis.

For a test that looks for words that must be nowhere. Must never leave out a table, whatever is in it.
"""

from mailcore.database import Tenant
from mailcore.log_reader import LogFilter
from tests.support import leaks
from tests.support.stack import Stack


async def kept(stack: Stack) -> str:
    """The log of the stack's account is read as its owner reads it, all of it."""
    return "\n".join(
        [await rows(stack), await opened(stack), (await leaks.of_redis(stack)).decode("latin-1")]
    )


async def rows(stack: Stack) -> str:
    """Of all tables, as they are stored."""
    database = stack.world.database
    texts = []
    for table in await leaks.tables(database):
        texts += [row["text"] for row in await database.fetch(f"select t::text as text from {table} t")]
    return "\n".join(texts)


async def opened(stack: Stack) -> str:
    """The account's log as its owner reads it."""
    tenant, reader = Tenant(stack.account.id), stack.reader()
    listed = (await reader.messages(tenant, LogFilter(silent=True), None, 1000)).rows
    messages = [each.message for each in listed]
    return f"{messages} {await reader.events(tenant, messages)}"
