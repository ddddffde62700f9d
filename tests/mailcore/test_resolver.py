"""DNS answers as values, against a real name server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from dns.message import Message

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.clock import Clock
from mailcore.dns_answers import Tlsa, TlsaAnswer
from mailcore.resolver import AddressAnswer, MxAnswer, Resolver, TxtAnswer
from mailcore.settings import Settings
from mailcore.settings.kinds import host_and_port


class HandClock(Clock):
    """Monotonic time moved by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class SmallDatagrams(DnsStandin):
    """A server that knows no EDNS: 512 octets by UDP, all by TCP."""

    def answer(self, wire: bytes) -> Message | None:
        response = super().answer(wire)
        if response is not None:
            response.request_payload = 0
        return response


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        yield standin


def resolver_at(address: str, clock: Clock, **changes: Any) -> Resolver:
    settings = Settings(**{"dns_servers": (address,), "dns_timeout": timedelta(seconds=0.5), **changes})
    return Resolver(settings=settings, clock=clock)


@pytest.fixture
async def resolver(dns: DnsStandin, clock: HandClock) -> AsyncIterator[Resolver]:
    resolver = resolver_at(dns.address, clock)
    yield resolver
    await resolver.close()


# Mail exchangers


async def test_mx_hosts_are_sorted_by_preference(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "20 B.test.", "10 c.test.")
    assert await resolver.mx("A.test") == MxAnswer("ok", ((10, "c.test"), (20, "b.test")))


async def test_address_without_mx_is_an_implicit_mx(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "AAAA", "2620:fe::fe")
    assert await resolver.mx("a.test") == MxAnswer("ok", ((0, "a.test"),), implicit=True)


async def test_single_root_mx_is_null(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "0 .")
    assert await resolver.mx("a.test") == MxAnswer("null")


async def test_root_mx_among_others_is_ignored(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "0 .", "10 mx.test.")
    assert await resolver.mx("a.test") == MxAnswer("ok", ((10, "mx.test"),))


@pytest.mark.parametrize("name", ["gone.test", "a..test", "x" * 64 + ".test", "a." * 130 + "test"])
async def test_missing_or_impossible_name_is_no_domain(resolver: Resolver, name: str) -> None:
    assert await resolver.mx(name) == MxAnswer("no-domain")


async def test_name_without_mx_and_address_is_no_domain(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put_txt("a.test", "just text")
    assert await resolver.mx("a.test") == MxAnswer("no-domain")


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.TIMEOUT])
async def test_servfail_refused_and_silence_are_failures(
    dns: DnsStandin, resolver: Resolver, fault: Fault
) -> None:
    dns.zone.fail("a.test", fault)
    late = fault is Fault.TIMEOUT
    assert await resolver.mx("a.test") == MxAnswer("failure", late=late)
    assert await resolver.addresses("a.test") == AddressAnswer("failure")
    assert await resolver.txt("a.test") == TxtAnswer("failure", late=late)
    dns.zone.heal("a.test")
    dns.zone.put("a.test", "MX", "10 mx.test.")
    assert (await resolver.mx("a.test")).status == "ok", "a failure is not cached"


async def test_no_server_at_all_is_a_failure(clock: HandClock) -> None:
    resolver = resolver_at("127.0.0.1:1", clock)
    assert await resolver.mx("a.test") == MxAnswer("failure", late=True)


