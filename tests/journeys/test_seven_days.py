"""The log lives seven days: reads stop there exactly, whatever upkeep did, and upkeep leaves nothing."""

from datetime import timedelta

from mailcore import event_log
from mailcore.clock import ShiftedClock
from mailcore.database import Tenant
from mailcore.log_reader import Found, LogFilter
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack

WEEK = timedelta(days=7)


async def test_seven_days_later_nothing_of_a_message_can_be_read(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        shortly_before = stack.reader(ShiftedClock(WEEK - timedelta(minutes=1)))
        assert len(await shortly_before.timeline(Tenant(stack.account.id), message_id)) == 2
        later = stack.reader(ShiftedClock(WEEK))
        assert await later.timeline(Tenant(stack.account.id), message_id) == []
        assert await later.message(Tenant(stack.account.id), message_id) is None
        found = await later.messages(Tenant(stack.account.id), LogFilter(), None, 10)
        assert found == Found([])


async def test_upkeep_deletes_the_rows_and_drops_the_days(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}, check=False) as stack:
        await stack.alias("hello", "you@inbox.test")
        upkeep = await stack.start("upkeep")
        await stack.start("mx")
        now = stack.world.clock.now()
        today = {f"log_message_{now:%Y%m%d}", f"log_event_{now:%Y%m%d}"}
        assert today <= await days(stack)
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        await stack.stop(upkeep)
        await event_log.expire(stack.world.database, now + WEEK - timedelta(minutes=1), WEEK)
        assert await kept(stack) == 3
        assert await event_log.expire(stack.world.database, now + WEEK + timedelta(days=1), WEEK) == 3
        assert await kept(stack) == 0
        assert not today & await days(stack)


async def days(stack: Stack) -> set[str]:
    """The partitions there are."""
    rows = await stack.world.database.fetch("select inhrelid::regclass::text as name from pg_inherits")
    return {row["name"] for row in rows}


async def kept(stack: Stack) -> int:
    return await stack.world.count("log_message") + await stack.world.count("log_event")
