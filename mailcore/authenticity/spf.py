"""SPF of the reverse-path, or of HELO where there is none (RFC 7208): may this client send for this domain?

Names are asked about one after the other, as the terms of a record say, within the limits of section 4.6.4.
Must never raise at the caller, outlast its deadline, or pass on text that a sender's DNS wrote (explanations
are not even asked for).
"""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

from dns.exception import DNSException
from dns.name import Name

from mailcore.authenticity.spf_records import (
    LONGEST_KEPT,
    Ip,
    Letters,
    Mechanism,
    Record,
    expand,
    is_policy,
    needs_name,
    read_record,
)
from mailcore.authenticity.verdicts import SpfVerdict
from mailcore.dns_answers import TextKind, TxtAnswer
from mailcore.envelope import Mailbox

MOST_LOOKUPS: Final = 10  # terms that ask, and names of one MX or PTR answer
MOST_VOID_LOOKUPS: Final = 2
_THREADS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="spf")
_CHECKABLE_DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}\Z", re.IGNORECASE
)
_PLAIN_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)


class AsksTexts(Protocol):
    async def texts(self, name: str, kind: TextKind) -> TxtAnswer: ...


async def spf(
    *, client_ip: str, helo: str, reverse_path: Mailbox | None, resolver: AsksTexts, timeout: float
) -> SpfVerdict:
    """Answers within `timeout` seconds, else "temperror"."""
    sender, domain = reverse_path or Mailbox("postmaster", helo), domain_asked(helo, reverse_path)
    if not domain:
        return SpfVerdict(of_helo=reverse_path is None)
    try:
        async with asyncio.timeout(timeout):
            check = _Check(Letters(_ip(client_ip), helo, sender.local_part, domain), resolver)
            result = await check.result(domain)
    except TimeoutError:
        result = "temperror"
    except _Decided as decided:
        result = decided.result
    return SpfVerdict(result, domain, of_helo=reverse_path is None)


def domain_asked(helo: str, reverse_path: Mailbox | None) -> str:
    """Of the reverse-path, or HELO where it is null (RFC 7208 section 2.4). Empty where that is malformed:
    such a domain has no policy (section 4.3).
    """
    domain = (reverse_path.domain if reverse_path else helo).removesuffix(".").lower()
    return domain if _CHECKABLE_DOMAIN.match(domain) else ""


class _Decided(Exception):
    """What a term found ends the whole check: temperror, or permerror."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


class _Check:
    """check_host() of section 4: one client, one sender, and how much was asked for them so far."""

    def __init__(self, letters: Letters, resolver: AsksTexts) -> None:
        self._letters = letters
        self._ip = letters.ip
        self._resolver = resolver
        self._address_kind: TextKind = "A" if letters.ip.version == 4 else "AAAA"
        self._lookups = 0
        self._void_lookups = 0
        self._names: list[str] | None = None

    async def result(self, domain: str) -> str:
        """Of the policy of this domain; "none" without one. Raises _Decided."""
        found = [text for text in await self._ask(domain, "TXT") if is_policy(text)]
        if not found:
            return "none"
        record = await _read(found[0]) if len(found) == 1 else None
        if record is None:
            raise _Decided("permerror")
        return await self._of_record(record, domain)

    async def _of_record(self, record: Record, domain: str) -> str:
        for mechanism in record.mechanisms:
            if await self._matches(mechanism, domain):
                return mechanism.result
        return await self._of_other(record.redirect, domain) if record.redirect else "neutral"

    async def _of_other(self, spec: str, domain: str) -> str:
        """Of a domain that a policy leads to, and that must have one."""
        self._count_lookup()
        result = await self.result(await self._domain(spec, domain))
        if result == "none":
            raise _Decided("permerror")
        return result

    async def _matches(self, mechanism: Mechanism, domain: str) -> bool:
        match mechanism.name:
            case "all":
                return True
            case "ip4" | "ip6":
                return mechanism.network is not None and self._ip in mechanism.network
            case "include":
                return await self._of_other(mechanism.domain, domain) == "pass"
        self._count_lookup()
        target = await self._domain(mechanism.domain, domain) if mechanism.domain else domain
        match mechanism.name:
            case "a":
                return await self._is_at(mechanism, target)
            case "mx":
                return await self._is_exchanger(mechanism, target)
            case "ptr":
                return any(_is_below(name, target.lower()) for name in await self._reverse_names())
            case _:  # exists
                return bool(await self._ask(target, "A"))

    async def _is_at(self, mechanism: Mechanism, host: str) -> bool:
        return any(mechanism.has(self._ip, each) for each in await self._ask(host, self._address_kind))

    async def _is_exchanger(self, mechanism: Mechanism, domain: str) -> bool:
        hosts = await self._ask(domain, "MX")
        if len(hosts) > MOST_LOOKUPS:
            raise _Decided("permerror")
        for host in hosts:
            if await self._is_at(mechanism, host):
                return True
        return False

    # --- the client's own name ---

    async def _domain(self, spec: str, domain: str) -> str:
        """What a domain with macros in it means here."""
        name = await self._name(domain) if needs_name(spec) else ""
        return expand(spec, self._letters, domain, name)

    async def _name(self, domain: str) -> str:
        """Section 7.3: that of the domain itself before one below it before any other."""
        names = await self._reverse_names()
        if domain in names:
            return domain
        return next((name for name in names if _is_below(name, domain)), names[0] if names else "unknown")

    async def _reverse_names(self) -> list[str]:
        """Those that lead back to the client. A name server that fails says that there is none, or that it
        is not this one (section 5.5).
        """
        if self._names is None:
            names = await self._answer(self._ip.reverse_pointer, "PTR") or ()
            self._names = [name for name in names[:MOST_LOOKUPS] if await self._leads_back(name)]
        return self._names

    async def _leads_back(self, name: str) -> bool:
        addresses = await self._answer(name, self._address_kind) or ()
        return any(ip_address(each) == self._ip for each in addresses)

    # --- questions, counted ---

    def _count_lookup(self) -> None:
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise _Decided("permerror")

    async def _ask(self, name: str, kind: TextKind) -> Sequence[str]:
        answer = await self._answer(name, kind)
        if answer is None:
            raise _Decided("temperror")
        return answer

    async def _answer(self, name: str, kind: TextKind) -> Sequence[str] | None:
        """None: nobody could say. Of what is no name there is nothing, and nobody is asked."""
        question = _as_question(name)
        if question is None:
            return ()
        answer = await self._resolver.texts(question, kind)
        if answer.status == "none":
            self._void_lookups += 1
            if self._void_lookups > MOST_VOID_LOOKUPS:
                raise _Decided("permerror")
        return None if answer.status == "failure" else answer.strings


async def _read(text: str) -> Record | None:
    """No record needs to be long: it takes milliseconds then, in which the event loop has better to do."""
    if len(text) <= LONGEST_KEPT:
        return read_record(text)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, read_record, text)


def _is_below(name: str, domain: str) -> bool:
    return f".{name}".endswith(f".{domain}")


def _ip(text: str) -> Ip:
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        raise _Decided("permerror") from None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def _as_question(name: str) -> str | None:
    """As the resolver takes it, None for what cannot be a name. A macro may have brought in any octet; a
    local part beyond ASCII never matches (RFC 8616 section 4).
    """
    if _PLAIN_NAME.fullmatch(name):
        return name
    try:
        return Name([label.encode("ascii") for label in name.removesuffix(".").split(".")] + [b""]).to_text()
    except (DNSException, UnicodeError):
        return None
