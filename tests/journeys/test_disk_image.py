"""Who images the disks after a message has ended finds neither its bytes nor a key that opens them."""

import asyncio
import math
import time
from uuid import UUID

import pytest

from mailcore import metrics
from tests.journeys.conftest import Opener
from tests.support import disk_image
from tests.support.destination import Destination
from tests.support.sender import letter, sender_at
from tests.support.stack import Stack

MESSAGES = 100
P99, ALWAYS = 5.0, 60.0
LARGE = b"".join(b"%070d\r\n" % line for line in range(6_000))
GONE = "550 5.1.1 no such user"


def secret(number: int) -> bytes:
    return b"the key lies under flower pot %05d" % number


def content(number: int) -> bytes:
    """One of ten has a segment of its own."""
    return letter(text=secret(number).decode()) + (LARGE if number % 10 == 0 else b"")


async def send_all(stack: Stack) -> list[UUID]:
    ids = []
    async with sender_at(stack.settings.mx_port) as sender:
        for number in range(MESSAGES):
            reply = await sender.mail("ann@sender.test", ["hello@shop.test"], content(number))
            ids.append(UUID(reply.rpartition(" ")[2]))
    return ids


async def image(stack: Stack) -> bytes:
    texts = await asyncio.to_thread(disk_image.texts, stack.settings.spool_dir, stack.settings.key_dir)
    return b"\0".join(texts)


async def seconds_readable(stack: Stack, ids: list[UUID]) -> list[float]:
    """For each message how long after it was last seen in the queue it could be read; at most, since both are
    looked at now and then.
    """
    waited, readable = dict.fromkeys(ids, 0.0), dict.fromkeys(ids, math.inf)
    began = time.perf_counter()
    while math.inf in readable.values() and time.perf_counter() - began < ALWAYS:
        looked = time.perf_counter()
        rows = await stack.world.database.fetch("select id from message")
        waited |= dict.fromkeys((row["id"] for row in rows if row["id"] in waited), looked)
        whole = await image(stack)
        for number, message in enumerate(ids):
            if readable[message] == math.inf and secret(number) not in whole:
                readable[message] = time.perf_counter()
        await asyncio.sleep(0.05)
    return sorted(max(0.0, readable[message] - (waited[message] or began)) for message in ids)


def keys_destroyed(within: float) -> float:
    """How many keys were synced as zeros within so many seconds of the commit."""
    samples = [sample for metric in metrics.KEY_DESTROYED_AFTER.collect() for sample in metric.samples]
    return next(s.value for s in samples if s.labels.get("le") in (str(within), f"{within:g}", "+Inf"))


@pytest.mark.parametrize(("script", "kind"), [({}, "delivered"), ({"RCPT": GONE}, "hard-bounced")])
async def test_nothing_can_be_read_five_seconds_after_the_end(
    opened: Opener, script: dict[str, str], kind: str
) -> None:
    async with (
        Destination(script) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        destroyed = keys_destroyed(P99)
        ids = await send_all(stack)
        seconds = await seconds_readable(stack, ids)
        assert seconds[math.ceil(len(seconds) * 0.99) - 1] <= P99, f"slowest: {seconds[-3:]}"
        assert seconds[-1] <= ALWAYS
        await stack.idle()
        assert (await stack.types(ids[-1]))[-1] == kind
        await stack.stop_all()
        assert keys_destroyed(P99) - destroyed >= MESSAGES, "zeros that are not on the disk yet"
        assert secret(1)[:20] not in await image(stack)


async def test_what_waits_can_be_read_by_no_copy_of_the_database_or_the_spool_alone(opened: Opener) -> None:
    later = {"RCPT": "451 4.7.1 Greylisted, come again"}
    async with Destination(later) as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        mx = await stack.start("mx")
        message = await stack.accepted("hello@shop.test", content(1), by="unique.sender@sender.test")
        await stack.has_event(message, "received", "soft-bounced")
        whole = await image(stack)
        assert secret(1) in whole, "with its key it can be read: the test would notice"
        assert b"unique.sender" in whole
        for path in stack.segments.iterdir():
            raw = path.read_bytes()
            assert secret(1) not in raw
            assert b"unique.sender" not in raw
        rows = await stack.world.database.fetch(
            "select message::text as text from message union all select delivery::text from delivery"
        )
        for row in rows:
            assert "@" not in row["text"]
        await stack.stop(mx)
        inbox.script = {}
        await stack.start("worker")
        await stack.idle()
