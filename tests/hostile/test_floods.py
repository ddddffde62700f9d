"""Many hostile connections at once: others are answered, served, and the receiver stays small."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.hostile.conftest import House, HouseOpener, Note
from tests.support.hostile import allow_files, crowd, drip, files_open, open_from, watched
from tests.support.smtp_client import SmtpClient
from tests.support.stack import until

MOST_MEGABYTES = 512
MOST_SECONDS = 1.0
TOO_MANY = "421 4.7.0 Too many connections, try again later"


async def first_line(client: SmtpClient) -> str:
    """The greeting or the refusal; empty when the door was shut without a word."""
    try:
        return await client.line()
    except (EOFError, ConnectionError):
        return ""


async def comes_in_again(house: House) -> None:
    """Waits until an ordinary message is taken again."""

    async def is_taken() -> bool:
        try:
            return (await house.friend_writes()).startswith("250 2.0.0 Queued")
        except ConnectionError:
            return False

    await until(is_taken, 5)


async def test_slow_loris_takes_nobodys_place(house: HouseOpener, note: Note) -> None:
    async with house(idle_timeout=timedelta(seconds=4)) as h:
        with watched(h.mx, h.port) as figures:
            async with crowd(h.port, 500) as clients:
                drips = [asyncio.create_task(drip(c, b"EHLO slow.test", 1)) for c in clients]
                # Read from now on: who writes on after the server has closed loses what is unread.
                reading = [asyncio.create_task(client.rest()) for client in clients]
                for _ in range(3):
                    assert (await h.friend_writes()).startswith("250")
                await h.friends_mail(3)
                last = await asyncio.gather(*reading)
                for task in drips:
                    task.cancel()
        note(f"slow loris: {figures}")
        assert all(octets.endswith(b"421 4.4.2 Idle too long, closing the connection\r\n") for octets in last)
        assert figures.slowest_noop < MOST_SECONDS
        assert figures.most_megabytes < MOST_MEGABYTES


@pytest.mark.parametrize(("addresses", "let_in"), [(1, 50), (100, 999)])
async def test_a_flood_of_2000_connections_is_turned_away_and_forgotten(
    house: HouseOpener, note: Note, addresses: int, let_in: int
) -> None:
    """From 100 addresses all places but that of the well-behaved client are taken."""
    async with house() as h:
        with watched(h.mx, h.port) as figures:
            async with crowd(h.port, 2000, per_address=2000 // addresses) as clients:
                said = Counter(await asyncio.gather(*(first_line(client) for client in clients)))
                if addresses == 1:
                    assert (await h.friend_writes()).startswith("250")
            await comes_in_again(h)
        note(f"flood from {addresses}: {figures}")
        assert said == {"220 mx.clearpost.test ESMTP Clearpost": let_in, TOO_MANY: 2000 - let_in}
        assert figures.slowest_noop < MOST_SECONDS
        assert figures.most_megabytes < MOST_MEGABYTES


async def test_without_free_files_clients_hear_421_and_nothing_spins(house: HouseOpener, note: Note) -> None:
    async with house() as h:
        assert (await h.friend_writes()).startswith("250")
        await h.friends_mail(1)
        allow_files(h.mx, files_open(h.mx) + 40)
        with watched(h.mx, h.port) as figures:
            async with crowd(h.port, 100) as clients:
                said = Counter(await asyncio.gather(*(first_line(client) for client in clients)))
                with watched(h.mx) as full:
                    await asyncio.sleep(2)
            await comes_in_again(h)
        note(f"no files: {figures}; while full: {full}")
        assert said[TOO_MANY] >= 50
        assert said[TOO_MANY] + said["220 mx.clearpost.test ESMTP Clearpost"] == 100
        assert figures.slowest_noop < MOST_SECONDS
        assert full.cpu_share < 0.2
        await h.friends_mail(2)


async def test_clients_that_read_no_replies_lose_their_place(house: HouseOpener, note: Note) -> None:
    """They pipeline for ever: replies pile up nowhere, and others get their turn."""
    flood = b"EHLO x\r\n" * 10_000
    async with house(idle_timeout=timedelta(seconds=2)) as h:
        before = files_open(h.mx)
        with watched(h.mx, h.port) as figures:
            async with crowd(h.port, 8) as clients:

                async def pour(client: SmtpClient) -> None:
                    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
                    while True:
                        client.writer.write(flood)
                        await client.writer.drain()

                pouring = [asyncio.create_task(pour(client)) for client in clients]
                assert (await h.friend_writes()).startswith("250")
                ended = await asyncio.gather(*pouring, return_exceptions=True)
        note(f"deaf clients: {figures}")
        assert all(isinstance(error, ConnectionError) for error in ended)
        assert figures.slowest_noop < MOST_SECONDS
        assert figures.most_megabytes < MOST_MEGABYTES
        await h.friends_mail(1)

        async def is_calm() -> bool:
            return files_open(h.mx) <= before + 3

        await until(is_calm, 5)


async def test_one_client_gets_in_from_an_address_that_is_not_flooding(house: HouseOpener) -> None:
    async with house() as h, crowd(h.port, 60, per_address=60):
        client = await open_from("127.0.100.1", h.port)
        assert (await first_line(client)).startswith("220 ")
        await client.close()
