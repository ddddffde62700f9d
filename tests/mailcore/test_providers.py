"""Pacing by destination provider: caps, slow start, pauses, and what is shared."""

import asyncio
from datetime import timedelta

import pytest

from mailcore.clock import Clock
from mailcore.database import CONNECTION_LOST, Database
from mailcore.next_hops import NextHop
from mailcore.outcome import Outcome, ours
from mailcore.providers import Providers, provider_of
from mailcore.settings import Settings
from tests.support.tcp_proxy import PostgresProxy

DELIVERED = Outcome("delivered", 250, "2.0.0", "250 ok")
REFUSED = Outcome("permanent", 550, "5.1.1", "550 no")
UNREACHABLE = ours("transient", 451, "4.4.1", "Connection refused", "connect")
NO_TLS = ours("transient", 451, "4.7.4", "TLS is required", "tls")


class HandClock(Clock):
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


def providers(clock: Clock | None = None, **settings: object) -> Providers:
    defaults = {"provider_start": 2, "provider_limit": 4, "provider_troubles": 2, "provider_wait": 0.05}
    return Providers(Settings(**(defaults | settings)), clock or Clock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("aspmx.l.google.com", "google.com"),
        ("mx1.mail.example.co.uk.", "example.co.uk"),
        ("MX.Example.COM", "example.com"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1:2525"),
    ],
)
def test_a_provider_is_the_registrable_domain_of_the_mail_host(host: str, provider: str) -> None:
    assert provider_of(NextHop(host, "192.0.2.1", 2525)) == provider


async def test_attempts_beyond_the_limit_wait_and_are_put_off() -> None:
    pacing = providers()
    assert await pacing.enter("a.test")
    assert await pacing.enter("a.test")
    assert pacing.unavailable() == ["a.test"]
    assert not await pacing.enter("a.test")
    assert await pacing.enter("b.test")


async def test_only_so_many_wait_and_the_rest_is_put_off_at_once() -> None:
    """Two turns ahead: all the others would only keep other destinations' mail from being tried."""
    pacing = providers(provider_wait=60)
    assert [await pacing.enter("x.test") for _ in range(2)] == [True, True]
    waiting = [asyncio.create_task(pacing.enter("x.test")) for _ in range(4)]
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert not await pacing.enter("x.test")
    for task in waiting:
        task.cancel()


async def test_a_freed_place_goes_to_who_waited_longest() -> None:
    pacing = providers(provider_start=1, provider_wait=5)
    await pacing.enter("a.test")
    order: list[int] = []

    async def wait(number: int) -> None:
        assert await pacing.enter("a.test")
        order.append(number)
        pacing.leave("a.test", None)

    waiting = [asyncio.create_task(wait(number)) for number in range(2)]
    await asyncio.sleep(0)
    pacing.leave("a.test", None)
    await asyncio.gather(*waiting)
    assert order == [0, 1]


async def test_each_delivery_raises_the_limit_up_to_the_most() -> None:
    pacing = providers()
    for _ in range(10):
        await pacing.enter("a.test")
        pacing.leave("a.test", DELIVERED)
    entered = [await pacing.enter("a.test") for _ in range(5)]
    assert entered == [True, True, True, True, False]


async def test_trouble_halves_the_limit_and_goes_on_to_a_pause() -> None:
    clock = HandClock()
    pacing = providers(clock, provider_start=4)
    await pacing.enter("a.test")
    pacing.leave("a.test", UNREACHABLE)
    assert pacing.seconds_paused("a.test") == 0
    assert [await pacing.enter("a.test") for _ in range(3)] == [True, True, False]
    pacing.leave("a.test", UNREACHABLE)
    assert pacing.seconds_paused("a.test") == 30
    pacing.leave("a.test", UNREACHABLE)
    assert pacing.seconds_paused("a.test") == 30, "what was under way already lengthens nothing"
    assert not await pacing.enter("a.test")
    clock.at += 31
    assert await pacing.enter("a.test")
    pacing.leave("a.test", UNREACHABLE)
    assert pacing.seconds_paused("a.test") == 60
    clock.at += 61
    assert await pacing.enter("a.test")


async def test_after_trouble_the_limit_grows_by_one_in_each_round() -> None:
    """A server that takes so many connections and no more is not run against again and again."""
    pacing = providers(provider_start=8, provider_limit=100)
    assert await _round(pacing) == 8
    assert await _round(pacing) == 16
    await pacing.enter("a.test")
    pacing.leave("a.test", UNREACHABLE)
    assert [await _round(pacing) for _ in range(4)] == [16, 16, 17, 18]


async def _round(pacing: Providers) -> int:
    """All places taken, and a delivery at each of them: how many there were."""
    places = 0
    while "a.test" not in pacing.unavailable():
        assert await pacing.enter("a.test")
        places += 1
    for _ in range(places):
        pacing.leave("a.test", DELIVERED)
    return places


@pytest.mark.parametrize("outcome", [REFUSED, NO_TLS], ids=["refused", "no TLS"])
async def test_what_concerns_one_message_is_no_trouble(outcome: Outcome) -> None:
    """One recipient refused, or one domain's need of TLS not met: others' mail may well go."""
    pacing = providers()
    for _ in range(5):
        await pacing.enter("a.test")
        pacing.leave("a.test", outcome)
    assert await pacing.enter("a.test")
    assert pacing.seconds_paused("a.test") == 0


async def test_who_waits_is_sent_away_when_the_pause_begins() -> None:
    pacing = providers(provider_start=1, provider_troubles=1, provider_wait=5)
    await pacing.enter("a.test")
    waiting = asyncio.create_task(pacing.enter("a.test"))
    await asyncio.sleep(0)
    pacing.leave("a.test", UNREACHABLE)
    assert not await waiting


async def test_a_cancelled_waiter_gives_its_place_back() -> None:
    pacing = providers(provider_start=1, provider_wait=5)
    await pacing.enter("a.test")
    waiting = asyncio.create_task(pacing.enter("a.test"))
    await asyncio.sleep(0)
    pacing.leave("a.test", None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pacing.enter("a.test")


async def test_a_place_handed_over_as_the_wait_ends_is_not_lost() -> None:
    """The timer rings first, the place is there already: refused, it would be taken for ever."""
    pacing = providers(provider_start=1, provider_wait=0)
    await pacing.enter("a.test")
    waiting = asyncio.create_task(pacing.enter("a.test"))
    await asyncio.sleep(0)
    pacing.leave("a.test", None)
    if await waiting:
        pacing.leave("a.test", None)
    assert await pacing.enter("a.test")


async def test_a_pause_that_could_not_be_told_is_told_later(database_url: str) -> None:
    async with PostgresProxy(database_url) as proxy:
        database = await Database.open(proxy.url)
        try:
            one, other = providers(provider_troubles=1), providers()
            await one.enter("a.test")
            one.leave("a.test", UNREACHABLE)
            proxy.go_down()
            with pytest.raises(CONNECTION_LOST):
                await one.exchange(database)
            proxy.come_up()
            await one.exchange(database)
            await other.exchange(database)
            assert not await other.enter("a.test")
        finally:
            await database.close()


async def test_a_pause_is_shared_through_the_database(database_url: str) -> None:
    database = await Database.open(database_url)
    try:
        one, other = providers(provider_troubles=1), providers()
        await one.enter("a.test")
        one.leave("a.test", UNREACHABLE)
        await one.exchange(database)
        await other.exchange(database)
        assert not await other.enter("a.test")
        assert (
            timedelta(seconds=25) < timedelta(seconds=other.seconds_paused("a.test")) <= timedelta(seconds=30)
        )
    finally:
        await database.close()
