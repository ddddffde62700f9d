"""A destination says yes, or never again, by a link in its own inbox; and mail obeys at once."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default

import httpx

from api.app import create_app
from api.runtime import ApiRuntime
from mailcore.clock import Clock
from mailcore.plans import Lane
from tests.journeys.conftest import Opener
from tests.support.destination import Destination, Received
from tests.support.stack import Stack, until

NO_SUCH_USER = "550 5.1.1 no such user"
LATER = "451 4.2.0 later"


@asynccontextmanager
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an account."""
    runtime = await ApiRuntime.open(stack.settings, clock=Clock(), wake=lambda _: None)
    transport = httpx.ASGITransport(app=create_app(runtime))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            yield client
    finally:
        await runtime.close()


async def forget_confirmation(stack: Stack) -> None:
    await stack.world.execute("update destination set confirmed_at = null")


def links(letter: Received) -> list[str]:
    """Paths of the links in it, in their order: the question, and the one to stop for good."""
    text = message_from_bytes(bytes(letter.content), policy=default).get_content()
    return re.findall(r"http://localhost:8025(/destinations/\S+)", text)


async def test_mail_flows_once_the_inbox_has_said_yes_and_ends_once_it_says_stop(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack, browser(stack) as web:
        await stack.alias("hello", "you@inbox.test")
        await forget_confirmation(stack)
        await stack.start("upkeep", "mx")
        await stack.start("worker", lane=Lane.FAST)  # our own letters go there
        (letter,) = await inbox.wait_for(1)
        text = message_from_bytes(bytes(letter.content), policy=default).get_content()
        assert "hello@shop.test" in text
        assert "owners.test" not in text
        question, never = links(letter)
        assert (await stack.send("hello@shop.test")).startswith("450 4.2.1")
        shown = await web.get(question)  # a mail program that looks at links
        assert "you@inbox.test" in shown.text
        assert (await stack.send("hello@shop.test")).startswith("450 4.2.1")
        said = await web.post(question, data={"answer": "confirm"})
        assert "Done: mail will be forwarded" in said.text
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        assert "Done: nobody forwards to this inbox" in (await web.post(never, data={"answer": "stop"})).text
        assert (await stack.send("hello@shop.test")).startswith("550 5.2.1")
        await stack.idle()
        assert len(inbox.messages) == 2
        assert (await web.post(question, data={"answer": "confirm"})).status_code == 200
        assert (await stack.send("hello@shop.test")).startswith("550 5.2.1")


async def test_mail_that_waits_for_an_inbox_that_stops_is_cancelled(opened: Opener) -> None:
    async with (
        Destination() as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await forget_confirmation(stack)
        await stack.start("upkeep", "mx", "worker")
        await stack.start("worker", lane=Lane.FAST)
        (letter,) = await inbox.wait_for(1)
        question, never = links(letter)
        async with browser(stack) as web:
            await web.post(question, data={"answer": "confirm"})
            inbox.script["RCPT"] = LATER
            message_id = await stack.accepted("hello@shop.test")

            async def was_tried() -> bool:
                return "soft-bounced" in await stack.types(message_id)

            await until(was_tried)
            said = await web.post(never, data={"answer": "stop"})
            assert "Done: nobody forwards" in said.text, said.text
        await stack.idle()
        last = (await stack.timeline(message_id))[-1]
        assert (last.type, last.code) == ("hard-bounced", "5.2.1")
        assert last.response == "cancelled: the destination asked for no more mail"


async def test_only_confirmed_destinations_of_an_alias_get_mail(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test", "new@inbox.test")
        await stack.world.execute("update destination set confirmed_at = null where address like 'new@%'")
        await stack.start("mx")
        await stack.accepted("hello@shop.test")
        await stack.idle()
        assert [message.rcpt for message in inbox.messages] == [("RCPT TO:<you@inbox.test>",)]


async def test_an_inbox_that_fails_is_told_to_its_owner_once_and_forgiven_at_the_next_delivery(
    opened: Opener,
) -> None:
    async with (
        Destination({"RCPT": [NO_SUCH_USER, NO_SUCH_USER]}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "owners.test": theirs, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        for _ in range(2):
            message_id = await stack.accepted("hello@shop.test")
            await stack.has_event(message_id, "received", "hard-bounced")
        await stack.idle()
        failing = "select count(*) from destination where failing_since is not null"
        assert await stack.world.value(failing) == 1
        await stack.start("upkeep")
        await stack.start("worker", lane=Lane.FAST)

        def to_owner() -> list[Received]:
            return [each for each in theirs.messages if each.rcpt == ("RCPT TO:<free@owners.test>",)]

        async def owner_heard() -> bool:
            return bool(to_owner())

        await until(owner_heard)
        (letter,) = to_owner()
        text = message_from_bytes(bytes(letter.content), policy=default).get_content()
        assert "you@inbox.test" in text
        assert "ann@sender.test" not in text
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "delivered")
        assert await stack.world.value(failing) == 0


async def test_what_is_wrong_with_one_message_says_nothing_of_the_inbox(opened: Opener) -> None:
    async with (
        Destination({"DOT": "554 5.7.1 looks like spam"}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        message_id = await stack.accepted("hello@shop.test")
        await stack.has_event(message_id, "received", "hard-bounced")
        await stack.idle()
        assert (
            await stack.world.value("select count(*) from destination where failing_since is not null") == 0
        )


async def test_mail_that_still_comes_for_a_failing_domain_is_noted(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        seen = "select count(*) from domain where mail_seen_at is not null"
        await stack.accepted("hello@shop.test")
        assert await stack.world.value(seen) == 0  # a domain that is well is not written to
        await stack.world.execute("update domain set failing_since = now()")
        await stack.accepted("hello@shop.test", by="who@unknown.test")
        assert await stack.world.value(seen) == 0
        await stack.accepted("hello@shop.test")
        assert await stack.world.value(seen) == 1
        await stack.idle()
