"""Who may connect: so many in all, so many of one network."""

from pathlib import Path

import pytest

from mailcore import replies
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
