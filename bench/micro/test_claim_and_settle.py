"""From a delivery that waits to nothing left of it: claimed, settled as delivered, discarded."""

import asyncio
from collections.abc import Sequence

from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.timing import ratio, repeat
from mailcore.queue import Claimed
from mailcore.settlement import Result
from tests.support.ground import Ground, settlement


async def _fill(g: Ground, count: int) -> None:
    """The daily quota of the free plan, 500, is enough for all of them."""
    to = await g.recipient("shop")
    for _ in range(count // 100 + 1):
        await asyncio.gather(*(g.acceptance.accept(g.submission(to)) for _ in range(100)))


async def _claim_and_settle(g: Ground, count: int) -> None:
    claimed = await g.claim(limit=count)
    assert len(claimed) == count
    await _settle(g, claimed)


async def _settle(g: Ground, claimed: Sequence[Claimed]) -> None:
    await asyncio.gather(*(g.settler.settle(Result(settlement(each, "delivered"))) for each in claimed))


def test_claim_and_settle_one(benchmark: BenchmarkFixture, runner: asyncio.Runner, g: Ground) -> None:
    runner.run(_fill(g, 200))
    repeat(benchmark, lambda: runner.run(_claim_and_settle(g, 1)), 100)


def test_claim_and_settle_20(benchmark: BenchmarkFixture, runner: asyncio.Runner, g: Ground) -> None:
    runner.run(_fill(g, 400))
    repeat(benchmark, lambda: runner.run(_claim_and_settle(g, 20)), 15)


def test_20_at_once_cost_at_most_6_times_one_alone(runner: asyncio.Runner, g: Ground) -> None:
    runner.run(_fill(g, 400))
    many, one = (lambda: runner.run(_claim_and_settle(g, 20))), (lambda: runner.run(_claim_and_settle(g, 1)))
    assert ratio(many, one) <= 6
