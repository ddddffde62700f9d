"""Mail under forged names that cannot be delivered: nobody who was named hears of it, and its owner does."""

from mailcore.plans import Plan
from tests.journeys.conftest import Opener
from tests.support import forged
from tests.support.destination import Destination
from tests.support.sender import send
from tests.support.stack import until

MANY = 600  # ten thousand of them: `make faults`, case F54 forged


async def test_forged_senders_get_no_notification(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 no such user"}) as inbox,
        Destination() as victims,
        Destination() as honest,
        opened(
            {"inbox.test": inbox, "sender.test": honest} | dict.fromkeys(forged.RECORDS, victims)
        ) as stack,
    ):
        forged.publish(stack.zone)
        owner = await stack.world.account("business", Plan.BUSINESS)
        await stack.world.alias(await stack.world.domain(owner, "big.test"), "hello", "you@inbox.test")
        await stack.start("mx", "worker")
        port = stack.settings.mx_port
        replies = await forged.flood(port, "hello@big.test", forged.names(MANY))
        assert [reply for reply in replies if not reply.startswith("250 2.0.0 Queued")] == []

        async def all_ended() -> bool:
            return await stack.waits() == 0

        await until(all_ended, seconds=60)
        assert await stack.world.count("log_event where type = 'hard-bounced'") == MANY
        assert await stack.world.count("ledger where origin = 'dsn'") == 0
        assert await stack.world.value("select sum(count)::int from undelivered") == MANY
        await send(port, "ann@sender.test", "hello@big.test", b"Subject: true\r\n\r\n")
        (told,) = await honest.wait_for(1)  # only whoever is who they say
        await stack.idle()
    assert told.rcpt == ("RCPT TO:<ann@sender.test>",)
    assert victims.connections == 0
