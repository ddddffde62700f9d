"""One attempt over several next hops: who is tried next, and when not."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from clearpost.standins.dns import DnsStandin
from mailcore.clock import Clock
from mailcore.next_hops import NextHop, NextHops
from mailcore.outcome import Outcome
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.transport import Parcel, Transport
from tests.support.destination import DROP, Destination

CONTENT = b"Subject: hello\r\n\r\nHello there.\r\n"
PARCEL = Parcel(
    "sender@origin.test", "jo@inbox.test", [CONTENT], len(CONTENT), smtputf8=False, eight_bit=False
)


class Answered(NextHops):
    """Next hops on loopback, as if DNS had named them."""

    def __init__(self, hops: tuple[NextHop, ...]) -> None:
        self.hops = hops

    async def find(self, domain: str, *, require_tls: bool = False) -> tuple[NextHop, ...] | Outcome:
        assert domain == "inbox.test"
        return self.hops


@asynccontextmanager
async def dead_hop() -> AsyncIterator[NextHop]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield NextHop("dead.test", "127.0.0.1", taken.getsockname()[1])


def hop_to(destination: Destination, name: str) -> NextHop:
    return NextHop(name, destination.host, destination.port)


async def send_over(*hops: NextHop, source_address: str | None = None) -> Outcome:
    settings = Settings()
    resolver = Resolver(settings=settings, clock=Clock())
    transport = Transport(
        settings=settings,
        resolver=resolver,
        clock=Clock(),
        source_address=source_address,
        next_hops=Answered(hops),
    )
    try:
        return await transport.send(PARCEL, may_commit=lambda: True)
    finally:
        await transport.close()


async def test_next_host_is_tried_when_one_refuses_to_talk() -> None:
    async with (
        dead_hop() as dead,
        Destination({"CONNECT": "421 4.3.2 not now"}) as busy,
        Destination({"CONNECT": "554 5.3.2 no mail here"}) as closed,
        Destination({"EHLO": DROP}) as rude,
        Destination() as sound,
    ):
        outcome = await send_over(
            dead,
            hop_to(busy, "b.test"),
            hop_to(closed, "c.test"),
            hop_to(rude, "d.test"),
            hop_to(sound, "e.test"),
        )
    assert (outcome.kind, outcome.server_name) == ("delivered", "e.test")
    assert len(sound.messages) == 1


async def test_verdict_on_the_message_is_not_taken_elsewhere() -> None:
    async with Destination({"RCPT": "451 4.7.1 greylisted"}) as first, Destination() as second:
        outcome = await send_over(hop_to(first, "a.test"), hop_to(second, "b.test"))
    assert (outcome.kind, outcome.enhanced, outcome.server_name) == ("transient", "4.7.1", "a.test")
    assert second.connections == 0


async def test_ambiguous_end_is_not_tried_elsewhere() -> None:
    async with Destination({"DOT": DROP}) as first, Destination() as second:
        outcome = await send_over(hop_to(first, "a.test"), hop_to(second, "b.test"))
    assert (outcome.kind, outcome.reason) == ("transient", "ambiguous")
    assert second.connections == 0


async def test_last_refusal_is_the_outcome_when_all_turn_away() -> None:
    async with dead_hop() as dead, Destination({"CONNECT": "554 5.7.1 no"}) as closed:
        outcome = await send_over(dead, hop_to(closed, "c.test"))
    assert (outcome.kind, outcome.code, outcome.enhanced) == ("transient", 554, "4.4.1")
    assert (outcome.response, outcome.server_name) == ("554 5.7.1 no", "c.test")


async def test_meeting_ourselves_ends_the_attempt() -> None:
    async with Destination({"CONNECT": "220 mx.clearpost.test ESMTP"}) as mirror, Destination() as second:
        outcome = await send_over(hop_to(mirror, "a.test"), hop_to(second, "b.test"))
    assert (outcome.kind, outcome.reason, second.connections) == ("permanent", "loop", 0)


async def test_connection_leaves_from_the_source_address() -> None:
    async with Destination() as destination:
        await send_over(hop_to(destination, "a.test"), source_address="127.0.0.9")
    assert destination.messages[0].client_ip == "127.0.0.9"


async def test_domain_that_leads_to_loopback_gets_no_connection() -> None:
    async with DnsStandin() as dns, Destination() as destination:
        dns.zone.put("inbox.test", "MX", "10 mx.inbox.test.")
        dns.zone.put("mx.inbox.test", "A", destination.host)
        settings = Settings(dns_servers=(dns.address,))
        resolver = Resolver(settings=settings, clock=Clock())
        transport = Transport(settings=settings, resolver=resolver, clock=Clock())
        outcome = await transport.send(PARCEL, may_commit=lambda: True)
    assert (outcome.kind, outcome.reason, outcome.server_ip) == ("transient", "private-address", None)
    assert destination.connections == 0


# IPv4 and IPv6

V4, V6 = ("A", "127.0.0.1"), ("AAAA", "::1")


@asynccontextmanager
async def transport_to_hosts(
    port: int, *hosts: tuple[tuple[str, str], ...], **changes: Any
) -> AsyncIterator[Transport]:
    """inbox.test has these mail hosts, mx0 first; each has these addresses."""
    async with DnsStandin() as dns:
        dns.zone.put("inbox.test", "MX", *(f"{number} mx{number}.test." for number in range(len(hosts))))
        for number, addresses in enumerate(hosts):
            for rdtype, address in addresses:
                dns.zone.put(f"mx{number}.test", rdtype, address)
        internal = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
        usual = {"outbound_ipv6": "on", "smtp_port": port, "internal_networks": internal}
        settings = Settings(dns_servers=(dns.address,), **{**usual, **changes})
        resolver = Resolver(settings=settings, clock=Clock())
        transport = Transport(settings=settings, resolver=resolver, clock=Clock())
        yield transport
        await transport.close()
        await resolver.close()


async def send(transport: Transport) -> Outcome:
    return await transport.send(PARCEL, may_commit=lambda: True)


async def test_ipv6_takes_over_where_ipv4_is_dead() -> None:
    async with (
        Destination(host="::1") as destination,
        transport_to_hosts(destination.port, (V4, V6)) as transport,
    ):
        outcome = await send(transport)
    assert (outcome.kind, outcome.server_ip, len(destination.messages)) == ("delivered", "::1", 1)


async def test_ipv4_takes_over_where_ipv6_is_dead() -> None:
    async with Destination() as destination, transport_to_hosts(destination.port, (V6,), (V4,)) as transport:
        outcome = await send(transport)
    assert (outcome.kind, outcome.server_ip, outcome.server_name) == ("delivered", "127.0.0.1", "mx1.test")


async def test_ipv6_is_left_alone_where_it_may_not_be_used() -> None:
    async with (
        Destination(host="::1") as destination,
        transport_to_hosts(destination.port, (V4, V6), outbound_ipv6="off") as transport,
    ):
        outcome = await send(transport)
    assert (outcome.kind, outcome.reason, destination.connections) == ("transient", "connect", 0)


async def test_each_version_leaves_from_its_own_source_address() -> None:
    async with (
        Destination() as v4,
        Destination(host="::1", port=v4.port) as v6,
        transport_to_hosts(v4.port, (V4, V6), outbound_source_address="127.0.0.9,::1") as transport,
    ):
        await send(transport)
        await v4.stop()
        await send(transport)
    assert (v4.messages[0].client_ip, v6.messages[0].client_ip) == ("127.0.0.9", "::1")
