"""So many in so long, counted for all processes together; and never a refusal because Redis is away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from clearpost.ports import free_port
from mailcore.errors import TooMany
from mailcore.keyring import Keyring
from mailcore.rates import Rate, Rates, Wish

THREE_A_DAY = Rate(3, timedelta(days=1))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys")


@pytest.fixture
async def rates(redis_url: str, keyring: Keyring) -> AsyncIterator[Rates]:
    opened = Rates.open(redis_url, keyring)
    yield opened
    await opened.close()


async def test_after_so_many_the_next_is_refused_and_told_when(rates: Rates) -> None:
    taken = [await rates.take("link", "ada@a.test", THREE_A_DAY) for _ in range(4)]
    assert [each.allowed for each in taken] == [True, True, True, False]
    assert [each.remaining for each in taken] == [2, 1, 0, 0]
    eight_hours = 8 * 3600
    assert eight_hours - 60 <= taken[3].retry_after <= eight_hours, "one of three a day comes back in 8 h"
    assert 3 * eight_hours - 60 <= taken[3].reset <= 3 * eight_hours


async def test_who_needs_one_and_gets_none_is_told_why_and_when_to_come_again(rates: Rates) -> None:
    for _ in range(3):
        await rates.need("link", "ada@a.test", THREE_A_DAY, "Three a day are enough.")
    with pytest.raises(TooMany, match="Three a day") as refused:
        await rates.need("link", "ada@a.test", THREE_A_DAY, "Three a day are enough.")
    retry_after = refused.value.extra["retry_after"]
    assert isinstance(retry_after, int)
    assert retry_after > 7 * 3600


async def test_kinds_and_people_are_counted_apart(rates: Rates) -> None:
    for _ in range(4):
        await rates.take("link", "ada@a.test", THREE_A_DAY)
    assert (await rates.take("link", "bob@a.test", THREE_A_DAY)).allowed
    assert (await rates.take("test", "ada@a.test", THREE_A_DAY)).allowed


async def test_what_was_taken_comes_back_with_time(rates: Rates) -> None:
    quick = Rate(1, timedelta(milliseconds=50))
    assert (await rates.take("link", "x", quick)).allowed
    async with asyncio.timeout(5):
        while not (await rates.take("link", "x", quick)).allowed:
            pass


async def test_processes_count_together_and_never_more_than_allowed(
    rates: Rates, redis_url: str, keyring: Keyring
) -> None:
    other = Rates.open(redis_url, keyring)
    taken = await asyncio.gather(
        *(each.take("link", "x", Rate(10, timedelta(days=1))) for each in (rates, other) * 20)
    )
    await other.close()
    assert sum(each.allowed for each in taken) == 10


async def test_redis_holds_no_name_and_forgets_by_itself(rates: Rates, redis_url: str) -> None:
    await rates.take("link", "ada@a.test", THREE_A_DAY)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (name,) = client.keys("*")
        assert "@" not in name  # "ada" could be in any hash
        assert 0 < client.pttl(name) <= 8 * 3600 * 1000 + 1000


async def test_without_redis_nobody_is_refused(keyring: Keyring) -> None:
    for url in ("", f"redis://127.0.0.1:{free_port()}/0"):
        rates = Rates.open(url, keyring)
        taken = [await rates.take("link", "x", Rate(1, timedelta(days=1))) for _ in range(3)]
        assert all(each.allowed for each in taken)
        await rates.close()


async def test_of_several_all_are_taken_or_none(rates: Rates) -> None:
    """What is refused for one reason must not count against the other."""
    ip, sender = Wish("ip", "192.0.2.1", Rate(1, timedelta(days=1))), Wish("sender", "x", THREE_A_DAY)
    first = await rates.take_all([ip, sender])
    second = await rates.take_all([ip, sender])
    assert first
    assert second
    assert [each.allowed for each in first] == [True, True]
    assert [each.allowed for each in second] == [False, True], "each says whether it was the one"
    assert (await rates.take("sender", "x", THREE_A_DAY)).remaining == 1, "taken once before, not twice"


async def test_questions_that_are_asked_together_are_answered_as_if_one_came_after_the_other(
    rates: Rates,
) -> None:
    ip, sender = Wish("ip", "192.0.2.1", Rate(2, timedelta(days=1))), Wish("sender", "x", THREE_A_DAY)
    answers = await rates.take_each([[ip, sender], [ip], [ip, sender], [sender], [sender, ip], [sender]])
    assert answers
    assert [[each.allowed for each in taken] for taken in answers] == [
        [True, True],
        [True],
        [False, True],
        [True],
        [True, False],
        [True],
    ]
    assert [taken[-1].remaining for taken in answers] == [2, 0, 2, 1, 0, 0]


async def test_a_redis_that_was_started_anew_is_asked_at_once(rates: Rates, redis_url: str) -> None:
    """It has cut the connection, and knows the script no more."""
    await rates.take("link", "x", THREE_A_DAY)
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
        client.client_kill_filter(_type="normal", skipme=True)
    assert (await rates.take("link", "x", THREE_A_DAY)).remaining == 1


async def test_many_ask_over_one_connection(rates: Rates, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = len(client.client_list())
        taken = await asyncio.gather(*(rates.take("link", str(n), THREE_A_DAY) for n in range(50)))
        assert all(each.remaining == 2 for each in taken)
        assert len(client.client_list()) == before + 1


async def test_without_redis_nothing_is_known(keyring: Keyring) -> None:
    for url in ("", f"redis://127.0.0.1:{free_port()}/0"):
        rates = Rates.open(url, keyring)
        assert await rates.take_all([Wish("ip", "x", THREE_A_DAY)]) is None
        assert await rates.seen_for("listed", "x", timedelta(days=1)) is None
        await rates.close()


async def test_whoever_is_seen_again_has_been_seen_since_the_first_time(rates: Rates) -> None:
    assert await rates.seen_for("listed", "x", timedelta(days=1)) == timedelta(0)
    async with asyncio.timeout(5):
        while not await rates.seen_for("listed", "x", timedelta(days=1)):
            pass
    assert await rates.seen_for("listed", "y", timedelta(days=1)) == timedelta(0)


async def test_whoever_is_not_seen_for_so_long_is_forgotten(rates: Rates, redis_url: str) -> None:
    await rates.seen_for("listed", "ada@a.test", timedelta(hours=1))
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (name,) = client.keys("*")
        assert "@" not in name  # "ada" could be in any hash
        assert 0 < client.pttl(name) <= 3600 * 1000


async def test_what_redis_holds_wrongly_stops_nobody(rates: Rates, redis_url: str) -> None:
    await rates.take("ip", "x", THREE_A_DAY)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.set(client.keys("*")[0], "junk")
    assert (await rates.take("ip", "x", THREE_A_DAY)).allowed
