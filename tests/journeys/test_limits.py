"""What a plan does not allow is refused at the door, says which limit, is logged, and leaves nothing."""

import base64
import os

from mailcore.database import Tenant
from mailcore.log_reader import LogFilter
from mailcore.plans import Plan, limits_for
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter, send
from tests.support.stack import Stack, until

FREE = limits_for(Plan.FREE)


async def test_a_declared_size_beyond_the_plan_is_refused_at_rcpt(opened: Opener) -> None:
    async with opened({}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        reply = await stack.send("hello@shop.test", size=FREE.message_bytes + 1)
        assert await refusals(stack, 1) == [reply]
        assert nothing_stored(stack)
    assert reply.startswith("552 5.3.4")
    assert "free" in reply


async def test_attachments_beyond_the_plan_are_refused_at_the_dot(opened: Opener) -> None:
    content = with_attachment(FREE.attachment_bytes + 1)
    assert len(content) < FREE.message_bytes
    async with opened({}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        reply = await stack.send("hello@shop.test", content, size=len(content))
        assert await refusals(stack, 1) == [reply]
        assert nothing_stored(stack)
    assert reply.startswith("552 5.3.4")
    assert "10 MB" in reply


async def test_the_largest_attachment_of_the_plan_arrives(opened: Opener) -> None:
    content = with_attachment(FREE.attachment_bytes)
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        await stack.accepted("hello@shop.test", content, size=len(content))
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.content.endswith(content)


async def test_premium_takes_what_free_does_not(opened: Opener) -> None:
    content = with_attachment(FREE.attachment_bytes + 1)
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        premium = await stack.world.account("premium")
        big = await stack.world.domain(premium, "big.test")
        await stack.world.alias(big, "hello", "you@inbox.test")
        await stack.start("mx")
        reply = await send(stack.settings.mx_port, "ann@sender.test", "hello@big.test", content)
        assert reply.startswith("250")
        (message,) = await inbox.wait_for(1)
        await stack.idle()
    assert message.content.endswith(content)


async def test_the_last_message_of_the_day_is_taken_and_the_next_refused(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.world.used_today(stack.account, FREE.daily_quota - 1)
        await stack.start("mx")
        await stack.accepted("hello@shop.test")
        reply = await stack.send("hello@shop.test")
        assert await refusals(stack, 1) == [reply]
        await inbox.wait_for(1)
        await stack.idle()
    assert reply.startswith("452 4.2.2")
    assert len(inbox.messages) == 1


async def test_an_unknown_alias_is_refused_and_the_owner_can_see_it(opened: Opener) -> None:
    async with opened({}) as stack:
        await stack.start("mx")
        reply = await stack.send("nobody@shop.test")
        assert await refusals(stack, 1) == [reply]
        (row,) = (await stack.reader().messages(Tenant(stack.account.id), LogFilter(), None, 10)).rows
    assert reply.startswith("550 5.1.1")
    assert (row.message.alias, row.last_event) == ("nobody@shop.test", "refused")


async def refusals(stack: Stack, count: int) -> list[str]:
    """What the log tells of refusals, once there are so many: they are written behind the reply."""

    found: list[str] = []

    async def are_there() -> bool:
        events = await stack.world.events(stack.account)
        found[:] = [response for kind, _, response in events if kind == "refused"]
        return len(found) >= count

    await until(are_there)
    return found


def nothing_stored(stack: Stack) -> bool:
    return not any(path.stat().st_size for path in stack.segments.iterdir())


def with_attachment(size: int) -> bytes:
    """A letter with one file of so many decoded bytes."""
    file = base64.encodebytes(os.urandom(size)).replace(b"\n", b"\r\n")
    head = letter().replace(
        b"\r\n\r\n", b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n', 1
    )
    part = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + b"--b\r\n" + part + file + b"--b--\r\n"
