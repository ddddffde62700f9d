"""Where mail is tried: routes, MX order, and never a private address."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore import tls_need
from mailcore.clock import Clock
from mailcore.dns_answers import Tlsa
from mailcore.next_hops import NextHop, NextHops
from mailcore.outcome import Outcome
from mailcore.public_addresses import is_public
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.source_addresses import SourceAddresses
from mailcore.tls_need import OPPORTUNISTIC, TlsNeed


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


class HandClock(Clock):
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


def next_hops(resolver: Resolver, source: str = "", clock: Clock | None = None, **changes: Any) -> NextHops:
    settings = Settings(**{"outbound_ipv6": "on", **changes})
    sources = SourceAddresses(settings=settings, resolver=resolver, clock=Clock(), text=source)
    return NextHops(settings=settings, resolver=resolver, sources=sources, clock=clock or Clock())


async def found(
    resolver: Resolver, domain: str = "a.test", source: str = "", **changes: Any
) -> Sequence[NextHop]:
    hops = await next_hops(resolver, source, **changes).find(domain)
    assert not isinstance(hops, Outcome), hops
    return hops


async def refused(resolver: Resolver, domain: str = "a.test", **changes: Any) -> tuple[str, str, str]:
    outcome = await next_hops(resolver, **changes).find(domain)
    assert isinstance(outcome, Outcome)
    return outcome.kind, outcome.enhanced, outcome.reason


@pytest.mark.parametrize(
    ("route", "hop"),
    [
        ("127.0.0.1:2525", NextHop("127.0.0.1", "127.0.0.1", 2525)),
        ("[::1]:2525", NextHop("::1", "::1", 2525)),
        ("relay.test:26", NextHop("relay.test", "10.1.2.3", 26)),
        ("relay.test", NextHop("relay.test", "10.1.2.3", 25)),
    ],
)
async def test_route_replaces_mx_lookup(
    dns: DnsStandin, resolver: Resolver, route: str, hop: NextHop
) -> None:
    dns.zone.put("relay.test", "A", "10.1.2.3")
    routes = {"a.test": route, "*": "127.0.0.2:25"}
    assert await found(resolver, "A.test.", routes=routes) == (hop,)
    assert await found(resolver, "b.test", routes=routes) == (NextHop("127.0.0.2", "127.0.0.2", 25),)
    assert not [question for question in dns.questions if question[1] == "MX"]


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


async def test_what_was_found_serves_a_burst_and_is_shuffled_each_time(
    dns: DnsStandin, resolver: Resolver
) -> None:
    dns.zone.put("a.test", "MX", "10 a.mx.test.", "10 b.mx.test.", "5 c.mx.test.")
    for number, name in enumerate("abc"):
        dns.zone.put(f"{name}.mx.test", "A", f"8.8.8.{number}", ttl=0)
    clock = HandClock()
    hops = next_hops(resolver, clock=clock)
    orders = {_names(await hops.find("a.test")) for _ in range(50)}
    assert orders == {("c.mx.test", "a.mx.test", "b.mx.test"), ("c.mx.test", "b.mx.test", "a.mx.test")}
    asked = [question for question in dns.questions if question == ("c.mx.test", "A")]
    assert len(asked) == 1
    dns.zone.put("c.mx.test", "A", "8.8.4.4", ttl=0)
    clock.at += 1
    first = await hops.find("a.test")
    assert not isinstance(first, Outcome)
    assert first[0].address == "8.8.4.4"


async def test_what_could_not_be_found_is_asked_for_again(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 a.mx.test.", "20 b.mx.test.")
    dns.zone.put("b.mx.test", "A", "8.8.8.8")
    hops = next_hops(resolver)
    assert _names(await hops.find("a.test")) == ("b.mx.test",)
    dns.zone.put("a.mx.test", "A", "8.8.4.4")
    assert _names(await hops.find("a.test")) == ("a.mx.test", "b.mx.test")


def _names(hops: tuple[NextHop, ...] | Outcome) -> tuple[str, ...]:
    assert not isinstance(hops, Outcome)
    return tuple(hop.host for hop in hops)


async def test_many_addresses_do_not_hide_the_next_host(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 many.test.", "20 other.test.")
    dns.zone.put("many.test", "A", *(f"9.9.9.{number}" for number in range(1, 9)))
    dns.zone.put("other.test", "A", "9.9.8.1")
    assert [hop.host for hop in await found(resolver)] == ["many.test", "many.test", "other.test"]


async def test_attempt_is_capped(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", *(f"9.9.9.{number}" for number in range(1, 9)))
    assert len(await found(resolver, connects_per_attempt=3)) == 3


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


async def test_mx_may_lead_to_networks_that_the_operator_names(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", "10.1.2.3", "192.168.1.1")
    hops = await found(resolver, internal_networks=("10.0.0.0/8", "fd00::/8"), smtp_port=2525)
    assert hops == (NextHop("a.test", "10.1.2.3", 2525),)


# IPv4 and IPv6


async def test_two_source_addresses_pick_both_ip_versions(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", "9.9.9.1")
    dns.zone.put("a.test", "AAAA", "2620:fe::1")
    hops = await found(resolver, source="192.0.2.1,2001:db8::1")
    assert [hop.address for hop in hops] == ["9.9.9.1", "2620:fe::1"]


async def test_without_ipv6_only_ipv4_addresses_are_tried(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "AAAA", "2620:fe::1")
    assert await refused(resolver, outbound_ipv6="off") == ("transient", "4.4.4", "ip-version")
    dns.zone.put("b.test", "A", "9.9.9.1")
    dns.zone.put("b.test", "AAAA", "2620:fe::1")
    assert [hop.address for hop in await found(resolver, "b.test", outbound_ipv6="off")] == ["9.9.9.1"]


# What TLSA records ask of a host

DIGEST = "ab" * 32


def signed_host(dns: DnsStandin, *tlsa: str) -> None:
    dns.zone.sign("a.test")
    dns.zone.put("a.test", "MX", "10 mx.a.test.")
    dns.zone.put("mx.a.test", "A", "9.9.9.1")
    if tlsa:
        dns.zone.put("_25._tcp.mx.a.test", "TLSA", *tlsa)


async def need_of(resolver: Resolver, require_tls: bool = False) -> TlsNeed:
    hops = await next_hops(resolver).find("a.test", require_tls=require_tls)
    assert not isinstance(hops, Outcome), hops
    return hops[0].tls


async def test_usable_records_ask_for_that_certificate(dns: DnsStandin, resolver: Resolver) -> None:
    signed_host(dns, f"3 1 1 {DIGEST}", f"2 1 1 {DIGEST}")
    record = Tlsa(3, 1, 1, bytes.fromhex(DIGEST))
    assert await need_of(resolver) == TlsNeed("dane", "DANE", "mx.a.test", (record,))


async def test_unusable_records_ask_for_encryption(dns: DnsStandin, resolver: Resolver) -> None:
    signed_host(dns, f"2 1 1 {DIGEST}", f"1 0 1 {DIGEST}")
    assert await need_of(resolver) == TlsNeed("encrypted", "DANE")
    assert (await need_of(resolver, require_tls=True)).level == "webpki"


async def test_host_without_records_needs_nothing(dns: DnsStandin, resolver: Resolver) -> None:
    signed_host(dns)
    assert await need_of(resolver) == OPPORTUNISTIC


@pytest.mark.parametrize("signed", ["a.test", "mx.b.test"])
async def test_records_behind_an_unsigned_answer_are_not_believed(
    dns: DnsStandin, resolver: Resolver, signed: str
) -> None:
    dns.zone.sign(signed)
    dns.zone.put("a.test", "MX", "10 mx.b.test.")
    dns.zone.put("mx.b.test", "A", "9.9.9.1")
    dns.zone.put("_25._tcp.mx.b.test", "TLSA", f"3 1 1 {DIGEST}")
    assert await need_of(resolver) == OPPORTUNISTIC


async def test_unsigned_records_of_a_signed_host_are_not_believed(
    dns: DnsStandin, resolver: Resolver
) -> None:
    signed_host(dns)
    dns.zone.put("_25._tcp.mx.a.test", "CNAME", "tlsa.b.test.")
    dns.zone.put("tlsa.b.test", "TLSA", f"3 1 1 {DIGEST}")
    assert await need_of(resolver) == OPPORTUNISTIC


async def test_insecure_host_is_not_asked_for_records(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 mx.a.test.")
    dns.zone.put("mx.a.test", "A", "9.9.9.1")
    dns.zone.fail("_25._tcp.mx.a.test", Fault.SERVFAIL)  # some servers do, at a type they do not know
    assert await need_of(resolver) == OPPORTUNISTIC
    assert not [question for question in dns.questions if question[1] == "TLSA"]


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.TIMEOUT])
async def test_host_whose_records_cannot_be_had_is_passed_over(
    dns: DnsStandin, resolver: Resolver, fault: Fault
) -> None:
    signed_host(dns)
    dns.zone.fail("_25._tcp.mx.a.test", fault)
    assert await refused(resolver) == ("transient", "4.7.5", "tls")
    dns.zone.put("b.test", "MX", "10 mx.a.test.", "20 mx2.a.test.")
    dns.zone.put("mx2.a.test", "A", "9.9.9.2")
    dns.zone.sign("b.test")
    assert [hop.host for hop in await found(resolver, "b.test")] == ["mx2.a.test"]


async def test_records_are_looked_for_where_an_alias_leads(dns: DnsStandin, resolver: Resolver) -> None:
    signed_host(dns, f"3 1 2 {DIGEST * 2}")
    dns.zone.remove("mx.a.test")
    dns.zone.put("mx.a.test", "CNAME", "real.a.test.")
    dns.zone.put("real.a.test", "A", "9.9.9.1")
    assert (await need_of(resolver)).name == "mx.a.test"
    resolver.forget("_25._tcp.real.a.test")
    dns.zone.put("_25._tcp.real.a.test", "TLSA", f"3 1 1 {DIGEST}")
    assert (await need_of(resolver)).name == "real.a.test"


async def test_owner_may_require_a_proven_host(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 mx.a.test.")
    dns.zone.put("mx.a.test", "A", "9.9.9.1")
    assert await need_of(resolver, require_tls=True) == tls_need.of_owner("mx.a.test")
    hops = await next_hops(resolver, routes={"*": "127.0.0.1:25"}).find("b.test", require_tls=True)
    assert hops == (NextHop("127.0.0.1", "127.0.0.1", 25, tls_need.of_owner("127.0.0.1")),)
