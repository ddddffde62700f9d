"""The worker of a lane: begins what it leased, ends what is too old, and holds no more than it may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mailcore.clock import Clock
from mailcore.lane_worker import LaneWorker
from mailcore.plans import Lane
from tests.support.destination import Act, Destination
from tests.support.doubt import Unsure
from tests.support.stack import until
from tests.support.working import Working, working


@asynccontextmanager
async def at_work(worker: LaneWorker) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        worker.stop()
        await asyncio.wait({task})


async def test_what_a_claim_of_unknown_outcome_leased_is_begun(database_url: str, tmp_path: Path) -> None:
    """Or it would be leased for as long as this process lives, and nobody would attempt it."""
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        await w.mail("one")
        unsure = await Unsure.open(database_url, size=2)
        try:
            courier = replace(w.runtime.courier, database=unsure)
            async with at_work(LaneWorker(courier, Lane.STANDARD)) as task:
                await inbox.wait_for(1)
                assert not task.done()
                await courier.stop()
        finally:
            await unsure.close()
        assert await w.ground.count("delivery") == 0


async def test_mail_too_old_is_given_up_even_where_its_provider_is_paused(
    database_url: str, tmp_path: Path
) -> None:
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        await w.mail("one")
        await w.mail("young")
        worker = w.lane_worker()
        await w.ground.world.execute("update delivery set provider = 'paused.test'")
        await w.ground.world.execute("update delivery set next_attempt_at = now() + interval '1 hour'")
        await w.ground.world.execute(
            "update delivery set accepted_at = now() - interval '4 days 2 minutes' where account_id = "
            "(select id from account where name = 'one')"
        )
        worker._gave_up -= 60  # a minute has passed
        async with at_work(worker):
            (notification,) = await inbox.wait_for(1)
        assert notification.rcpt == ("RCPT TO:<ann@sender.test>",)
        assert b"Status: 4.4.7\r\n" in notification.content
        assert ("hard-bounced", "4.4.7") in await w.events()
        assert await w.ground.count("delivery", "origin = 'smtp'") == 1, "the young one waits"


async def test_a_worker_holds_no_more_content_than_it_may(database_url: str, tmp_path: Path) -> None:
    go_on = asyncio.Event()
    large = b"Subject: large\r\n\r\n" + b"x" * 998 + b"\r\n"
    async with (
        Destination({"RCPT": [Act("250 OK", until=go_on)] * 4}) as inbox,
        working(database_url, tmp_path, inbox.route, memory_message=1000, worker_delivery_bytes=4000) as w,
    ):
        for name in ("one", "two", "three", "four"):
            await w.mail(name, content=large)
        async with at_work(w.lane_worker()):
            await inbox.reach("RCPT")
            await inbox.reach("RCPT")
            assert w.runtime.courier.busy == 2
            assert w.runtime.courier.bytes_held() <= 4000
            go_on.set()
            await inbox.wait_for(4)


async def test_what_a_claim_costs_is_not_paid_again_at_each_wake_up(
    database_url: str, tmp_path: Path
) -> None:
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        worker = Counting(replace(w.runtime.courier, clock=Slow()), Lane.STANDARD)
        async with at_work(worker):
            began = w.runtime.clock.monotonic()
            while w.runtime.clock.monotonic() - began < 1.0:
                worker.wake()
                await asyncio.sleep(0)
        assert 1 <= worker.claims <= 4


class Counting(LaneWorker):
    claims = 0

    async def _claim(self, limit: int) -> int:
        self.claims += 1
        return await super()._claim(limit)


class Slow(Clock):
    """Whatever is timed by it took some 40 ms."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.looks * 0.04


async def test_no_fault_of_ours_ends_mail(database_url: str, tmp_path: Path) -> None:
    """Four days old, and an attempt that breaks: it stays, whatever its age."""
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        await w.mail("one")
        await w.ground.world.execute("update delivery set accepted_at = now() - interval '4 days'")
        w.runtime.courier.return_addresses = None  # type: ignore[assignment]  # so that it breaks
        async with at_work(w.lane_worker()):
            await until(lambda: tried(w))
        assert ("soft-bounced", "4.3.0") in await w.events()
        assert await w.ground.count("delivery") == 1


async def tried(w: Working) -> bool:
    return await w.ground.count("log_event", "type <> 'received'") == 1


async def test_a_settlement_that_breaks_ends_the_process(database_url: str, tmp_path: Path) -> None:
    """Its delivery stays leased to us: as long as we live, nobody else would take it."""
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        await w.mail("one")

        class Broken:
            async def settle(self, _: object) -> None:
                raise ZeroDivisionError

            async def drain(self) -> None:
                return

        w.runtime.courier.settler = Broken()  # type: ignore[assignment]
        async with at_work(w.lane_worker()), asyncio.timeout(5):
            await w.runtime.lost.wait()


async def test_a_worker_that_is_full_of_one_provider_rests(database_url: str, tmp_path: Path) -> None:
    """What is due there is nothing to wake up for."""
    async with Destination() as inbox, working(database_url, tmp_path, inbox.route) as w:
        await w.mail("one")
        await w.ground.world.execute("update delivery set provider = 'a.test'")
        courier = w.runtime.courier
        for _ in range(courier.settings.provider_start):
            await courier.providers.enter("a.test")
        assert await w.lane_worker()._pause() == courier.settings.sweep_interval / timedelta(seconds=1)
