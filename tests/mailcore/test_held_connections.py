"""Connections are handed out one by one, and never one that is not as good as new."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from mailcore.held_connections import HeldConnections
from tests.support.tcp_proxy import PostgresProxy


@pytest.fixture
async def held(database_url: str) -> AsyncIterator[HeldConnections]:
    held = await HeldConnections.open(database_url, 2, 10)
    yield held
    await held.close()


async def test_what_is_given_back_is_taken_again(held: HeldConnections) -> None:
    first = await held.take()
    held.give_back(first)
    assert await held.take() is first
    held.give_back(first)


async def test_nobody_shares_one_and_those_too_many_wait_in_turn(held: HeldConnections) -> None:
    one, two = await held.take(), await held.take()
    assert one is not two
    waiting = [asyncio.create_task(held.take()) for _ in range(2)]
    await asyncio.sleep(0)
    held.give_back(one)
    held.give_back(two)
    assert await asyncio.gather(*waiting) == [one, two]
    held.give_back(one)
    held.give_back(two)


async def test_whoever_waits_too_long_hears_it_and_takes_nothing(database_url: str) -> None:
    held = await HeldConnections.open(database_url, 1, 0.05)
    one = await held.take()
    with pytest.raises(TimeoutError):
        await held.take()
    held.give_back(one)
    assert await held.take() is one
    held.give_back(one)
    await held.close()


async def test_one_for_somebody_who_gave_up_in_that_moment_goes_to_the_next(held: HeldConnections) -> None:
    one, two = await held.take(), await held.take()
    gone, there = (asyncio.create_task(held.take()) for _ in range(2))
    await asyncio.sleep(0)
    held.give_back(one)
    gone.cancel()
    assert await there is one
    held.give_back(one)
    held.give_back(two)


async def test_one_inside_a_transaction_is_not_handed_on(held: HeldConnections) -> None:
    one = await held.take()
    await one.execute("BEGIN")
    held.give_back(one)
    other = await held.take()
    assert other is not one
    assert not other.is_in_transaction()
    held.give_back(other)


async def test_one_thrown_away_makes_room_for_whoever_waits(held: HeldConnections) -> None:
    one, two = await held.take(), await held.take()
    waiting = asyncio.create_task(held.take())
    await asyncio.sleep(0)
    held.throw_away(one)
    new = await waiting
    assert new not in (one, two)
    assert await new.fetchval("select 1") == 1
    held.give_back(two)
    held.give_back(new)


async def test_a_statement_that_was_broken_off_keeps_nobody_waiting(held: HeldConnections) -> None:
    one = await held.take()
    asking = asyncio.create_task(one.fetchval("select pg_sleep(60)"))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.wait({asking})
    held.throw_away(one)
    async with asyncio.timeout(5):
        other = await held.take()
    held.give_back(other)


async def test_one_that_broke_while_it_lay_there_is_not_handed_out(database_url: str) -> None:
    async with PostgresProxy(database_url) as proxy:
        held = await HeldConnections.open(proxy.url, 1, 10)
        first = await held.take()
        held.give_back(first)
        broken = asyncio.Event()
        first.add_termination_listener(lambda _: broken.set())
        proxy.go_down()
        await broken.wait()
        proxy.come_up()
        one = await held.take()
        assert await one.fetchval("select 1") == 1
        held.give_back(one)
        await held.close()


async def test_closing_waits_for_those_in_use_and_hands_out_no_more(database_url: str) -> None:
    held = await HeldConnections.open(database_url, 2, 10)
    one = await held.take()
    closing = asyncio.create_task(held.close())
    await asyncio.sleep(0.05)
    assert await one.fetchval("select 1") == 1
    with pytest.raises(asyncpg.InterfaceError):
        await held.take()
    held.give_back(one)
    await closing
    assert one.is_closed()
