"""One tenant is attacked or floods: the others' mail goes on, and guessing addresses does not pay."""

import asyncio
from collections import Counter
from datetime import timedelta
from time import perf_counter

from tests.hostile.conftest import House, HouseOpener, Note
from tests.hostile.test_bombs import throw
from tests.support.hostile import address, open_from, watched
from tests.support.sender import letter, sender_at

UNKNOWN, TOO_MANY_ERRORS = (
    "550 5.1.1 No such address here",
    "421 4.7.0 Too many errors, closing the connection",
)


async def guess(ip: str, port: int, count: int, domain: str = "shop.test") -> list[str]:
    """RCPT after RCPT, one at a time, until the server closes: its replies."""
    client = await open_from(ip, port)
    try:
        await client.hello()
        await client.say("MAIL FROM:<guesser@evil.test>")
        return [await client.say(f"RCPT TO:<guess{n}@{domain}>") for n in range(count)]
    finally:
        await client.close()


async def test_guessing_recipients_gets_slow_and_ends(house: HouseOpener) -> None:
    """With a pause of 20 ms instead of a second: ten replies at once, ninety slow ones, then 421."""
    async with house(unknown_recipient_pause=timedelta(seconds=0.02)) as h:
        client = await open_from("127.0.1.1", h.port)
        await client.hello()
        await client.say("MAIL FROM:<guesser@evil.test>")
        began = perf_counter()
        said = [await client.say(f"RCPT TO:<guess{n}@shop.test>") for n in range(100)]
        assert perf_counter() - began > 89 * 0.02
        assert said == [UNKNOWN] * 99 + [TOO_MANY_ERRORS]
        assert await client.rest() == b""
        await client.close()


async def test_a_list_with_some_dead_addresses_is_delivered(house: HouseOpener) -> None:
    """Message after message on one connection, each to one dead and one living address: never sent away."""
    async with house(max_unknown_recipients=15, max_errors=10) as h:
        async with sender_at(h.port) as sender:
            for number in range(40):
                assert (await sender.say("MAIL FROM:<list@sender.test>")).startswith("250")
                assert await sender.say(f"RCPT TO:<gone{number}@other.test>") == UNKNOWN
                assert (await sender.say("RCPT TO:<friend@other.test>")).startswith("250")
                assert (await sender.say("DATA")).startswith("354")
                assert (await sender.content(letter())).startswith("250")
        await h.friends_mail(40)


async def test_a_dictionary_attack_leaves_others_alone(house: HouseOpener, note: Note) -> None:
    async with house(unknown_recipient_pause=timedelta(seconds=0.05)) as h:
        with watched(h.mx, h.port) as figures:
            guessing = [asyncio.create_task(guess(address(n // 20), h.port, 60)) for n in range(100)]
            for _ in range(10):
                assert (await h.friend_writes()).startswith("250")
            await h.friends_mail(10)
            said = await asyncio.gather(*guessing)
        note(f"dictionary: {figures}")
        assert Counter(reply for replies in said for reply in replies) == {UNKNOWN: 6000}
        assert figures.slowest_noop < 1


async def test_a_dictionary_attack_on_a_catch_all_stops_at_the_quota(house: HouseOpener, note: Note) -> None:
    """Each guess is an address there: the plan of the attacked tenant bounds it, nobody else's mail waits."""

    async def attack(h: House, number: int) -> str:
        client = await open_from(address(number // 20), h.port)
        try:
            await client.hello()
            await client.envelope(*(f"guess{number}.{n}@shop.test" for n in range(20)))
            return await client.content(letter())
        finally:
            await client.close()

    async with house() as h:
        await h.stack.alias("*", "me@pit.test")
        with watched(h.mx, h.port) as figures:
            attacks = [asyncio.create_task(attack(h, number)) for number in range(100)]
            for _ in range(10):
                assert (await h.friend_writes()).startswith("250")
            await h.friends_mail(10)
            said = Counter(reply[:9] for reply in await asyncio.gather(*attacks))
        note(f"catch-all: {said}; {figures}")
        assert said["250 2.0.0"] == 25  # 500 a day, 20 at a time
        assert said.total() == 100
        assert set(said) <= {"250 2.0.0", "452 4.2.2", "503 5.5.1"}
        assert figures.slowest_noop < 1


async def test_one_flooding_tenant_does_not_delay_the_others(house: HouseOpener, note: Note) -> None:
    """Forty connections send as fast as they can; the neighbour's letters arrive within seconds."""
    async with house() as h:
        await h.stack.world.execute("update account set plan = 'business' where name = 'free'")
        done = asyncio.Event()

        async def flood(number: int) -> int:
            sent = 0
            while not done.is_set():
                assert await throw(address(number), h.port, letter()) == "250 2.0.0"
                sent += 1
            return sent

        with watched(h.mx, h.port) as figures:
            flooding = [asyncio.create_task(flood(number)) for number in range(40)]
            slowest = 0.0
            for number in range(20):
                began = perf_counter()
                assert (await h.friend_writes()).startswith("250")
                await h.friends_mail(number + 1)
                slowest = max(slowest, perf_counter() - began)
            done.set()
            sent = sum(await asyncio.gather(*flooding))
        note(f"tenant flood: {sent} sent, slowest neighbour {slowest:.2f} s; {figures}")
        assert slowest < 5
        assert figures.slowest_noop < 1
