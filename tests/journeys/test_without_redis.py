"""Redis is only an alarm clock: emptied or gone, mail is still taken, tried again and delivered."""

import redis.asyncio

from clearpost.ports import free_port
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.stack import Stack

LATER = "451 4.7.1 Greylisted, come again"


async def test_redis_flushed_while_mail_waits_costs_at_most_a_sweep(opened: Opener) -> None:
    async with (
        Destination({"RCPT": [LATER]}) as inbox,
        opened({"inbox.test": inbox}, first_attempts=0) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await flush(stack)
        await stack.start("worker")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
        second = await stack.accepted("hello@shop.test")
        await flush(stack)
        await stack.has_event(second, "received", "delivered")
    assert len(inbox.messages) == 2


async def test_without_any_redis_mail_is_accepted_and_delivered(opened: Opener) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with (
        Destination({"RCPT": [LATER]}) as inbox,
        opened({"inbox.test": inbox}, redis_url=nowhere) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "soft-bounced", "delivered")
    assert len(inbox.messages) == 1


async def flush(stack: Stack) -> None:
    async with redis.asyncio.Redis.from_url(stack.redis_url) as client:
        await client.flushall()
