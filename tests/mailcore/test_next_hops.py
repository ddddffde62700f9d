"""Where mail is tried: routes, MX order, and never a private address."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.clock import Clock
from mailcore.next_hops import NextHop, NextHops, is_public
from mailcore.outcome import Outcome
from mailcore.resolver import Resolver
from mailcore.settings import Settings


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        yield standin


@pytest.fixture
async def resolver(dns: DnsStandin) -> AsyncIterator[Resolver]:
    settings = Settings(dns_servers=(dns.address,), dns_timeout=timedelta(seconds=0.5))
    resolver = Resolver(settings=settings, clock=Clock())
    yield resolver
    await resolver.close()


async def found(
    resolver: Resolver, domain: str = "a.test", limit: int = 5, source: str = ""
) -> Sequence[NextHop]:
    hops = await NextHops(routes={}, resolver=resolver, limit=limit, source_address=source).find(domain)
    assert not isinstance(hops, Outcome), hops
    return hops


async def refused(resolver: Resolver, domain: str = "a.test") -> tuple[str, str, str]:
    outcome = await NextHops(routes={}, resolver=resolver, limit=5).find(domain)
    assert isinstance(outcome, Outcome)
    return outcome.kind, outcome.enhanced, outcome.reason


@pytest.mark.parametrize(
    ("route", "hop"),
    [
        ("127.0.0.1:2525", NextHop("127.0.0.1", "127.0.0.1", 2525)),
        ("[::1]:2525", NextHop("::1", "::1", 2525)),
        ("relay.test:26", NextHop("relay.test", "relay.test", 26)),
        ("relay.test", NextHop("relay.test", "relay.test", 25)),
    ],
)
async def test_route_replaces_mx_lookup(
    dns: DnsStandin, resolver: Resolver, route: str, hop: NextHop
) -> None:
    routes = {"a.test": route, "*": "other.test:25"}
    assert await NextHops(routes=routes, resolver=resolver, limit=5).find("A.test.") == (hop,)
    other = await NextHops(routes=routes, resolver=resolver, limit=5).find("b.test")
    assert other == (NextHop("other.test", "other.test", 25),)
    assert dns.questions == []


async def test_mx_hosts_come_by_preference_ipv4_first(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "20 second.test.", "10 first.test.")
    dns.zone.put("first.test", "A", "9.9.9.1")
    dns.zone.put("first.test", "AAAA", "2620:fe::1")
    dns.zone.put("second.test", "A", "9.9.9.2")
    assert await found(resolver) == (
        NextHop("first.test", "9.9.9.1", 25),
        NextHop("first.test", "2620:fe::1", 25),
        NextHop("second.test", "9.9.9.2", 25),
    )


async def test_equal_preference_is_shuffled(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", *(f"10 mx{number}.test." for number in range(4)))
    for number in range(4):
        dns.zone.put(f"mx{number}.test", "A", f"9.9.9.{number}")
    orders = {tuple(hop.host for hop in await found(resolver)) for _ in range(40)}
    assert len(orders) > 1
    assert all(sorted(order) == ["mx0.test", "mx1.test", "mx2.test", "mx3.test"] for order in orders)


async def test_many_addresses_do_not_hide_the_next_host(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 many.test.", "20 other.test.")
    dns.zone.put("many.test", "A", *(f"9.9.9.{number}" for number in range(1, 9)))
    dns.zone.put("other.test", "A", "9.9.8.1")
    assert [hop.host for hop in await found(resolver)] == ["many.test", "many.test", "other.test"]


async def test_attempt_is_capped(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", *(f"9.9.9.{number}" for number in range(1, 9)))
    assert len(await found(resolver, limit=3)) == 3


async def test_source_address_picks_the_ip_version(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", "9.9.9.1")
    dns.zone.put("a.test", "AAAA", "2620:fe::1")
    assert [hop.address for hop in await found(resolver, source="192.0.2.1")] == ["9.9.9.1"]
    assert [hop.address for hop in await found(resolver, source="2001:db8::1")] == ["2620:fe::1"]


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.0.1", "0.0.0.0", "224.0.0.1"]
)
async def test_private_address_from_dns_is_never_a_next_hop(
    dns: DnsStandin, resolver: Resolver, ip: str
) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.")
    dns.zone.put("mx.test", "A", ip)
    assert await refused(resolver) == ("transient", "4.4.4", "private-address")
    dns.zone.put("b.test", "A", ip, "9.9.9.1")
    assert [hop.address for hop in await found(resolver, "b.test")] == ["9.9.9.1"]


@pytest.mark.parametrize(
    "ip",
    [
        "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "192.0.2.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_hidden_private_addresses_are_seen(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_public_addresses_are_public(ip: str) -> None:
    assert is_public(ip)


async def test_null_mx_is_hard_5_1_10(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "0 .")
    dns.zone.put("a.test", "A", "9.9.9.1")
    assert await refused(resolver) == ("permanent", "5.1.10", "null-mx")


async def test_missing_domain_is_soft_for_the_delivery_to_judge(resolver: Resolver) -> None:
    assert await refused(resolver) == ("transient", "4.1.2", "no-domain")


async def test_mx_hosts_without_address_count_as_no_domain(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 gone.test.")
    assert await refused(resolver) == ("transient", "4.4.4", "no-domain")


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.TIMEOUT])
@pytest.mark.parametrize("name", ["a.test", "mx.test"])
async def test_dns_failure_is_soft_4_4_3(
    dns: DnsStandin, resolver: Resolver, fault: Fault, name: str
) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.")
    dns.zone.fail(name, fault)
    assert await refused(resolver) == ("transient", "4.4.3", "dns-failure")


async def test_failing_host_does_not_hide_the_others(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 broken.test.", "20 sound.test.")
    dns.zone.fail("broken.test", Fault.SERVFAIL)
    dns.zone.put("sound.test", "A", "9.9.9.1")
    assert [hop.host for hop in await found(resolver)] == ["sound.test"]
