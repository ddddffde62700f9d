"""SPF of the reverse-path, or of HELO where there is none (RFC 7208), by pyspf in a thread.

Must never raise at the caller, never block the event loop, never outlast its deadline there, and never pass
on text that a sender's DNS wrote (explanations are not even asked for).
"""

import asyncio
import re
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from dns.exception import DNSException
from dns.name import Name
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from mailcore.authenticity.verdicts import SpfVerdict
from mailcore.dns_servers import EDNS_PAYLOAD
from mailcore.envelope import Mailbox
from mailcore.settings.kinds import host_and_port

# Its docstrings hold invalid escapes; Python says so once, when it first compiles the file.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="invalid escape sequence")
    warnings.filterwarnings("ignore", message=".* is an invalid escape sequence")
    import spf as pyspf  # type: ignore[import-untyped]

RESULTS = frozenset({"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"})
_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="spf")
_CHECKABLE_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}\Z", re.IGNORECASE)


async def spf(
    *, client_ip: str, helo: str, reverse_path: Mailbox | None, nameservers: Sequence[str], timeout: float
) -> SpfVerdict:
    """May this client send for this reverse-path? Answers within `timeout` seconds, else "temperror".

    `nameservers` are "address:port" ("[::1]:53" for IPv6); empty means the system's.
    """
    sender, domain = reverse_path or Mailbox("postmaster", helo), domain_asked(helo, reverse_path)
    if not domain:
        return SpfVerdict(of_helo=reverse_path is None)
    abandoned = threading.Event()
    question = (client_ip, helo, sender.local_part, domain, tuple(nameservers), timeout, abandoned)
    try:
        async with asyncio.timeout(timeout):
            result = await asyncio.get_running_loop().run_in_executor(_THREADS, _check, *question)
    except TimeoutError:
        result = "temperror"
    finally:
        abandoned.set()
    return SpfVerdict(result, domain, of_helo=reverse_path is None)


def domain_asked(helo: str, reverse_path: Mailbox | None) -> str:
    """Of the reverse-path, or HELO where it is null (RFC 7208 section 2.4). Empty where that is malformed:
    such a domain has no policy (section 4.3).
    """
    domain = (reverse_path.domain if reverse_path else helo).removesuffix(".").lower()
    return domain if _CHECKABLE_DOMAIN.match(domain) else ""


def _check(
    client_ip: str,
    helo: str,
    local_part: str,
    domain: str,
    nameservers: tuple[str, ...],
    timeout: float,
    abandoned: threading.Event,
) -> str:
    """The verdict, in a thread. pyspf raises all sorts on hostile records; then the record is bad."""
    try:
        resolver = _resolver(nameservers)
    except (DNSException, OSError, ValueError):  # a setting of ours, not the sender's doing
        return "temperror"
    try:
        check = _Check(client_ip, helo, local_part, domain, resolver, timeout, abandoned)
        result: str = check.check()[0]
    except Exception:  # noqa: BLE001 - a library on a stranger's input: no verdict may become a lost message
        return "permerror"
    return result if result in RESULTS else "permerror"


class _Check(pyspf.query):  # type: ignore[misc]
    """pyspf's evaluation with our own DNS: the given servers, one bounded question at a time, stoppable."""

    def __init__(
        self,
        client_ip: str,
        helo: str,
        local_part: str,
        domain: str,
        resolver: Resolver,
        timeout: float,
        abandoned: threading.Event,
    ) -> None:
        super().__init__(i=client_ip.partition("%")[0], s=f"{local_part}@{domain}", h=helo)
        # pyspf cuts at the first @, which a quoted local part may hold.
        self.l, self.o, self.d = local_part, domain, domain
        self.resolver, self.question_timeout, self.abandoned = resolver, timeout, abandoned

    def dns(self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """The answers pyspf expects: [] where there are none, TempError where nobody could say."""
        qname = _absolute(str(name))
        if qname is None:
            return []
        key = (qname, qtype)
        if key not in self.cache:
            self.cache[key] = self._ask(qname, qtype)
        answers: list[Any] = self.cache[key]
        if not answers and not ignore_void:
            self._count_void_lookup()
        return answers

    def validated_ptrs(self) -> list[str]:
        """RFC 7208 section 5.5: a DNS error means no name, or skips the name it is about; pyspf gives up."""
        try:
            return [name for name in self.dns_ptr(self.i)[: pyspf.MAX_PTR] if self._leads_back(name)]
        except pyspf.TempError:
            return []

    def _leads_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except pyspf.TempError:
            return False

    def get_explanation(self, spec: object) -> None:
        """Text of the sender's choice, which nobody here would read: not asked for."""

    def _ask(self, qname: Name, qtype: str) -> list[Any]:
        if self.abandoned.is_set():
            raise pyspf.TempError("out of time")
        try:
            answer = self.resolver.resolve(qname, qtype, lifetime=self.question_timeout, search=False)
        except (NoAnswer, NXDOMAIN):
            return []
        except (DNSException, OSError, ValueError) as error:
            raise pyspf.TempError("DNS has no answer") from error
        return [_as_pyspf(qtype, record) for record in answer]

    def _count_void_lookup(self) -> None:
        self.void_lookups += 1
        if self.void_lookups > pyspf.MAX_VOID_LOOKUPS:
            raise pyspf.PermError("too many void lookups")


def _as_pyspf(qtype: str, record: Any) -> Any:
    match qtype:
        case "A" | "AAAA":
            return record.address
        case "MX":
            return record.preference, record.exchange.to_text(omit_final_dot=True)
        case "PTR":
            return record.target.to_text(omit_final_dot=True)
        case _:
            return record.strings


def _absolute(name: str) -> Name | None:
    """A name from its plain labels (a macro may have brought in any octet), None if it cannot be a name.

    A local part beyond ASCII never matches (RFC 8616 section 4).
    """
    labels = name.removesuffix(".").lower().split(".")
    if not name.isascii() or not all(0 < len(label) < 64 for label in labels):
        return None
    try:
        return Name([label.encode("ascii") for label in labels] + [b""])
    except DNSException:
        return None


@lru_cache(maxsize=16)
def _resolver(nameservers: tuple[str, ...]) -> Resolver:
    resolver = Resolver(configure=not nameservers)
    if nameservers:
        resolver.nameservers = [Do53Nameserver(*host_and_port(server, 53)) for server in nameservers]
    resolver.use_edns(0, 0, EDNS_PAYLOAD)
    return resolver
