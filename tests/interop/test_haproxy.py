"""A real HAProxy before the mx: clients keep their addresses, health checks pass, TLS goes through."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.interop.haproxy import running_haproxy
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import letter
from tests.support.smtp_client import connected
from tests.support.stack import until

BALANCERS = (ip_network("127.0.0.1"),)
CLIENT = "127.0.0.9"


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_mail_through_haproxy_is_mail_of_its_client(
    opened: Opener, tmp_path: Path, version: str
) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}, proxy_protocol=BALANCERS) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        async with running_haproxy(tmp_path, stack.settings.mx_port, version) as balancer:

            async def is_well() -> bool:
                return await balancer.check_status() == "L7OK"

            await until(is_well)
            async with connected(balancer.port, source=CLIENT) as client:
                await client.hello()
                await client.starttls()
                await client.say("EHLO client.test")
                await client.envelope("hello@shop.test", sender="ann@sender.test")
                assert (await client.content(letter())).startswith("250 2.0.0 Queued")
            (message,) = await inbox.wait_for(1)
            await stack.idle()
            logged = await stack.world.logged()
    assert [message.client_ip for message in logged] == [CLIENT]
    assert b"[127.0.0.9])" in message.content.replace(b"\r\n ", b" ")
    assert b"with ESMTPS" in message.content


async def test_haproxy_takes_an_mx_that_knows_nothing_of_it_for_dead(opened: Opener, tmp_path: Path) -> None:
    async with opened({}) as stack:
        await stack.start("mx")
        async with running_haproxy(tmp_path, stack.settings.mx_port) as balancer:

            async def has_judged() -> bool:
                return await balancer.check_status() not in ("", "INI")

            await until(has_judged)
            assert await balancer.check_status() != "L7OK"
