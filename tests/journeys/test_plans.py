"""An account changes its plan while its mail waits, and while mail comes."""

import asyncio
from datetime import timedelta

from customers import plan_change
from customers.audit import SERVICE
from mailcore.database import Database
from mailcore.jobs import Alarm
from mailcore.plans import Lane, Plan
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack

LATER = "451 4.7.1 Greylisted, come again"
NEVER = (timedelta(hours=1),)


async def change_plan(stack: Stack, plan: Plan) -> None:
    """As a process of ours does it: lanes are woken through Redis."""
    settings = stack.settings
    alarm = Alarm.open(settings.redis_url.get_secret_value())
    database = await Database.open(settings.database_url.get_secret_value(), size=1, wake=alarm.wake)
    account_id = await stack.world.value("select id from account")
    async with database.session() as session:
        await plan_change.set_plan(session, stack.world.clock, account_id, plan, SERVICE)
    await database.close()
    await alarm.close()


async def test_mail_that_waits_is_taken_by_the_fast_lane_within_5_seconds(opened: Opener) -> None:
    """No worker of the standard lane runs: whoever delivers it is the other's."""
    async with (
        Destination({"RCPT": [LATER]}) as inbox,
        opened({"inbox.test": inbox}, standard_ladder=NEVER) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.start("worker", lane=Lane.FAST)
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.world.execute("update delivery set next_attempt_at = now() where lease_owner is null")
        await change_plan(stack, Plan.PREMIUM)
        async with asyncio.timeout(5):
            await stack.has_event(message_id, "received", "soft-bounced", "delivered")


async def test_a_refusal_for_want_of_room_is_in_the_log_and_an_upgrade_ends_it(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.world.execute("update alias set paused_at = now()")
        await stack.world.execute("update account set surplus_pauses_at = now(), surplus_told = 3")
        refused = await stack.send("hello@shop.test")
        assert refused.startswith("550 5.2.1 This address is paused")
        await change_plan(stack, Plan.PREMIUM)
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        refusals = await stack.world.value("select count(*) from log_event where type = 'refused'")
        assert refusals == 1
        assert await stack.world.value("select refused_by_plan from usage_day") == 1
