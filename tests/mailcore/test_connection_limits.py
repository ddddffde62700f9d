"""Who may connect: so many in all, so many of one network."""

from pathlib import Path

import pytest

from mailcore import replies
from mailcore.connection_limits import _network
from tests.support.small_receiver import SmallReceiver, serving
from tests.support.smtp_client import connected


@pytest.fixture
def receiver() -> SmallReceiver:
    return SmallReceiver()


async def test_connections_per_network_are_limited(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path, max_connections_per_ip=2) as server:
        async with connected(server.port) as one, connected(server.port) as two:
            assert (await one.reply()).startswith("220")
            assert (await two.reply()).startswith("220")
            async with connected(server.port) as three:
                assert await three.rest() == replies.TOO_MANY_CONNECTIONS.line().encode() + b"\r\n"
            assert (await one.say("NOOP")) == replies.OK.line()
        await server.connections.empty()
        async with connected(server.port) as again:
            assert (await again.reply()).startswith("220")


async def test_connections_in_all_are_limited(receiver: SmallReceiver, tmp_path: Path) -> None:
    async with serving(receiver, tmp_path, max_connections=1) as server, connected(server.port) as one:
        assert (await one.reply()).startswith("220")
        async with connected(server.port) as two:
            assert await two.rest() == replies.TOO_MANY_CONNECTIONS.line().encode() + b"\r\n"


def test_one_client_is_an_ipv4_address_or_a_64_of_ipv6() -> None:
    assert _network("192.0.2.1") != _network("192.0.2.2")
    assert _network("2001:db8::1") == _network("2001:db8::ffff:1") == _network("2001:db8:0:0:1::")
    assert _network("2001:db8::1") != _network("2001:db8:0:1::1")
    assert _network("fe80::1%eth0") == _network("fe80::2")
