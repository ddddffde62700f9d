"""An account is deleted while its mail waits: that ends as cancelled, and nothing stays that names it."""

from datetime import timedelta

from sqlmodel import SQLModel

import mailcore.models
from customers import account_deletion, receipts
from customers.audit import Actor
from mailcore.clock import Clock, ShiftedClock
from mailcore.database import Database
from mailcore.jobs import Alarm
from mailcore.log_key_files import LogKeyFiles
from mailcore.plans import Lane
from mailcore.rates import Rates
from mailcore.runtime import open_runtime
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack, until
from workers import upkeep
from workers.held_mail import HeldMail

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


async def purge(stack: Stack, later: timedelta = timedelta(0)) -> None:
    """As upkeep does, so much later."""
    alarm = Alarm.open(stack.settings.redis_url.get_secret_value())
    url = stack.settings.database_url.get_secret_value()
    database = await Database.open(url, size=1, wake=alarm.wake)
    keys = LogKeyFiles(stack.settings.key_dir)
    try:
        now = ShiftedClock(later).now()
        await account_deletion.purge(database, keys, now, stack.settings.log_retention)
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
        await purge(stack)

        async def nothing_is_left() -> bool:
            return not await left(stack)

        await until(nothing_is_left)
        counted = await stack.world.value("select sum(created - delivered - hard_bounced) from ledger")
        marks = await stack.world.count("deleted_account")
        await purge(stack, stack.settings.log_retention * 2)
        after = await stack.world.count("deleted_account")
    assert ended == 2
    assert counted == 0
    assert (marks, after) == (1, 0)


async def test_its_key_is_destroyed_and_late_results_make_none_anew(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "451 4.7.1 later"}) as inbox,
        opened({"inbox.test": inbox}, check=False) as stack,
    ):
        stack.keyring()
        keys = LogKeyFiles(stack.settings.key_dir)
        made = keys.account(stack.account.id, make=True)
        await delete(stack)
        await purge(stack)
        counted = await stack.world.value(
            "select count from service_count where name = 'account keys destroyed'"
        )
        found = keys.account(stack.account.id, make=True)
        await purge(stack, stack.settings.log_retention * 2)
        names = list((stack.settings.key_dir / "accounts").iterdir())
    assert made
    assert (counted, found, names) == (1, None, [])


async def test_within_an_hour_nothing_is_left_of_a_machine_that_is_away_nor_of_notifications(
    opened: Opener,
) -> None:
    """A sender's server that takes no notification, and a node without a process: both end all the same."""
    async with (
        Destination({"RCPT": "451 4.7.1 later"}) as inbox,
        Destination({"RCPT": "451 4.7.1 not now"}) as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}, check=False) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        told = await stack.accepted("hello@shop.test")
        away = await stack.accepted("hello@shop.test", by="ann@elsewhere.test")
        for message_id in (told, away):
            await stack.has_event(message_id, "received", "soft-bounced")
        await stack.world.execute(
            "with gone as (insert into node (id) values (gen_random_uuid()) returning id) "
            "update delivery set node_id = gone.id, lease_owner = null, lease_token = null "
            "from gone where message_id = $1",
            away,
        )
        await delete(stack)

        async def only_these_wait() -> bool:
            rows = await stack.world.database.fetch("select origin from delivery order by origin")
            return [row["origin"] for row in rows] == ["dsn", "smtp"]

        await until(only_these_wait)
        almost = receipts.GONE_WITHIN - timedelta(minutes=15)
        async with open_runtime(stack.settings, role="upkeep", lane=Lane.STANDARD) as runtime:

            async def is_over() -> bool:
                """What was just being written is left to the next look."""
                await purge(stack, almost)
                await HeldMail(runtime).end()
                return await stack.waits() == 0

            await until(is_over)
        await purge(stack, almost)
        counted = await stack.world.value("select sum(created - delivered - hard_bounced) from ledger")
        assert await left(stack) == {}
    assert counted == 0


async def test_the_hour_of_a_receipt_follows_from_how_often_upkeep_looks(opened: Opener) -> None:
    """At worst each look is just missed, the first one twice, and an attempt is under way for as long as one
    may take.
    """
    async with opened({}) as stack:
        url = stack.settings.redis_url.get_secret_value()
        async with open_runtime(stack.settings, role="upkeep", lane=Lane.STANDARD) as runtime:
            rates = Rates.open(url, runtime.keyring)
            every = {duty.name: duty.every for duty in upkeep.duties(runtime, runtime.writer, rates)}
            await rates.close()
    purge, held, attempt = every["deleted accounts"], every["held mail"], timedelta(minutes=10)
    assert account_deletion.MAY_STILL_TELL + attempt + 2 * purge + held + purge < receipts.GONE_WITHIN


def test_every_table_that_names_an_account_goes_with_it() -> None:
    """By reference, by the purge, or, for mail on its way, by settling."""
    tables = SQLModel.metadata.tables
    named = tables_of_accounts().items()
    by_reference = {(name, column) for name, column in named if tables[name].columns[column].foreign_keys}
    by_settling = {("message", "account_id"), ("delivery", "account_id")}
    assert set(named) == by_reference | by_settling | set(account_deletion.LEFT_BEHIND.items())
