"""A client's reputation at the real door: what it hears, what its owner sees; and Redis keeps no mail."""

import asyncio
from datetime import timedelta

from tests.journeys.conftest import Opener
from tests.support import invariants
from tests.support.destination import Destination
from tests.support.proxied import BALANCERS, proxied
from tests.support.sender import letter
from tests.support.silence import silent_redis
from tests.support.spam_filter import small_filter
from tests.support.stack import Stack

SPAMMER, HONEST = "192.0.2.66", "192.0.2.7"
LISTED = "451 4.7.1 Your address is on the blocklist bl.test, try again later"


async def bring(stack: Stack, ip: str, recipient: str = "hello@shop.test") -> str:
    """One message of this client by way of a balancer: the reply that ended it."""
    async with proxied(stack.settings.mx_port, ip) as client:
        await client.hello()
        await client.say("MAIL FROM:<ann@sender.test>")
        said = await client.say(f"RCPT TO:<{recipient}>")
        return await client.content(letter()) if said.startswith("250") else said


async def refusals(stack: Stack) -> list[tuple[str, str]]:
    """Client and reply of each, as the owner sees them."""
    clients = {message.id: message.client_ip for message in await stack.world.logged()}
    events = await stack.world.logged_events(f"account_id = '{stack.account.id}' and type = 'refused'")
    return [(clients[event.message_id], event.response) for event in events]


async def test_a_listed_client_waits_and_its_owner_sees_why(opened: Opener) -> None:
    settings = {"proxy_protocol": BALANCERS, "blocklists": "bl.test"}
    async with Destination() as inbox, opened({"inbox.test": inbox}, **settings) as stack:
        stack.zone.put("66.2.0.192.bl.test", "A", "127.0.0.2")
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        assert await bring(stack, SPAMMER) == LISTED
        assert (await bring(stack, HONEST)).startswith("250 2.0.0")
        await inbox.wait_for(1)
        await stack.stop_all()
        assert await refusals(stack) == [(SPAMMER, LISTED)]


async def test_a_client_that_comes_too_often_waits_and_others_do_not(opened: Opener) -> None:
    settings = {"proxy_protocol": BALANCERS, "client_rate": 2, "sender_rate": 0}
    async with Destination() as inbox, opened({"inbox.test": inbox}, **settings) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        said = [await bring(stack, SPAMMER) for _ in range(3)]
        assert [reply[:9] for reply in said] == ["250 2.0.0", "250 2.0.0", "451 4.7.1"]
        assert (await bring(stack, HONEST)).startswith("250 2.0.0")
        await inbox.wait_for(3)
        await stack.stop_all()
        assert await refusals(stack) == [(SPAMMER, said[2])]


async def test_what_the_filter_thinks_is_told_to_the_owner_and_nobody_else(opened: Opener) -> None:
    async with small_filter() as rspamd, Destination() as inbox:
        rspamd.scores(7.25)
        async with opened({"inbox.test": inbox}, rspamd_url=rspamd.url) as stack:
            await stack.alias("hello", "you@inbox.test")
            await stack.start("mx")
            message_id = await stack.accepted("hello@shop.test")
            await stack.has_event(message_id, "received", "delivered")
            received, _ = await stack.timeline(message_id)
    assert received.response.endswith("spam=7.2")
    (asked,) = rspamd.asked
    assert asked.headers["queue-id"] == str(message_id)
    assert "hello@shop.test" not in str(dict(asked.headers))
    (message,) = inbox.messages
    assert asked.content in message.content, "what it saw is what the destination got"


async def test_a_redis_that_hangs_keeps_no_mail(opened: Opener) -> None:
    async with silent_redis() as url, Destination() as inbox:
        settings = {"proxy_protocol": BALANCERS, "redis_url": url, "sweep_interval": timedelta(seconds=60)}
        async with opened(
            {"inbox.test": inbox}, check=False, **settings
        ) as stack:  # that Redis tells nothing
            await stack.alias("hello", "you@inbox.test")
            await stack.start("mx")
            async with asyncio.timeout(30):
                for _ in range(20):
                    assert (await bring(stack, HONEST)).startswith("250 2.0.0")
            await inbox.wait_for(20)
            await stack.idle()
            await invariants.check(stack)
