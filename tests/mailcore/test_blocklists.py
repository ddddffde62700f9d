"""What lists say of an IP: listed, clear, or nothing that counts; against a real name server."""

from collections.abc import AsyncIterator

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore import blocklists
from mailcore.blocklists import question
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings

SPAMMER, HONEST = "192.0.2.66", "192.0.2.1"
NAME = "66.2.0.192.bl.test"


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        yield standin


@pytest.fixture
async def resolver(dns: DnsStandin) -> AsyncIterator[Resolver]:
    resolver = Resolver(settings=Settings(dns_servers=(dns.address,)), clock=Clock())
    yield resolver
    await resolver.close()


async def state(resolver: Resolver, ip: str, *, seconds: float = 2.0) -> str:
    (listing,) = await blocklists.look_up(resolver, ip, ["bl.test"], seconds)
    return listing.state


def test_an_ipv4_address_is_asked_for_with_its_octets_reversed() -> None:
    assert question("192.0.2.66", "bl.test") == NAME
    assert question("::ffff:192.0.2.66", "bl.test.") == NAME


def test_an_ipv6_address_is_asked_for_by_its_nibbles_in_reverse() -> None:
    """RFC 5782 section 2.4."""
    assert question("2001:db8::1", "x.test") == "1." + "0." * 23 + "8.b.d.0.1.0.0.2.x.test"


def test_what_is_no_ip_is_asked_of_nobody() -> None:
    assert question("unix", "bl.test") is None


async def test_an_answer_in_127_is_a_listing(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put(NAME, "A", "127.0.0.2")
    assert await state(resolver, SPAMMER) == "listed"
    assert await state(resolver, HONEST) == "clear"


@pytest.mark.parametrize("answer", ["127.255.255.254", "127.0.0.1", "203.0.113.9"])
async def test_an_answer_that_means_no_listing_counts_for_none(
    dns: DnsStandin, resolver: Resolver, answer: str
) -> None:
    """An error code of the list, a resolver that blocks names, one that leads everybody to its own page."""
    dns.zone.put(NAME, "A", answer)
    assert await state(resolver, SPAMMER) == "unusable"


async def test_a_listing_beside_other_codes_counts(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put(NAME, "A", "127.255.255.1", "127.0.0.4")
    assert await state(resolver, SPAMMER) == "listed"


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.TIMEOUT])
async def test_a_list_that_does_not_answer_lists_nobody(
    dns: DnsStandin, resolver: Resolver, fault: Fault
) -> None:
    dns.zone.fail(NAME, fault)
    assert await state(resolver, SPAMMER, seconds=0.2) == "unusable"


async def test_all_lists_are_asked_and_answers_are_kept(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("66.2.0.192.two.test", "A", "127.0.0.2")
    for _ in range(2):
        said = await blocklists.look_up(resolver, SPAMMER, ["bl.test", "two.test"], 2.0)
        assert [(each.zone, each.state) for each in said] == [("bl.test", "clear"), ("two.test", "listed")]
    assert (NAME, "A") in dns.questions
    assert dns.questions.count(("66.2.0.192.two.test", "A")) == 1
