"""Mail by way of a load balancer: the real client counts for SPF, the log and the Received field."""

from mailcore.database import Tenant
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.proxied import BALANCERS, proxied
from tests.support.sender import letter
from tests.support.smtp_client import SmtpClient
from tests.support.stack import Stack

CLIENT, STRANGER = "192.0.2.7", "192.0.2.8"


def name(stack: Stack) -> None:
    """SPF of the sender passes for CLIENT only, and only CLIENT has a name that leads back."""
    stack.zone.put_txt("sender.test", f"v=spf1 ip4:{CLIENT} -all")
    stack.zone.put("7.2.0.192.in-addr.arpa", "PTR", "mail.sender.test.")
    stack.zone.put("mail.sender.test", "A", CLIENT)


async def deliver(client: SmtpClient) -> str:
    await client.hello()
    await client.envelope("hello@shop.test", sender="ann@sender.test")
    return await client.content(letter())


async def test_the_log_and_the_received_field_tell_the_real_client(opened: Opener) -> None:
    async with (
        Destination() as inbox,
        opened({"inbox.test": inbox}, proxy_protocol=BALANCERS) as stack,
    ):
        name(stack)
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        async with proxied(stack.settings.mx_port, CLIENT) as client:
            assert (await deliver(client)).startswith("250")
        (message,) = await inbox.wait_for(1)
        await stack.idle()
        (logged,) = await stack.world.logged()
        received, _ = await stack.reader().timeline(Tenant(stack.account.id), logged.id)
    assert (logged.client_ip, logged.client_name) == (CLIENT, "mail.sender.test")
    assert str(received.server_ip) == "198.51.100.25"  # where the client had connected to
    unfolded = message.content.replace(b"\r\n ", b" ")
    assert b"Received: from client.test (mail.sender.test [192.0.2.7]) by mx.clearpost.test" in unfolded
    assert b"127.0.0.1" not in message.content


async def test_spf_is_asked_of_the_real_client(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 no such user"}) as inbox,
        Destination() as theirs,
        opened({"inbox.test": inbox, "sender.test": theirs}, proxy_protocol=BALANCERS) as stack,
    ):
        name(stack)
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx", "worker")
        for client_ip in (STRANGER, CLIENT):
            async with proxied(stack.settings.mx_port, client_ip) as client:
                assert (await deliver(client)).startswith("250")
        (notification,) = await theirs.wait_for(1)
        await stack.idle()
        assert await stack.world.value("select sum(created)::int from ledger where origin = 'dsn'") == 1
    assert notification.rcpt == ("RCPT TO:<ann@sender.test>",)


async def test_connections_are_limited_by_the_real_client_at_the_door(opened: Opener) -> None:
    async with opened({}, proxy_protocol=BALANCERS, max_connections_per_ip=1) as stack:
        await stack.start("mx")
        port = stack.settings.mx_port
        async with (
            proxied(port, CLIENT) as one,
            proxied(port, STRANGER) as two,
            proxied(port, CLIENT) as three,
        ):
            assert (await one.reply()).startswith("220 ")
            assert (await two.reply()).startswith("220 ")
            assert (await three.reply()).startswith("421 4.7.0 Too many connections")
