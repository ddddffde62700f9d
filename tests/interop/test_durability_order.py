"""Rule 2 of the design, seen by the kernel: bytes synced, COMMIT acknowledged, and only then 250.

That the proof fails for any other order is shown without strace in tests/support/test_durability.py.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from tests.interop.tracing import traced
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.durability import prove_accepted, prove_discarded, prove_moved, prove_reported, records
from tests.support.sender import letter
from tests.support.stack import until
from tests.support.strace import Call

GONE = "550 5.1.1 no such user"
LONG = letter() + b"".join(b"%070d\r\n" % line for line in range(6_000))


def the_other(calls: Sequence[Call], message: UUID) -> UUID:
    """The one record in the trace besides the message's own: the notification about it."""
    (other,) = {record.id for record in records(calls)} - {message}
    return other


async def test_a_receiver_says_250_after_the_sync_and_the_commit(opened: Opener, tmp_path: Path) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await stack.alias("hello", "you@inbox.test")
        async with traced(stack, "mx", tmp_path / "mx.strace") as trace:
            accepted = []
            for content in (letter("one"), letter("two"), LONG):
                accepted.append(await stack.accepted("hello@shop.test", content))
                await inbox.wait_for(len(accepted))
                await stack.idle()
    calls = trace.calls()
    assert len({record.segment for record in records(calls)}) == 2  # the long one has a segment of its own
    for message in accepted:
        prove_accepted(calls, message)
        prove_discarded(calls, message)


async def test_each_of_many_at_once_hears_250_after_its_own_sync_and_commit(
    opened: Opener, tmp_path: Path
) -> None:
    room = {"provider_start": 40, "connections_per_next_hop": 40}  # nothing is left to a worker
    async with Destination() as inbox, opened({"inbox.test": inbox}, **room) as stack:
        await stack.alias("hello", "you@inbox.test")
        async with traced(stack, "mx", tmp_path / "mx.strace") as trace:
            accepted = await asyncio.gather(*(stack.accepted("hello@shop.test") for _ in range(40)))
            await stack.idle()
    calls = trace.calls()
    written = [call for call in calls if call.is_write and call.data.startswith(b"CPS1")]
    assert len(written) < len(accepted)  # some shared a write
    for message in accepted:
        prove_accepted(calls, message)
        prove_discarded(calls, message)


async def test_a_receiver_syncs_a_notification_before_it_settles_and_overwrites(
    opened: Opener, tmp_path: Path
) -> None:
    async with (
        Destination({"RCPT": GONE}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        async with traced(stack, "mx", tmp_path / "mx.strace") as trace:
            message = await stack.accepted("hello@shop.test")
            await theirs.wait_for(1)
            await stack.idle()
    calls = trace.calls()
    notification = the_other(calls, message)
    prove_accepted(calls, message)
    prove_reported(calls, message, notification)
    prove_discarded(calls, notification)


async def test_a_worker_syncs_a_notification_before_it_settles_and_overwrites(
    opened: Opener, tmp_path: Path
) -> None:
    async with (
        Destination({"RCPT": ["451 4.2.1 later", GONE]}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        async with traced(stack, "worker", tmp_path / "worker.strace") as trace:
            receiver = await stack.spawn("mx")
            message = await stack.accepted("hello@shop.test")
            await theirs.wait_for(1)
            await stack.idle()
            await stack.stop(receiver)
    calls = trace.calls()
    notification = the_other(calls, message)
    prove_reported(calls, message, notification)
    prove_discarded(calls, notification)


async def test_upkeep_syncs_a_copy_before_it_points_there_and_removes_the_original(
    opened: Opener, tmp_path: Path
) -> None:
    at_once = {
        "segment_age": timedelta(0),
        "survivor_age": timedelta(0),
        "standard_ladder": (timedelta(hours=1),),
    }
    async with (
        Destination({"RCPT": "451 4.2.1 later"}) as inbox,
        opened({"inbox.test": inbox}, **at_once) as stack,
    ):
        await stack.alias("hello", "you@inbox.test")
        receiver = await stack.spawn("mx")
        message = await stack.accepted("hello@shop.test")
        await stack.has_event(message, "received", "soft-bounced")
        await stack.stop(receiver)
        (original,) = stack.segments.iterdir()
        async with traced(stack, "upkeep", tmp_path / "upkeep.strace") as trace:
            await until(lambda: asyncio.to_thread(lambda: not original.exists()))
        assert [path.suffix for path in stack.segments.iterdir()] == [".long"]
    prove_moved(trace.calls(), message)
