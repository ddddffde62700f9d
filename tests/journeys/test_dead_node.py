"""A machine that does not come back: its mail is shown as held, ends after four days, and never later."""

from datetime import timedelta
from uuid import uuid4

from mailcore import ledger
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack, until


async def test_mail_of_a_dead_node_is_held_and_ends_after_four_days(opened: Opener) -> None:
    later = Destination({"RCPT": "451 4.7.1 later"})
    async with later as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        mx = await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced")
        await stack.stop(mx)
        await stack.world.execute("update delivery set node_id = $1", uuid4())
        for segment in stack.segments.iterdir():
            segment.unlink()
        (line,) = await ledger.balance(stack.world.database)
        assert (line.waiting, line.held, line.difference) == (0, 1, 0)

        await stack.world.execute(
            "update delivery set accepted_at = now() - $1::interval", timedelta(days=4, hours=1)
        )
        await stack.start("upkeep")
        await until(lambda: _has_ended(stack))
        events = await stack.timeline(message_id)
        assert [event.type for event in events] == ["received", "soft-bounced", "hard-bounced"]
        assert events[-1].code == "4.3.0"
        assert await stack.world.value("select sum(count) from undelivered") == 1
        assert len(inbox.messages) == 0


async def _has_ended(stack: Stack) -> bool:
    return await stack.waits() == 0
