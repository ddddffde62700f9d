"""An account is deleted while its mail waits: that ends as cancelled, and nothing stays that names it."""

from sqlmodel import SQLModel

import mailcore.models
from customers import account_deletion
from customers.audit import Actor
from mailcore.clock import Clock, ShiftedClock
from mailcore.database import Database
from mailcore.jobs import Alarm
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack, until

assert mailcore.models


def tables_of_accounts() -> dict[str, str]:
    """And the column that names the account."""
    tables = SQLModel.metadata.tables
    columns = ("account_id", "owner_id")
    return {name: each for name, table in tables.items() for each in columns if each in table.columns}


async def delete(stack: Stack) -> None:
    """As the API does: in one transaction of the service, waking workers after its commit."""
    alarm = Alarm.open(stack.settings.redis_url.get_secret_value())
    database = await Database.open(stack.settings.database_url.get_secret_value(), size=1, wake=alarm.wake)
    try:
        async with database.session() as session:
            await account_deletion.delete(session, Clock(), stack.account.id, Actor("person", "an owner"))
    finally:
        await database.close()
        await alarm.close()


async def left(stack: Stack) -> dict[str, int]:
    counts = {
        table: await stack.world.value(f"select count(*) from {table} where {column} = $1", stack.account.id)
        for table, column in tables_of_accounts().items()
    }
    return {table: count for table, count in counts.items() if count}


async def test_waiting_and_held_mail_is_cancelled_and_only_the_ledger_counts_it(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "451 4.7.1 later"}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}, check=False) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.alias("held", "other@inbox.test")
        await stack.start("mx", "worker")
        waits = await stack.accepted("hello@shop.test")
        held = await stack.accepted("held@shop.test")
        await stack.has_event(waits, "received", "soft-bounced")
        await stack.has_event(held, "received", "soft-bounced")
        await stack.world.execute("update delivery set state = 'held' where message_id = $1", held)
        await delete(stack)
        await theirs.wait_for(2)
        await stack.idle()
        ended = await stack.world.value("select count(*) from log_event where type = 'hard-bounced'")
        await account_deletion.purge(stack.world.database, Clock().now(), stack.settings.log_retention)

        async def nothing_is_left() -> bool:
            return not await left(stack)

        await until(nothing_is_left)
        counted = await stack.world.value("select sum(created - delivered - hard_bounced) from ledger")
        marks = await stack.world.count("deleted_account")
        later = ShiftedClock(stack.settings.log_retention * 2).now()
        await account_deletion.purge(stack.world.database, later, stack.settings.log_retention)
        after = await stack.world.count("deleted_account")
    assert ended == 2
    assert counted == 0
    assert (marks, after) == (1, 0)


def test_every_table_that_names_an_account_goes_with_it() -> None:
    """By reference, by the purge, or, for mail on its way, by settling."""
    tables = SQLModel.metadata.tables
    named = tables_of_accounts().items()
    by_reference = {(name, column) for name, column in named if tables[name].columns[column].foreign_keys}
    by_settling = {("message", "account_id"), ("delivery", "account_id")}
    assert set(named) == by_reference | by_settling | set(account_deletion.LEFT_BEHIND.items())
