"""All verdicts on one message: each in its time, each on its own, large messages off the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.authenticity.arrival import LARGEST_INLINE, Arrivals, Message
from mailcore.authenticity.verdicts import DmarcVerdict, SpfVerdict, Verdicts
from mailcore.clock import Clock
from mailcore.envelope import Mailbox
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from tests.support.signed_mail import BODY, HEADER, NAME, PASSED, forwarded, record, rsa_key, signature_field

ANN = Mailbox("ann", "a.test")


@pytest.fixture
async def dns() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as standin:
        standin.zone.put_txt("a.test", "v=spf1 ip4:192.0.2.1 -all")
        standin.zone.put_txt("_dmarc.a.test", "v=DMARC1; p=reject")
        standin.zone.put_txt(NAME, record(rsa_key()))
        yield standin


class Door:
    """What a receiver does with a message that came from 192.0.2.1."""

    def __init__(self, dns: DnsStandin, seconds: float = 2.0) -> None:
        changes: dict[str, Any] = {"verdict_timeout": timedelta(seconds=seconds)}
        self.settings = Settings(dns_servers=(dns.address,), dns_timeout=timedelta(seconds=5), **changes)
        self.resolver = Resolver(settings=self.settings, clock=Clock())
        self.arrivals = Arrivals(settings=self.settings, clock=Clock(), resolver=self.resolver)

    async def check(
        self,
        header: bytes,
        body: bytes = BODY,
        *,
        reverse_path: Mailbox | None = ANN,
        read: Callable[[threading.Event], Iterator[bytes]] | None = None,
        size: int | None = None,
    ) -> Verdicts:
        question = self.arrivals.ask_spf(client_ip="192.0.2.1", helo="mx.a.test", reverse_path=reverse_path)
        message = Message(header, size or len(header) + 2 + len(body), read or (lambda _: iter([body])))
        try:
            return await self.arrivals.check(message, question)
        finally:
            question.drop()
            await self.resolver.close()


async def test_an_honest_message_passes_everywhere(dns: DnsStandin) -> None:
    found = await Door(dns).check(signature_field(rsa_key()) + HEADER)
    assert found.in_words() == "spf=pass dkim=pass dmarc=pass arc=none"
    assert found.dmarc == DmarcVerdict("pass", "a.test", "reject", True, True)


async def test_a_forged_message_passes_nowhere(dns: DnsStandin) -> None:
    found = await Door(dns).check(HEADER, reverse_path=Mailbox("x", "evil.test"))
    assert found.in_words() == "spf=none dkim=none dmarc=fail arc=none"


async def test_the_null_reverse_path_is_checked_by_helo(dns: DnsStandin) -> None:
    dns.zone.put_txt("mx.a.test", "v=spf1 ip4:192.0.2.1 -all")
    found = await Door(dns).check(HEADER, reverse_path=None)
    assert found.spf == SpfVerdict("pass", "mx.a.test", of_helo=True)
    assert (found.dmarc.result, found.dmarc.spf_aligned) == ("pass", True)


async def test_a_chain_is_read_with_it(dns: DnsStandin) -> None:
    for domain in ("one.test", "two.test"):
        dns.zone.put_txt(f"s1._domainkey.{domain}", record(rsa_key()))
    found = await Door(dns).check(forwarded("one.test", "two.test", says=PASSED))
    assert (found.arc.result, found.arc.sealers, found.arc.vouches_for) == (
        "pass",
        ("one.test", "two.test"),
        "a.test",
    )


# --- time ---


async def test_a_key_that_is_late_is_a_temperror_and_the_others_stay(dns: DnsStandin) -> None:
    dns.zone.fail(NAME, Fault.TIMEOUT)
    began = asyncio.get_running_loop().time()
    found = await Door(dns, 1.5).check(
        signature_field(rsa_key()) + HEADER, reverse_path=Mailbox("x", "evil.test")
    )
    assert found.in_words() == "spf=none dkim=temperror dmarc=temperror arc=none"
    assert found.dmarc == DmarcVerdict("temperror", "a.test", "reject", undecided=True)
    assert asyncio.get_running_loop().time() - began < 2


async def test_spf_that_is_late_is_a_temperror_of_the_domain_asked(dns: DnsStandin) -> None:
    dns.zone.fail("a.test", Fault.TIMEOUT)
    found = await Door(dns, 1.5).check(HEADER)
    assert found.spf == SpfVerdict("temperror", "a.test")
    assert found.dmarc.undecided


async def test_a_policy_that_is_late_is_a_temperror(dns: DnsStandin) -> None:
    dns.zone.fail("_dmarc.a.test", Fault.TIMEOUT)
    found = await Door(dns, 1.5).check(signature_field(rsa_key()) + HEADER)
    assert found.in_words() == "spf=pass dkim=pass dmarc=temperror arc=none"
    assert found.dmarc.from_domain == "a.test"


async def test_a_body_that_takes_too_long_is_a_temperror_and_read_no_further(dns: DnsStandin) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(given_up: threading.Event) -> Iterator[bytes]:
        try:
            while not given_up.wait(0.02):
                yield b"line\r\n"
        finally:
            loop.call_soon_threadsafe(ended.set)

    header = signature_field(rsa_key()) + HEADER
    found = await Door(dns, 2.0).check(header, read=slow, size=LARGEST_INLINE + 1)
    assert found.in_words() == "spf=pass dkim=temperror dmarc=pass arc=none"
    assert (found.dkim[0].domain, found.dkim[0].reason) == ("a.test", "not checked in time")
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_body_that_cannot_be_read_accuses_nobody(dns: DnsStandin) -> None:
    def broken(_: threading.Event) -> Iterator[bytes]:
        yield b"line\r\n"
        raise OSError("gone")

    found = await Door(dns).check(signature_field(rsa_key()) + HEADER, read=broken)
    assert found.in_words() == "spf=pass dkim=temperror dmarc=pass arc=none"


# --- where the work is done ---


@pytest.mark.parametrize("large", [False, True])
async def test_large_bodies_are_hashed_in_a_thread(dns: DnsStandin, large: bool) -> None:
    body = BODY + b"All work and no play.\r\n" * (LARGEST_INLINE // 20 if large else 1)
    header = signature_field(rsa_key(), body=body) + HEADER
    readers = []

    def read(_: threading.Event) -> Iterator[bytes]:
        readers.append(threading.current_thread())
        yield body

    found = await Door(dns).check(header, body, read=read)
    assert found.dkim[0].passed
    assert [reader is threading.main_thread() for reader in readers] == [not large]


async def test_what_nobody_signed_is_not_read(dns: DnsStandin) -> None:
    def read(_: threading.Event) -> Iterator[bytes]:
        raise AssertionError("read")

    assert (await Door(dns).check(HEADER, read=read)).in_words().startswith("spf=pass dkim=none")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\r\n",
        b"From\r\n",
        b"From: \xff\xfe@\xff\r\n",
        b"DKIM-Signature: " + b"a=b;" * 9_000 + b"\r\nFrom: a@a.test\r\n",
        b"ARC-Seal: i=1;\r\n" * 200 + b"From: a@a.test\r\n",
    ],
)
async def test_odd_headers_are_no_exception(dns: DnsStandin, header: bytes) -> None:
    assert await Door(dns).check(header)
