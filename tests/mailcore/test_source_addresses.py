"""Which of our addresses mail leaves from, and when it may leave over IPv6."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from mailcore.source_addresses import LOOK_AGAIN, LOOK_AGAIN_UNFIT, SourceAddresses, named
from tests.support.ground import SteppedClock

OURS = "2001:db8::25"
REVERSE = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
BOTH = ("9.9.9.1", "2620:fe::1")


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        yield standin


@asynccontextmanager
async def sources(
    dns: DnsStandin, text: str = "", *, system: str = "", clock: SteppedClock | None = None, **changes: Any
) -> AsyncIterator[SourceAddresses]:
    settings = Settings(dns_servers=(dns.address,), dns_timeout=timedelta(seconds=0.3), **changes)
    clock = clock or SteppedClock()
    resolver = Resolver(settings=settings, clock=clock)
    made = SourceAddresses(
        settings=settings, resolver=resolver, clock=clock, text=text, chosen_by_system=lambda: system
    )
    yield made
    await made.close()
    await resolver.close()


def publish(dns: DnsStandin, leads_to: str = OURS) -> None:
    dns.zone.put(REVERSE, "PTR", "mx.clearpost.test.")
    dns.zone.put("mx.clearpost.test", "AAAA", leads_to)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("192.0.2.1", {4: "192.0.2.1"}),
        ("2001:DB8:0::25", {6: OURS}),
        (" 192.0.2.1 , 2001:db8::25", {4: "192.0.2.1", 6: OURS}),
    ],
)
def test_setting_names_one_address_of_each_version(text: str, found: dict[int, str]) -> None:
    assert named(text) == found


@pytest.mark.parametrize("text", ["192.0.2.1,192.0.2.2", "mx.clearpost.test", "192.0.2.1;2001:db8::25"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name one IPv4 and one IPv6|does not appear to be"):
        named(text)


async def test_connection_leaves_from_the_address_of_its_version(dns: DnsStandin) -> None:
    async with sources(dns, f"192.0.2.1,{OURS}") as ours:
        assert [ours.towards(ip) for ip in BOTH] == ["192.0.2.1", OURS]
    async with sources(dns) as ours:
        assert [ours.towards(ip) for ip in BOTH] == ["", ""]


@pytest.mark.parametrize(
    ("text", "usable"), [("", BOTH), ("192.0.2.1", BOTH[:1]), (OURS, BOTH[1:]), (f"192.0.2.1,{OURS}", BOTH)]
)
async def test_version_without_a_source_address_is_not_used(
    dns: DnsStandin, text: str, usable: tuple[str, ...]
) -> None:
    async with sources(dns, text, outbound_ipv6="on") as ours:
        assert await ours.usable(BOTH) == usable


async def test_operator_may_switch_ipv6_off(dns: DnsStandin) -> None:
    publish(dns)
    async with sources(dns, f"192.0.2.1,{OURS}", outbound_ipv6="off") as ours:
        assert await ours.usable(BOTH) == BOTH[:1]
    assert dns.questions == []


@pytest.mark.parametrize("text", [f"192.0.2.1,{OURS}", ""], ids=["named", "chosen by the system"])
async def test_ipv6_is_used_where_the_reverse_name_leads_back(dns: DnsStandin, text: str) -> None:
    publish(dns)
    async with sources(dns, text, system=OURS) as ours:
        assert await ours.usable(BOTH) == BOTH


@pytest.mark.parametrize("wrong", ["no name", "leads elsewhere", "no answer", "no address of ours"])
async def test_ipv6_is_not_used_without_such_a_name(dns: DnsStandin, wrong: str) -> None:
    if wrong != "no name":
        publish(dns, "2001:db8::1" if wrong == "leads elsewhere" else OURS)
    if wrong == "no answer":
        dns.zone.fail(REVERSE, Fault.SERVFAIL)
    async with sources(dns, system="" if wrong == "no address of ours" else OURS) as ours:
        assert await ours.usable(BOTH) == BOTH[:1]


async def test_mail_over_ipv4_asks_nothing(dns: DnsStandin) -> None:
    async with sources(dns, system=OURS) as ours:
        assert await ours.usable(BOTH[:1]) == BOTH[:1]
    assert dns.questions == []


async def test_reverse_name_is_looked_at_now_and_then_and_mail_does_not_wait(dns: DnsStandin) -> None:
    clock = SteppedClock()
    async with sources(dns, system=OURS, clock=clock) as ours:
        assert await ours.usable(BOTH) == BOTH[:1]
        publish(dns)
        clock.step(LOOK_AGAIN_UNFIT)
        assert await ours.usable(BOTH) == BOTH[:1], "it is looked at beside the mail"
        await looked(ours, BOTH)
        dns.zone.remove(REVERSE)
        clock.step(LOOK_AGAIN)
        assert await ours.usable(BOTH) == BOTH
        await looked(ours, BOTH[:1])


async def looked(ours: SourceAddresses, usable: tuple[str, ...]) -> None:
    async with asyncio.timeout(5):
        while await ours.usable(BOTH) != usable:  # noqa: ASYNC110  it is looked at in the background
            await asyncio.sleep(0.01)
