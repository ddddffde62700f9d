"""Runs migrations on the database of the settings. Must never import more of the tree than the tables."""

import asyncio
from logging import WARNING, getLogger

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from mailcore.database import sqlalchemy_url
from mailcore.models import SQLModel, Xid8
from mailcore.settings import Settings

getLogger("alembic").setLevel(WARNING)
ischema_names["xid8"] = Xid8  # so that the migration check can read it back


def _is_ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
    """Partitions are made by upkeep, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith(("log_message_", "log_event_")))


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_object=_is_ours,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    url = context.get_x_argument(as_dictionary=True).get("url") or Settings().database_url.get_secret_value()
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    # A migration waits at most this long for a lock, and mail behind it while it waits. Once it has the lock,
    # mail waits until it is done: one that writes tables anew is for when all processes are stopped.
    async with engine.connect() as connection:
        await connection.exec_driver_sql("set lock_timeout = '5s'")
        await connection.commit()
        await connection.run_sync(_migrate)
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("clearpost migrations need a database; there is no offline mode")
asyncio.run(_run())
