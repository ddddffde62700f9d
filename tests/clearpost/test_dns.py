"""The DNS stand-in answers like an authoritative server, and fails on demand."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver
import pytest

from clearpost.standins.dns import DnsStandin, Fault, Zone


@pytest.fixture
async def server() -> AsyncIterator[DnsStandin]:
    async with DnsStandin() as running:
        yield running


async def ask(server: DnsStandin, name: str, rdtype: str, tcp: bool = False) -> list[str]:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], server.port, 0.3
    answer = await resolver.resolve(name, rdtype, tcp=tcp, search=False)
    return sorted(record.to_text() for record in answer)


@pytest.mark.parametrize("tcp", [False, True])
async def test_records_are_served_over_udp_and_tcp(server: DnsStandin, tcp: bool) -> None:
    server.zone.put("a.test", "MX", "10 mx1.a.test.", "20 mx2.a.test.")
    assert await ask(server, "a.tEST", "MX", tcp) == ["10 mx1.a.tEST.", "20 mx2.a.tEST."]
    assert server.questions == [("a.test", "MX")]


async def test_a_change_is_seen_by_the_next_question(server: DnsStandin) -> None:
    server.zone.put_txt("a.test", "one")
    assert await ask(server, "a.test", "TXT") == ['"one"']
    server.zone.put_txt("a.test", "two", "thr\\ee")
    assert await ask(server, "a.test", "TXT") == ['"thr\\\\ee"', '"two"']
    server.zone.remove("a.test")
    with pytest.raises(dns.resolver.NXDOMAIN):
        await ask(server, "a.test", "TXT")


async def test_another_type_of_a_known_name_is_nodata(server: DnsStandin) -> None:
    server.zone.put("below.a.test", "A", "127.0.0.1")
    for name in ("below.a.test", "a.test"):
        with pytest.raises(dns.resolver.NoAnswer):
            await ask(server, name, "MX")


async def test_an_unknown_name_is_nxdomain(server: DnsStandin) -> None:
    with pytest.raises(dns.resolver.NXDOMAIN):
        await ask(server, "nowhere.test", "A")


async def test_cname_leads_to_the_records(server: DnsStandin) -> None:
    server.zone.put("www.a.test", "CNAME", "host.a.test.")
    server.zone.put("host.a.test", "A", "127.0.0.9")
    assert await ask(server, "www.a.test", "A") == ["127.0.0.9"]


async def test_a_circle_of_cnames_ends(server: DnsStandin) -> None:
    server.zone.put("a.test", "CNAME", "b.test.")
    server.zone.put("b.test", "CNAME", "a.test.")
    with pytest.raises(dns.exception.DNSException):
        await ask(server, "a.test", "A")


async def test_an_answer_too_large_for_udp_comes_over_tcp(server: DnsStandin) -> None:
    server.zone.put_txt("a.test", *(f"{number:03}" + "x" * 400 for number in range(20)))
    assert len(await ask(server, "a.test", "TXT")) == 20


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (Fault.SERVFAIL, dns.resolver.NoNameservers),
        (Fault.REFUSED, dns.resolver.NoNameservers),
        (Fault.NXDOMAIN, dns.resolver.NXDOMAIN),
        (Fault.TIMEOUT, dns.resolver.LifetimeTimeout),
    ],
)
async def test_a_fault_is_met_until_healed(server: DnsStandin, fault: Fault, seen: type[Exception]) -> None:
    server.zone.put("a.test", "A", "127.0.0.1")
    server.zone.fail("a.test", fault)
    with pytest.raises(seen):
        await ask(server, "a.test", "A")
    server.zone.heal("a.test")
    assert await ask(server, "a.test", "A") == ["127.0.0.1"]


async def test_a_zone_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "dns.zone"
    async with DnsStandin(Zone(file)) as server:
        server.zone.put_txt("a.test", "by code")
        file.write_text('a.test. IN TXT "by hand"\n; a remark\na.test. 60 IN MX 10 mx.a.test.\n')
        assert await ask(server, "a.test", "TXT") == ['"by code"', '"by hand"']
        file.write_text("this is no zone file\n")
        assert await ask(server, "a.test", "MX") == ["10 mx.a.test."]
        file.write_text("b.test. IN A 127.0.0.1\n")
        os.utime(file, (1, 1))
        assert await ask(server, "b.test", "A") == ["127.0.0.1"]
        file.unlink()
        assert await ask(server, "a.test", "TXT") == ['"by code"']


async def test_noise_is_met_with_silence(server: DnsStandin) -> None:
    assert server.answer(b"\x00\x01nonsense") is None
    assert server.answer(b"") is None