async def test_international_name_is_asked_as_a_label(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("xn--bcher-kva.test", "MX", "10 mx.test.")
    assert (await resolver.mx("bücher.test")).status == "ok"


# Addresses


async def test_addresses_are_ipv4_first(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "AAAA", "2620:fe::fe")
    dns.zone.put("a.test", "A", "9.9.9.9")
    assert await resolver.addresses("a.test") == AddressAnswer("ok", ("9.9.9.9", "2620:fe::fe"))


async def test_cname_is_followed(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("alias.test", "CNAME", "a.test.")
    dns.zone.put("a.test", "A", "9.9.9.9")
    assert await resolver.addresses("alias.test") == AddressAnswer("ok", ("9.9.9.9",), name="a.test")


async def test_cname_loop_is_a_failure_and_not_a_hang(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("one.test", "CNAME", "two.test.")
    dns.zone.put("two.test", "CNAME", "one.test.")
    assert (await resolver.addresses("one.test")).status == "failure"


async def test_missing_host_has_no_addresses(resolver: Resolver) -> None:
    assert await resolver.addresses("gone.test") == AddressAnswer("none")


# TXT and reverse names


async def test_what_is_known_is_told_without_a_question_until_it_ends(
    dns: DnsStandin, resolver: Resolver, clock: HandClock
) -> None:
    dns.zone.put("a.test", "TXT", '"text"', ttl=10)
    assert resolver.known_txt("a.test") is None
    answer = await resolver.txt("A.test.")
    assert resolver.known_txt("a.TEST") == answer == TxtAnswer("ok", ("text",))
    assert resolver.known_txt("a..test") == TxtAnswer("none", exists=False)
    assert len(dns.questions) == 1
    clock.ahead += 11
    assert resolver.known_txt("a.test") is None


async def test_records_of_other_kinds_as_text_are_what_stands_there_and_nothing_else(
    dns: DnsStandin, resolver: Resolver
) -> None:
    dns.zone.put("a.test", "A", "9.9.9.9")
    dns.zone.put("b.test", "MX", "20 B.test.", "10 c.test.", "0 .")
    dns.zone.put("9.9.9.9.in-addr.arpa", "PTR", "A.test.")
    assert await resolver.texts("a.test", "A") == TxtAnswer("ok", ("9.9.9.9",))
    assert await resolver.texts("a.test", "MX") == TxtAnswer("none")
    assert await resolver.texts("b.test", "MX") == TxtAnswer("ok", ("c.test", "b.test"))
    assert await resolver.texts("9.9.9.9.in-addr.arpa", "PTR") == TxtAnswer("ok", ("a.test",))


async def test_long_txt_is_joined(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put_txt("a.test", "x" * 600)
    assert await resolver.txt("a.test") == TxtAnswer("ok", ("x" * 600,))


async def test_answer_too_large_for_udp_comes_by_tcp(clock: HandClock) -> None:
    texts = tuple(f"{number} {'x' * 200}" for number in range(20))
    async with SmallDatagrams() as dns:
        dns.zone.put_txt("a.test", *texts)
        resolver = resolver_at(dns.address, clock)
        assert sorted((await resolver.txt("a.test")).strings) == sorted(texts)
    assert len(dns.questions) == 2


async def test_missing_txt_is_none(resolver: Resolver) -> None:
    assert await resolver.txt("gone.test") == TxtAnswer("none", exists=False)


async def test_undecodable_txt_is_replaced(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "TXT", r'"\255ok"')
    assert await resolver.txt("a.test") == TxtAnswer("ok", ("\ufffdok",))


async def test_reverse_name_that_leads_back_is_preferred(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("9.9.9.9.in-addr.arpa", "PTR", "liar.test.", "mail.test.")
    dns.zone.put("mail.test", "A", "9.9.9.9")
    assert await resolver.ptr("9.9.9.9") == "mail.test"


async def test_reverse_name_that_does_not_lead_back_is_better_than_none(
    dns: DnsStandin, resolver: Resolver
) -> None:
    dns.zone.put("9.9.9.9.in-addr.arpa", "PTR", "liar.test.")
    assert await resolver.ptr("9.9.9.9") == "liar.test"


async def test_whether_a_reverse_name_leads_back(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("7.2.0.192.in-addr.arpa", "PTR", "other.test.", "mx.example.test.")
    dns.zone.put("mx.example.test", "A", "192.0.2.7")
    dns.zone.put("8.2.0.192.in-addr.arpa", "PTR", "mx.example.test.")
    found = [await resolver.leads_back(f"192.0.2.{last}") for last in (7, 8, 9)]
    assert found == [True, False, False]


async def test_where_nobody_can_say_a_client_is_not_without_a_reverse_name(
    dns: DnsStandin, resolver: Resolver
) -> None:
    dns.zone.fail("7.2.0.192.in-addr.arpa", Fault.SERVFAIL)
    dns.zone.put("8.2.0.192.in-addr.arpa", "PTR", "mx.example.test.")
    dns.zone.fail("mx.example.test", Fault.TIMEOUT)
    assert [await resolver.leads_back(f"192.0.2.{last}") for last in (7, 8)] == [None, None]


@pytest.mark.parametrize("ip", ["9.9.9.9", "2620:fe::fe", "not an address"])
async def test_no_reverse_name_is_none(resolver: Resolver, ip: str) -> None:
    assert await resolver.ptr(ip) is None


# Cache and sharing


async def test_answer_is_cached_for_its_ttl(dns: DnsStandin, resolver: Resolver, clock: HandClock) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.", ttl=100)
    for ahead, asked in ((0.0, 1), (99.0, 1), (101.0, 2)):
        clock.ahead = ahead
        assert (await resolver.mx("a.test")).status == "ok"
        assert dns.questions.count(("a.test", "MX")) == asked


async def test_ttl_is_capped_at_an_hour(dns: DnsStandin, resolver: Resolver, clock: HandClock) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.", ttl=1_000_000)
    await resolver.mx("a.test")
    clock.ahead = 3601.0
    await resolver.mx("a.test")
    assert dns.questions.count(("a.test", "MX")) == 2


async def test_ttl_zero_is_not_cached(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.", ttl=0)
    await resolver.mx("a.test")
    await resolver.mx("a.test")
    assert dns.questions.count(("a.test", "MX")) == 2


async def test_negative_answer_is_cached_at_most_a_minute(
    dns: DnsStandin, resolver: Resolver, clock: HandClock
) -> None:
    assert await resolver.txt("gone.test") == TxtAnswer("none", exists=False)
    dns.zone.put_txt("gone.test", "here now")
    clock.ahead = 61.0
    assert await resolver.txt("gone.test") == TxtAnswer("ok", ("here now",))


async def test_cache_forgets_the_least_used(dns: DnsStandin, clock: HandClock) -> None:
    resolver = resolver_at(dns.address, clock, dns_cache_entries=2)
    for name in ("a.test", "b.test", "c.test"):
        dns.zone.put(name, "MX", "10 mx.test.", ttl=100)
    for name in ("a.test", "b.test", "a.test", "c.test", "a.test", "b.test"):
        await resolver.mx(name)
    assert [name for name, _ in dns.questions] == ["a.test", "b.test", "c.test", "b.test"]


async def test_same_questions_at_once_share_one_query(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.", ttl=0)
    answers = await asyncio.gather(*(resolver.mx("a.test") for _ in range(20)))
    assert {answer.status for answer in answers} == {"ok"}
    assert dns.questions == [("a.test", "MX")]


async def test_one_waiter_leaving_does_not_end_the_query(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "MX", "10 mx.test.")
    leaving = asyncio.create_task(resolver.mx("a.test"))
    staying = asyncio.create_task(resolver.mx("a.test"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).status == "ok"
    assert leaving.cancelled()


async def test_close_ends_open_questions_as_failures(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.fail("a.test", Fault.TIMEOUT)
    waiting = asyncio.create_task(resolver.mx("a.test"))
    await asyncio.sleep(0)
    await resolver.close()
    assert await waiting == MxAnswer("failure")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("[::1]", ("::1", 53)),
        ("::1", ("::1", 53)),
        ("host.test:99", ("host.test", 99)),
    ],
)
def test_host_and_port_are_told_apart(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, 53) == expected


# DNSSEC: what a validating resolver says about its answers

DIGEST = "ab" * 32


async def test_signed_answers_are_secure(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.sign("a.test")
    dns.zone.put("a.test", "MX", "10 mx.a.test.")
    dns.zone.put("mx.a.test", "A", "9.9.9.9")
    dns.zone.put("b.test", "MX", "10 mx.a.test.")
    assert (await resolver.mx("a.test")).secure
    assert (await resolver.addresses("mx.a.test")).secure
    assert not (await resolver.mx("b.test")).secure


async def test_an_alias_is_as_secure_as_each_of_its_steps(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.sign("a.test")
    for alias, target in (("out.a.test", "b.test"), ("in.b.test", "a.test"), ("within.a.test", "a.test")):
        dns.zone.put(alias, "CNAME", f"{target}.")
        dns.zone.put(target, "A", "9.9.9.9")
    assert not (await resolver.addresses("out.a.test")).secure
    assert not (await resolver.addresses("in.b.test")).secure
    within = await resolver.addresses("within.a.test")
    assert (within.secure, within.name) == (True, "a.test")


async def test_that_there_is_no_mx_must_be_signed_too(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("a.test", "A", "9.9.9.9")
    assert not (await resolver.mx("a.test")).secure
    resolver.forget("a.test")
    dns.zone.sign("a.test")
    assert (await resolver.mx("a.test")).secure


async def test_tlsa_records_are_told_as_they_are(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.sign("a.test")
    dns.zone.put("_25._tcp.a.test", "TLSA", f"3 1 1 {DIGEST}", "0 7 0 00")
    answer = await resolver.tlsa("a.test", 25)
    assert answer.status == "ok"
    assert set(answer.records) == {Tlsa(3, 1, 1, bytes.fromhex(DIGEST)), Tlsa(0, 7, 0, b"\0")}
    assert await resolver.tlsa("a.test", 26) == TlsaAnswer("none")


async def test_unsigned_tlsa_records_say_nothing(dns: DnsStandin, resolver: Resolver) -> None:
    dns.zone.put("_25._tcp.a.test", "TLSA", f"3 1 1 {DIGEST}")
    assert await resolver.tlsa("a.test", 25) == TlsaAnswer("none")


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.TIMEOUT])
async def test_failing_tlsa_lookup_is_not_taken_for_none(
    dns: DnsStandin, resolver: Resolver, fault: Fault
) -> None:
    dns.zone.fail("_25._tcp.a.test", fault)
    assert await resolver.tlsa("a.test", 25) == TlsaAnswer("failure")


@pytest.mark.parametrize(
    ("dane", "servers", "secure"),
    [
        ("auto", (), True),
        ("off", (), False),
        ("on", ("192.0.2.1:53",), True),
        ("auto", ("192.0.2.1",), False),
    ],
)
async def test_only_a_resolver_on_this_machine_is_believed_by_itself(
    dns: DnsStandin, clock: HandClock, dane: str, servers: tuple[str, ...], secure: bool
) -> None:
    dns.zone.sign("a.test")
    dns.zone.put("a.test", "MX", "10 mx.a.test.")
    # The first server answers; one elsewhere among them is never asked, yet it could be.
    resolver = resolver_at(dns.address, clock, dns_servers=(dns.address, *servers), dane=dane)
    assert (await resolver.mx("a.test")).secure is secure
    await resolver.close()
