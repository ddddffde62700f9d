"""The DNS questions we ask: mail exchangers, addresses, TXT records, reverse names.

Answers are values, bounded in time and cached by TTL; concurrent identical questions share one query.
Must never raise for what a name server says or fails to say, and never decide what an answer means for mail.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, Literal

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from mailcore.clock import Clock
from mailcore.settings import Settings

LONGEST_TTL: Final = 3600.0
LONGEST_NEGATIVE_TTL: Final = 60.0
CNAME_HOPS: Final = 8
PTR_SECONDS: Final = 2.0
EDNS_PAYLOAD: Final = 1232


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """Mail exchangers, best first. "null" is RFC 7505; `implicit`: no MX, but the domain has an address.
    `late`: a failure for want of an answer in time, and not an answer that says so.
    """

    status: Literal["ok", "null", "no-domain", "failure"]
    hosts: tuple[tuple[int, str], ...] = ()
    implicit: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """IP addresses of a host, IPv4 before IPv6."""

    status: Literal["ok", "none", "failure"]
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TxtAnswer:
    """TXT records, each with its character-strings joined (RFC 7208 section 3.3). `exists` is false where
    there is no such name at all (NXDOMAIN); `late` as in MxAnswer.
    """

    status: Literal["ok", "none", "failure"]
    strings: tuple[str, ...] = ()
    exists: bool = True
    late: bool = False


@dataclass(frozen=True, slots=True)
class _Records:
    """What one question brought: "empty" is NOERROR without such records, "no-name" is NXDOMAIN."""

    status: Literal["ok", "empty", "no-name", "failure"]
    rdatas: tuple[Any, ...] = ()
    ttl: float = 0.0
    late: bool = False


_FAILURE: Final = _Records("failure")
_LATE: Final = _Records("failure", late=True)
_Question = tuple[dns.name.Name, dns.rdatatype.RdataType]


class Resolver:
    """Asks the name servers of the settings, or the system's. One per process."""

    def __init__(self, *, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._lifetime = settings.dns_timeout.total_seconds()
        self._most_entries = settings.dns_cache_entries
        self._stub = _stub_resolver(settings.dns_servers, self._lifetime)
        self._cache: OrderedDict[_Question, tuple[float, _Records]] = OrderedDict()
        self._in_flight: dict[_Question, asyncio.Task[_Records]] = {}

    async def mx(self, domain: str) -> MxAnswer:
        """Where mail for `domain` goes. Without MX the domain's own address counts (RFC 5321 section 5.1)."""
        found = await self._ask(domain, dns.rdatatype.MX)
        if found.status == "failure":
            return MxAnswer("failure", late=found.late)
        if found.status == "no-name":
            return MxAnswer("no-domain")
        if found.status == "empty":
            return await self._implicit_mx(domain)
        hosts = sorted((int(rdata.preference), _text(rdata.exchange)) for rdata in found.rdatas)
        named = tuple((preference, host) for preference, host in hosts if host)
        return MxAnswer("ok", named) if named else MxAnswer("null")

    async def _implicit_mx(self, domain: str) -> MxAnswer:
        found = await self.addresses(domain)
        if found.status == "failure":
            return MxAnswer("failure")
        if found.status == "none":
            return MxAnswer("no-domain")
        return MxAnswer("ok", ((0, domain.rstrip(".")),), implicit=True)

    async def addresses(self, host: str) -> AddressAnswer:
        """A and AAAA of a host; one kind failing does not hide the other."""
        found = await asyncio.gather(self._ask(host, dns.rdatatype.A), self._ask(host, dns.rdatatype.AAAA))
        ips = tuple(rdata.address for records in found for rdata in records.rdatas)
        if ips:
            return AddressAnswer("ok", ips)
        return AddressAnswer("failure" if any(records.status == "failure" for records in found) else "none")

    async def txt(self, name: str) -> TxtAnswer:
        """TXT records of a name, undecodable bytes replaced."""
        found = await self._ask(name, dns.rdatatype.TXT)
        if found.status == "failure":
            return TxtAnswer("failure", late=found.late)
        strings = tuple(b"".join(rdata.strings).decode("utf-8", "replace") for rdata in found.rdatas)
        return TxtAnswer("ok", strings) if strings else TxtAnswer("none", exists=found.status != "no-name")

    async def name_servers(self, name: str) -> tuple[str, ...]:
        """Those of the zone that the name lies in, as that zone says; empty where nobody says."""
        while "." in name.rstrip("."):  # a top-level domain's are not asked for
            found = await self._ask(name, dns.rdatatype.NS)
            if found.status != "empty":
                return tuple(sorted(_text(rdata.target) for rdata in found.rdatas))
            name = name.partition(".")[2]
        return ()

    async def ptr(self, ip: str) -> str | None:
        """The reverse name that leads back to `ip`, else the first one, else None; within 2 seconds."""
        names: list[str] = []
        try:
            async with asyncio.timeout(PTR_SECONDS):
                reverse = dns.reversename.from_address(ip).to_text()
                found = await self._ask(reverse, dns.rdatatype.PTR)
                names = [_text(rdata.target) for rdata in found.rdatas[:5]]
                for name in names:
                    if ip in (await self.addresses(name)).ips:
                        return name
        except (TimeoutError, dns.exception.DNSException):
            pass
        return names[0] if names else None

    def forget(self, *names: str) -> None:
        """Ask anew about these names: somebody has just changed their records and waits for us to see it."""
        forgotten = {dns.name.from_text(name) for name in names}
        for question in [question for question in self._cache if question[0] in forgotten]:
            del self._cache[question]

    async def close(self) -> None:
        """End open questions: those who wait for one get a failure."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._cache.clear()

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> _Records:
        try:
            question = (dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical), kind)
        except (dns.exception.DNSException, UnicodeError):
            return _Records("no-name")  # a name that DNS cannot hold does not exist
        if cached := self._cached(question):
            return cached
        task = self._in_flight.get(question)
        if task is None:
            task = self._in_flight[question] = asyncio.create_task(self._query_and_keep(question))
        await asyncio.wait(
            {task}
        )  # and not `await task`: one waiter's cancellation must leave the query alone
        return _FAILURE if task.cancelled() else task.result()

    def _cached(self, question: _Question) -> _Records | None:
        entry = self._cache.get(question)
        if entry is None:
            return None
        expires, records = entry
        if expires <= self._clock.monotonic():
            del self._cache[question]
            return None
        self._cache.move_to_end(question)
        return records

    async def _query_and_keep(self, question: _Question) -> _Records:
        try:
            records = await self._query(question)
        finally:
            del self._in_flight[question]
        if records.ttl > 0:
            self._cache[question] = (self._clock.monotonic() + records.ttl, records)
            if len(self._cache) > self._most_entries:
                self._cache.popitem(last=False)
        return records

    async def _query(self, question: _Question) -> _Records:
        try:
            async with asyncio.timeout(self._lifetime):
                return await self._follow(*question)
        except (TimeoutError, dns.exception.Timeout):
            return _LATE
        except (dns.exception.DNSException, OSError, EOFError, ValueError):
            return _FAILURE  # SERVFAIL, REFUSED, malformed or unreachable

    async def _follow(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Records:
        """Ask, and ask again where a CNAME points out of the answer: some servers leave that to us."""
        ttl = LONGEST_TTL
        for _ in range(CNAME_HOPS):
            try:
                answer = await self._stub.resolve(name, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN as nxdomain:
                return _Records("no-name", ttl=min(ttl, LONGEST_NEGATIVE_TTL, _negative_ttl(nxdomain)))
            ttl = min(ttl, answer.chaining_result.minimum_ttl)
            if answer.rrset is not None:
                return _Records("ok", tuple(answer.rrset), ttl)
            if answer.canonical_name == name:
                return _Records("empty", ttl=min(ttl, LONGEST_NEGATIVE_TTL))
            name = answer.canonical_name
        return _FAILURE


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """Split "host:port", "[v6]:port", "host" or a bare IPv6 address. Raises ValueError for a bad port."""
    host, separator, port = text.rpartition(":")
    if not separator or (":" in host and not host.startswith("[")) or text.endswith("]"):
        return text.strip("[]"), default_port
    return host.strip("[]"), int(port)


def _stub_resolver(servers: tuple[str, ...], lifetime: float) -> dns.asyncresolver.Resolver:
    try:
        stub = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        stub, servers = dns.asyncresolver.Resolver(configure=False), ("127.0.0.1:53",)
    if servers:
        stub.nameservers = [dns.nameserver.Do53Nameserver(*host_and_port(server, 53)) for server in servers]
    stub.lifetime = lifetime
    stub.cache = None
    stub.use_edns(0, 0, EDNS_PAYLOAD)
    return stub


def _negative_ttl(nxdomain: dns.resolver.NXDOMAIN) -> float:
    """Lifetime of an NXDOMAIN: TTL and minimum of the SOA sent with it (RFC 2308 section 5)."""
    responses: dict[dns.name.Name, dns.message.QueryMessage] = nxdomain.kwargs.get("responses", {})
    return min((float(each.resolve_chaining().minimum_ttl) for each in responses.values()), default=0.0)


def _text(name: dns.name.Name) -> str:
    """A name without its final dot, in lower case; the root is the empty string."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
