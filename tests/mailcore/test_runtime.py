"""The wiring of a process: what runs in its background may not die unseen."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mailcore import runtime, service_alerts
from tests.support.destination import Destination
from tests.support.ground import SteppedClock
from tests.support.stack import until
from tests.support.working import working

SOON = timedelta(seconds=0.5)


async def test_background_work_that_dies_has_the_process_started_anew() -> None:
    lost = asyncio.Event()

    async def dies() -> None:
        raise ZeroDivisionError

    async with AsyncExitStack() as stack:
        runtime._in_background(stack, lost, dies())
        async with asyncio.timeout(5):
            await lost.wait()


async def test_background_work_that_is_ended_in_good_order_is_no_loss() -> None:
    lost = asyncio.Event()
    async with AsyncExitStack() as stack:
        runtime._in_background(stack, lost, asyncio.sleep(60))
    assert not lost.is_set()


async def test_pauses_of_others_are_known_from_the_start(database_url: str, tmp_path: Path) -> None:
    async with working(database_url, tmp_path, "127.0.0.1:9") as w:
        await w.ground.world.execute(
            "insert into provider_pause (provider, until) values ('a.test', now() + interval '1 minute')"
        )
    async with working(database_url, tmp_path, "127.0.0.1:9") as w, asyncio.timeout(1):
        while not w.runtime.courier.providers.seconds_paused("a.test"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_destination_that_puts_off_everybody_for_minutes_is_an_alert(
    database_url: str, tmp_path: Path
) -> None:
    """Twenty messages of three accounts, each tried once."""
    clock = SteppedClock()
    people = [f"{name}@inbox.test" for name in range(7)]
    async with (
        Destination({"RCPT": ["451 4.7.0 not from you"] * 30}) as inbox,
        working(database_url, tmp_path, inbox.route, clock=clock, sweep_interval=SOON) as w,
    ):
        worker = w.lane_worker()
        task = asyncio.create_task(worker.run())

        async def put_off(messages: int) -> None:
            async def were() -> bool:
                return len(await w.events()) >= messages

            await until(were)

        for name in ("one", "two", "three"):
            recipient = await w.ground.recipient(name, *people)
            for ref in recipient.destinations:
                to_one = replace(recipient, destinations=(ref,))
                assert (await w.runtime.acceptance.accept(w.ground.submission(to_one))).code == 250
        await put_off(21 * 2)
        clock.step(360)
        await w.mail("four")
        await put_off(22 * 2)

        async def is_told() -> bool:
            return bool(await service_alerts.standing(w.ground.database))

        await until(is_told)
        (alert,) = await service_alerts.standing(w.ground.database)
        worker.stop()
        await asyncio.wait({task})
    assert (alert.kind, alert.subject, alert.detail) == ("deferring", inbox.route, "4.7.0")
