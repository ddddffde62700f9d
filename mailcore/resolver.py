"""The DNS questions we ask: mail exchangers, addresses, TXT and TLSA records, reverse names.

Answers are values, bounded in time and cached by TTL; concurrent identical questions share one query.
Must never raise for what a name server says or fails to say, and never decide what an answer means for mail.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.resolver
import dns.reversename

from mailcore.clock import Clock
from mailcore.dns_answers import AddressAnswer, MxAnswer, TextKind, Tlsa, TlsaAnswer, TxtAnswer
from mailcore.dns_servers import is_local, stub_resolver
from mailcore.settings import Settings

__all__ = ["AddressAnswer", "MxAnswer", "Resolver", "TlsaAnswer", "TxtAnswer"]

LONGEST_TTL: Final = 3600.0
LONGEST_NEGATIVE_TTL: Final = 60.0
CNAME_HOPS: Final = 8
PTR_SECONDS: Final = 2.0

_PLAIN_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(slots=True)
class _Records:
    """What one question brought: "empty" is NOERROR without such records, "no-name" is NXDOMAIN. `texts` is
    that as text, once somebody has asked for it: several do for each message.
    """

    status: Literal["ok", "empty", "no-name", "failure"]
    rdatas: tuple[Any, ...] = ()
    ttl: float = 0.0
    late: bool = False
    secure: bool = False
    name: str = ""  # where a CNAME led, else empty
    texts: TxtAnswer | None = None


_FAILURE: Final = _Records("failure")
_LATE: Final = _Records("failure", late=True)
_Question = tuple[str, str]  # name in A-labels and lower case without its final dot, and type


class Resolver:
    """Asks the name servers of the settings, or the system's. One per process."""

    def __init__(self, *, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._lifetime = settings.dns_timeout.total_seconds()
        self._most_entries = settings.dns_cache_entries
        self._stub = stub_resolver(settings.dns_servers, self._lifetime)
        self._believes = settings.dane == "on" or (settings.dane == "auto" and is_local(self._stub))
        self._cache: OrderedDict[_Question, tuple[float, _Records]] = OrderedDict()
        self._in_flight: dict[_Question, asyncio.Task[_Records]] = {}

    async def mx(self, domain: str) -> MxAnswer:
        """Where mail for `domain` goes. Without MX the domain's own address counts (RFC 5321 section 5.1)."""
        found = await self._ask(domain, "MX")
        if found.status == "failure":
            return MxAnswer("failure", late=found.late)
        if found.status == "no-name":
            return MxAnswer("no-domain")
        if found.status == "empty":
            return await self._implicit_mx(domain, found.secure)
        hosts = sorted((int(rdata.preference), _text(rdata.exchange)) for rdata in found.rdatas)
        named = tuple((preference, host) for preference, host in hosts if host)
        return MxAnswer("ok", named, secure=found.secure) if named else MxAnswer("null")

    async def _implicit_mx(self, domain: str, secure: bool) -> MxAnswer:
        """`secure` of the answer that there is no MX: forged, it would lead around signed ones."""
        found = await self.addresses(domain)
        if found.status == "failure":
            return MxAnswer("failure")
        if found.status == "none":
            return MxAnswer("no-domain")
        return MxAnswer("ok", ((0, domain.rstrip(".")),), implicit=True, secure=secure)

    async def addresses(self, host: str) -> AddressAnswer:
        """A and AAAA of a host; one kind failing does not hide the other."""
        found = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
        ips = tuple(rdata.address for records in found for rdata in records.rdatas)
        if ips:
            with_ips = [records for records in found if records.rdatas]
            secure = all(records.secure for records in with_ips)
            return AddressAnswer("ok", ips, secure, with_ips[0].name)
        return AddressAnswer("failure" if any(records.status == "failure" for records in found) else "none")

    async def ipv4(self, name: str) -> AddressAnswer:
        """A alone: what a list says of somebody (RFC 5782)."""
        found = await self._ask(name, "A")
        if found.status == "failure":
            return AddressAnswer("failure")
        ips = tuple(rdata.address for rdata in found.rdatas)
        return AddressAnswer("ok" if ips else "none", ips, found.secure, found.name)

    async def txt(self, name: str) -> TxtAnswer:
        """TXT records of a name, undecodable bytes replaced."""
        return await self.texts(name, "TXT")

    def known_txt(self, name: str) -> TxtAnswer | None:
        """What `txt` would answer, if nobody need be asked for it."""
        found = self._known(name, "TXT")
        return None if isinstance(found, tuple) else _texts(found, "TXT")

    async def texts(self, name: str, kind: TextKind) -> TxtAnswer:
        """Records of one kind as text, and nothing that stands in for them."""
        return _texts(await self._ask(name, kind), kind)

    async def tlsa(self, host: str, port: int) -> TlsaAnswer:
        """TLSA records of the TCP service at this port. To be asked only where the host's addresses are
        secure: elsewhere there is none, and some name servers fail at the question.
        """
        found = await self._ask(f"_{port}._tcp.{host}", "TLSA")
        if found.status == "failure":
            return TlsaAnswer("failure")
        if found.status != "ok" or not found.secure:
            return TlsaAnswer("none")
        records = (Tlsa(rdata.usage, rdata.selector, rdata.mtype, rdata.cert) for rdata in found.rdatas)
        return TlsaAnswer("ok", tuple(records))

    @property
    def believes_validation(self) -> bool:
        """Whether what the name servers say about DNSSEC is believed: else there is no DANE."""
        return self._believes

    async def validates(self) -> bool:
        """Whether they say of the root, which is signed, that they have validated it."""
        return (await self._ask(".", "NS")).secure

    async def name_servers(self, name: str) -> tuple[str, ...]:
        """Those of the zone that the name lies in, as that zone says; empty where nobody says."""
        while "." in name.rstrip("."):  # a top-level domain's are not asked for
            found = await self._ask(name, "NS")
            if found.status != "empty":
                return tuple(sorted(_text(rdata.target) for rdata in found.rdatas))
            name = name.partition(".")[2]
        return ()

    async def ptr(self, ip: str) -> str | None:
        """The reverse name that leads back to `ip`, else the first one, else None; within 2 seconds."""
        names: list[str] = []
        try:
            async with asyncio.timeout(PTR_SECONDS):
                names += await self._reverse_names(ip) or ()
                for name in names:
                    if ip in (await self.addresses(name)).ips:
                        return name
        except TimeoutError:
            pass
        return names[0] if names else None

    async def leads_back(self, ip: str) -> bool | None:
        """Whether a reverse name of `ip` leads back to it. None where nobody could say in 2 seconds: that is
        no reason to think ill of a client.
        """
        try:
            async with asyncio.timeout(PTR_SECONDS):
                names = await self._reverse_names(ip)
                if names is None:
                    return None
                found = [await self.addresses(name) for name in names]
        except TimeoutError:
            return None
        if any(ip in each.ips for each in found):
            return True
        return None if any(each.status == "failure" for each in found) else False

    async def _reverse_names(self, ip: str) -> list[str] | None:
        """The first five; None where nobody could say."""
        try:
            found = await self._ask(dns.reversename.from_address(ip).to_text(), "PTR")
        except dns.exception.DNSException:
            return []  # no IP address
        if found.status == "failure":
            return None
        return [_text(rdata.target) for rdata in found.rdatas[:5]]

    def forget(self, *names: str) -> None:
        """Ask anew about these names: somebody has just changed their records and waits for us to see it."""
        forgotten = {_in_a_labels(name) for name in names}
        for question in [question for question in self._cache if question[0] in forgotten]:
            del self._cache[question]

    async def close(self) -> None:
        """End open questions: those who wait for one get a failure."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._cache.clear()

    async def _ask(self, name: str, kind: str) -> _Records:
        found = self._known(name, kind)
        return await self._asked(found) if isinstance(found, tuple) else found

    def _known(self, name: str, kind: str) -> _Records | _Question:
        """The question, where there is no answer yet."""
        if found := self._cached((name, kind)):  # in the spelling that it is kept under, as most are
            return found
        try:
            question = _in_a_labels(name), kind
        except (dns.exception.DNSException, UnicodeError):
            return _Records("no-name")  # a name that DNS cannot hold does not exist
        return self._cached(question) or question

    async def _asked(self, question: _Question) -> _Records:
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
                return await self._follow(dns.name.from_text(question[0]), question[1])
        except (TimeoutError, dns.exception.Timeout):
            return _LATE
        except (dns.exception.DNSException, OSError, EOFError, ValueError):
            return _FAILURE  # SERVFAIL, REFUSED, malformed or unreachable

    async def _follow(self, first: dns.name.Name, kind: str) -> _Records:
        """Ask, and ask again where a CNAME points out of the answer: some servers leave that to us."""
        name, ttl, secure = first, LONGEST_TTL, True
        for _ in range(CNAME_HOPS):
            try:
                answer = await self._stub.resolve(name, kind, raise_on_no_answer=False, search=False)
            except dns.resolver.NXDOMAIN as nxdomain:
                return self._no_name(nxdomain, ttl, secure)
            ttl = min(ttl, answer.chaining_result.minimum_ttl)
            secure = secure and self._is_secure(answer.response)
            if answer.rrset is not None:
                alias = _text(answer.canonical_name) if answer.canonical_name != first else ""
                return _Records("ok", tuple(answer.rrset), ttl, secure=secure, name=alias)
            if answer.canonical_name == name:
                return _Records("empty", ttl=min(ttl, LONGEST_NEGATIVE_TTL), secure=secure)
            name = answer.canonical_name
        return _FAILURE

    def _no_name(self, nxdomain: dns.resolver.NXDOMAIN, ttl: float, secure: bool) -> _Records:
        """Its lifetime is TTL and minimum of the SOA sent with it (RFC 2308 section 5)."""
        responses: dict[dns.name.Name, dns.message.QueryMessage] = nxdomain.kwargs.get("responses", {})
        own = min((float(each.resolve_chaining().minimum_ttl) for each in responses.values()), default=0.0)
        secure = secure and all(self._is_secure(response) for response in responses.values())
        return _Records("no-name", ttl=min(ttl, LONGEST_NEGATIVE_TTL, own), secure=secure)

    def _is_secure(self, response: dns.message.Message) -> bool:
        return self._believes and bool(response.flags & dns.flags.AD)


def _in_a_labels(name: str) -> str:
    """Raises DNSException or UnicodeError for what DNS cannot hold. The plain names that most are need no
    library to be read, but for their length.
    """
    if _PLAIN_NAME.fullmatch(name):
        return name.lower().removesuffix(".")
    labels = dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical)
    return labels.to_text(omit_final_dot=True).lower()


def _texts(found: _Records, kind: TextKind) -> TxtAnswer:
    if found.texts is None:
        found.texts = _as_answer(found, kind)
    return found.texts


def _as_answer(found: _Records, kind: TextKind) -> TxtAnswer:
    if found.status == "failure":
        return TxtAnswer("failure", late=found.late)
    strings = tuple(_as_texts(found.rdatas, kind))
    return TxtAnswer("ok", strings) if strings else TxtAnswer("none", exists=found.status != "no-name")


def _as_texts(rdatas: Sequence[Any], kind: TextKind) -> Iterator[str]:
    match kind:
        case "TXT":
            return (b"".join(rdata.strings).decode("utf-8", "replace") for rdata in rdatas)
        case "MX":
            ranked = sorted((int(rdata.preference), _text(rdata.exchange)) for rdata in rdatas)
            return (host for _, host in ranked if host)
        case "PTR":
            return (_text(rdata.target) for rdata in rdatas)
        case _:
            return (rdata.address for rdata in rdatas)


def _text(name: dns.name.Name) -> str:
    """A name without its final dot, in lower case; the root is the empty string."""
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
