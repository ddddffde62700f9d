"""Connections by way of a load balancer: its header first, and the real client from there on."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mailcore import replies
from tests.support.proxied import BALANCERS, HEALTH_CHECK, binary, line, proxied
from tests.support.small_receiver import SmallReceiver, at_data, serving
from tests.support.smtp_client import connected

GREETING = "220 mx.clearpost.test ESMTP Clearpost"


@pytest.fixture
def receiver() -> SmallReceiver:
    return SmallReceiver()


@pytest.mark.parametrize("version", [line, binary])
async def test_the_client_of_the_header_is_the_client(
    receiver: SmallReceiver, tmp_path: Path, version: Callable[[str], bytes]
) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        connected(server.port) as client,
    ):
        await client.send(version("192.0.2.7"))
        assert await client.reply() == GREETING
        await client.say("EHLO client.test")
        await client.envelope("a@b.test")
    (peer,) = receiver.peers
    assert (peer.ip, peer.local_ip) == ("192.0.2.7", "198.51.100.25")


async def test_an_ipv6_client_of_a_balancer_over_ipv4_is_one_of_ipv6(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        proxied(server.port, "2001:db8::7") as client,
    ):
        await client.hello()
        await client.envelope("a@b.test")
    assert receiver.peers[0].ip == "2001:db8::7"


@pytest.mark.parametrize("header", [line("192.0.2.7"), binary("192.0.2.7", more=b"\x04\0\x02ab")])
async def test_a_header_may_come_octet_by_octet_and_with_what_follows(
    receiver: SmallReceiver, tmp_path: Path, header: bytes
) -> None:
    async with serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server:
        for cut in range(len(header) + 1):
            async with connected(server.port) as client:
                await client.send(header[:cut])
                await asyncio.sleep(0)
                await client.send(header[cut:] + b"NOOP\r\n")
                assert await client.reply() == GREETING
                assert await client.reply() == replies.OK.line()


async def test_nothing_is_said_before_the_header_and_without_one_nothing_at_all(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server:
        for wrong in (
            b"EHLO client.test\r\n",
            b"PROXY TCP4 nobody\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
        ):
            async with connected(server.port) as client:
                await client.send(wrong)
                assert await client.rest() == b""
        await server.connections.empty()


async def test_a_balancer_that_stays_silent_is_left_within_seconds(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        connected(server.port) as silent,
        connected(server.port) as half,
    ):
        await half.send(line("192.0.2.7")[:-1])
        assert await silent.rest() == b""
        assert await half.rest() == b""
        await server.connections.empty()


async def test_a_header_from_elsewhere_is_an_unknown_command(receiver: SmallReceiver, tmp_path: Path) -> None:
    elsewhere = (ip_network("10.0.0.0/8"),)
    async with serving(receiver, tmp_path, proxy_protocol=elsewhere) as server:
        async with connected(server.port) as client:
            assert await client.reply() == GREETING
            assert await client.say(line("192.0.2.7")[:-2]) == replies.UNKNOWN_COMMAND.line()
            await client.say("EHLO client.test")
            await client.envelope("a@b.test")
        async with connected(server.port) as client:  # the signature says QUIT, for those who do not know it
            await client.reply()
            await client.send(binary("192.0.2.7"))
            said = (await client.rest()).decode().splitlines()
    assert receiver.peers[0].ip == "127.0.0.1"
    assert said == [replies.UNKNOWN_COMMAND.line()] * 3 + [replies.BYE.line()]


async def test_a_second_header_is_an_unknown_command(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        proxied(server.port, "192.0.2.7") as client,
    ):
        await client.reply()
        assert await client.say(line("203.0.113.9")[:-2]) == replies.UNKNOWN_COMMAND.line()
        await client.say("EHLO client.test")
        await client.envelope("a@b.test")
    assert receiver.peers[0].ip == "192.0.2.7"


async def test_a_health_check_is_greeted_as_the_balancer_itself(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        connected(server.port) as check,
    ):
        await check.send(HEALTH_CHECK)
        await check.hello()
        await check.envelope("a@b.test")
        assert await check.say("QUIT") == replies.BYE.line()
    assert (receiver.peers[0].ip, receiver.peers[0].local_ip) == ("127.0.0.1", "127.0.0.1")


async def test_a_message_and_starttls_go_through_as_ever(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS, tls=True) as server,
        proxied(server.port, "192.0.2.7") as client,
    ):
        await client.hello()
        await client.starttls()
        await client.say("EHLO client.test")
        await client.envelope("a@b.test")
        assert await client.content(b"Subject: one\r\n\r\n") == replies.queued("42").line()
    assert (receiver.peers[0].ip, receiver.peers[0].protocol) == ("192.0.2.7", "ESMTPS")


# --- limits ---


async def test_connections_are_counted_by_the_real_client(receiver: SmallReceiver, tmp_path: Path) -> None:
    too_many = replies.TOO_MANY_CONNECTIONS.line().encode() + b"\r\n"
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS, max_connections_per_ip=1) as server,
        proxied(server.port, "192.0.2.7") as one,
        proxied(server.port, "192.0.2.8") as two,
        proxied(server.port, "2001:db8::7") as three,
    ):
        for client in (one, two, three):
            assert await client.reply() == GREETING
        async with proxied(server.port, "192.0.2.7") as again:
            assert await again.rest() == too_many
        async with proxied(server.port, "2001:db8::8") as neighbour:
            assert await neighbour.rest() == too_many
        assert await one.say("QUIT") == replies.BYE.line()
        await one.rest()
        while len(server.connections.sessions) > 2:  # noqa: ASYNC110  nobody tells when one has left
            await asyncio.sleep(0)
        async with proxied(server.port, "192.0.2.7") as again:
            assert await again.reply() == GREETING


async def test_the_balancer_itself_is_not_limited_but_counts_in_all(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    limits: dict[str, Any] = {"max_connections_per_ip": 1, "max_connections": 3}
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS, **limits) as server,
        connected(server.port) as one,
        connected(server.port) as two,
        connected(server.port) as unnamed,
    ):
        for check in (one, two):
            await check.send(HEALTH_CHECK)
            assert await check.reply() == GREETING
        while len(server.connections.sessions) < 3:  # noqa: ASYNC110  nor when one has come
            await asyncio.sleep(0)
        async with connected(server.port) as late:
            assert (await late.reply()).startswith("421 4.7.0")
        await unnamed.send(HEALTH_CHECK)
        assert await unnamed.reply() == GREETING


# --- shutting down ---


async def test_who_waits_for_a_header_is_sent_away_at_sigterm(
    receiver: SmallReceiver, tmp_path: Path
) -> None:
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS) as server,
        connected(server.port) as unnamed,
        proxied(server.port, "192.0.2.7") as busy,
    ):
        await at_data(busy)
        server.connections.closing = True
        assert len(server.connections.sessions) == 2
        for session in list(server.connections.sessions):
            session.shut_down()
        assert await unnamed.rest() == replies.SHUTTING_DOWN.line().encode() + b"\r\n"
        await busy.send(b"Subject: one\r\n\r\n.\r\n")
        assert await busy.reply() == replies.queued("42").line()


async def test_an_idle_client_behind_a_balancer_hears_421(receiver: SmallReceiver, tmp_path: Path) -> None:
    short: dict[str, Any] = {"idle_timeout": timedelta(seconds=0.2)}
    async with (
        serving(receiver, tmp_path, proxy_protocol=BALANCERS, **short) as server,
        proxied(server.port, "192.0.2.7") as client,
    ):
        assert await client.reply() == GREETING
        assert await client.rest() == replies.IDLE_TOO_LONG.line().encode() + b"\r\n"
