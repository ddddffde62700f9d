"""From a whole message to its 250: sealed, synced and committed, one alone and many at once."""

import asyncio

from pytest_benchmark.fixture import BenchmarkFixture

from bench.lanes_letters import body
from bench.micro.timing import ratio, repeat
from mailcore.plans import Plan
from mailcore.routing import Recipient
from tests.support.ground import Ground

_MANY = 50
_CONTENT = b"Subject: hello\r\n\r\n" + body(4096)


async def _accept(g: Ground, to: Recipient, count: int) -> None:
    submissions = [g.submission(to, content=_CONTENT) for _ in range(count)]
    replies = await asyncio.gather(*(g.acceptance.accept(each) for each in submissions))
    assert all(reply.code == 250 for reply in replies)


def test_accept_one(benchmark: BenchmarkFixture, runner: asyncio.Runner, g: Ground) -> None:
    to = runner.run(g.recipient("shop", plan=Plan.BUSINESS))
    repeat(benchmark, lambda: runner.run(_accept(g, to, 1)), 100)


def test_accept_50(benchmark: BenchmarkFixture, runner: asyncio.Runner, g: Ground) -> None:
    to = runner.run(g.recipient("shop", plan=Plan.BUSINESS))
    repeat(benchmark, lambda: runner.run(_accept(g, to, _MANY)), 20)


def test_50_at_once_cost_at_most_15_times_one_alone(runner: asyncio.Runner, g: Ground) -> None:
    to = runner.run(g.recipient("shop", plan=Plan.BUSINESS))
    runner.run(_accept(g, to, _MANY))  # plans and files are there from then on
    many, one = (lambda: runner.run(_accept(g, to, _MANY))), (lambda: runner.run(_accept(g, to, 1)))
    assert ratio(many, one) <= 15
