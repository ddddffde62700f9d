"""Where mail for a domain is to be tried, and with which TLS: a route of the settings, else its MX hosts.

Must never lead to an address that is not on the public Internet, unless the settings say so, nor take a
question about TLS that got no answer for one without need (RFC 7672 section 2.1).
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeVar

from mailcore import tls_need
from mailcore.clock import Clock
from mailcore.mta_sts_policies import DomainPolicy, Policies
from mailcore.outcome import Outcome, ours
from mailcore.public_addresses import may_be_reached
from mailcore.resolver import AddressAnswer, MxAnswer, Resolver
from mailcore.settings import Settings
from mailcore.settings.kinds import host_and_port
from mailcore.source_addresses import SourceAddresses
from mailcore.tls_need import OPPORTUNISTIC, TlsNeed

Host = TypeVar("Host")

_ROUTE_PORT: Final = 25
_LOOPBACK: Final = ("127.0.0.1", "::1")
# What was found serves a burst of mail to one domain. DNS says for longer how long it holds.
_REMEMBERED_SECONDS: Final = 1.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class NextHop:
    """One place to connect to. `address` is an IP address; `tls` is what the connection needs."""

    host: str
    address: str
    port: int
    tls: TlsNeed = OPPORTUNISTIC


@dataclass(frozen=True, slots=True)
class _Route:
    """`ips`: none where DNS is to be asked."""

    host: str
    port: int
    ips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Host:
    """What DNS says about one mail host. `ips`: those we may connect to. `need` is None where that could not
    be found out, and then nobody may go there.
    """

    name: str
    answer: AddressAnswer
    ips: tuple[str, ...]
    is_internal: bool
    need: TlsNeed | None


@dataclass(frozen=True, slots=True)
class _Found:
    """The mail hosts of a domain, each with its preference, all of them answered for."""

    hosts: tuple[tuple[int, _Host], ...]
    until: float


class NextHops:
    """Finds next hops, and what they need. One per transport."""

    def __init__(
        self,
        *,
        settings: Settings,
        resolver: Resolver,
        sources: SourceAddresses,
        clock: Clock,
        policies: Policies | None = None,
    ) -> None:
        self._routes = {name.lower().rstrip("."): _route(hop) for name, hop in settings.routes.items()}
        self._internal = settings.internal_networks
        self._port = settings.smtp_port
        self._limit = settings.connects_per_attempt
        self._resolver = resolver
        self._sources = sources
        self._clock = clock
        self._policies = policies
        self._found: dict[tuple[str, bool], _Found] = {}

    async def find(self, domain: str, *, require_tls: bool = False) -> tuple[NextHop, ...] | Outcome:
        """Next hops in the order to try, at least one; or the outcome if there is nowhere to go."""
        domain = domain.lower().rstrip(".")
        if route := self._routes.get(domain) or self._routes.get("*"):
            return await self._by_route(route, require_tls)
        found = self._found.get((domain, require_tls))
        if found is not None and self._clock.monotonic() < found.until:
            return self._reachable(_in_order(found.hosts))
        return await self._ask(domain, require_tls)

    async def _ask(self, domain: str, require_tls: bool) -> tuple[NextHop, ...] | Outcome:
        answer, policy = await asyncio.gather(self._resolver.mx(domain), self._policy(domain))
        if answer.status != "ok":
            return _nowhere(answer)
        allowed = [entry for entry in answer.hosts if policy is None or policy.allows(entry[1])]
        if not allowed:
            return _waits("The domain's MTA-STS policy names none of its mail hosts")
        names = _in_order(allowed)[: self._limit]
        questions = (self._look_up(name, answer.secure, policy, require_tls) for name in names)
        hosts = await asyncio.gather(*questions)
        preferences = {name: preference for preference, name in allowed}
        self._remember(domain, require_tls, [(preferences[host.name], host) for host in hosts])
        return self._reachable(hosts) or _unroutable(hosts)

    def _remember(self, domain: str, require_tls: bool, hosts: Sequence[tuple[int, _Host]]) -> None:
        """Only where nothing is left to ask about: no address, or no word on TLS, may be there next time."""
        if any(host.need is None or not host.ips for _, host in hosts):
            return
        if len(self._found) >= _MOST_REMEMBERED:
            self._found.clear()
        until = self._clock.monotonic() + _REMEMBERED_SECONDS
        self._found[domain, require_tls] = _Found(tuple(hosts), until)

    async def _policy(self, domain: str) -> DomainPolicy | None:
        return await self._policies.of(domain) if self._policies else None

    # --- routes ---

    async def _by_route(self, route: _Route, require_tls: bool) -> tuple[NextHop, ...] | Outcome:
        """The operator chose: any address will do, and only the owner's wish can ask for TLS."""
        ips = route.ips or (await self._resolver.addresses(route.host)).ips
        need = tls_need.of_owner(route.host) if require_tls else OPPORTUNISTIC
        hops = tuple([NextHop(route.host, ip, route.port, need) for ip in ips[: self._limit]])
        return hops or ours("transient", 451, "4.4.3", "DNS gave no address for the route", "dns-failure")

    # --- mail hosts ---

    async def _look_up(
        self, name: str, secure: bool, policy: DomainPolicy | None, require_tls: bool
    ) -> _Host:
        """`secure`: so is the answer that named this host."""
        answer = await self._resolver.addresses(name)
        reachable = [ip for ip in answer.ips if may_be_reached(ip, self._internal)]
        ips = await self._sources.usable(reachable)
        needs = [tls_need.of_owner(name)] if require_tls else []
        if policy is not None:
            needs.append(tls_need.of_policy(name, testing=policy.is_testing, named=policy.names(name)))
        need: TlsNeed | None = tls_need.strongest(needs)
        if ips and secure and answer.secure:
            proven = await self._by_dane(name, answer)
            need = None if proven is None else tls_need.strongest([*needs, proven])
        return _Host(name, answer, ips, bool(answer.ips) and not reachable, need)

    async def _by_dane(self, name: str, answer: AddressAnswer) -> TlsNeed | None:
        """Under the name that an alias stands for, then under its own (RFC 7672 section 2.2.3)."""
        for base in dict.fromkeys(base for base in (answer.name, name) if base):
            found = await self._resolver.tlsa(base, self._port)
            if found.status == "failure":
                return None
            if found.status == "ok":
                return tls_need.of_records(base, found.records)
        return OPPORTUNISTIC

    def _reachable(self, hosts: Sequence[_Host]) -> tuple[NextHop, ...]:
        """Of several hosts two addresses each, so that the many of one do not hide the next."""
        most = self._limit if len(hosts) == 1 else 2
        hops = [
            NextHop(host.name, ip, self._port, host.need)
            for host in hosts
            if host.need is not None
            for ip in host.ips[:most]
        ]
        return tuple(hops[: self._limit])


def _route(text: str) -> _Route:
    host, port = host_and_port(text, _ROUTE_PORT)
    if host.lower() == "localhost":
        return _Route(host, port, _LOOPBACK)
    try:
        return _Route(host, port, (str(ip_address(host)),))
    except ValueError:
        return _Route(host, port, ())


def _in_order(entries: Sequence[tuple[int, Host]]) -> list[Host]:
    """By preference, random among equals (RFC 5321 section 5.1)."""
    shuffled = random.sample(entries, len(entries))
    return [host for _, host in sorted(shuffled, key=lambda entry: entry[0])]


def _nowhere(answer: MxAnswer) -> Outcome:
    """A missing domain is transient here: only the delivery knows whether it was missing before."""
    if answer.status == "null":
        return ours("permanent", 556, "5.1.10", "The domain accepts no mail (null MX)", "null-mx")
    if answer.status == "no-domain":
        return ours("transient", 451, "4.1.2", "The domain does not exist or has no mail host", "no-domain")
    return ours("transient", 451, "4.4.3", "DNS gave no answer for the domain", "dns-failure")


def _waits(why: str) -> Outcome:
    return ours("transient", 451, "4.7.5", why, "tls")


def _unroutable(hosts: Sequence[_Host]) -> Outcome:
    if any(host.need is None for host in hosts):
        return _waits("DNS gave no answer about the certificates of the mail hosts (TLSA)")
    if any(host.is_internal for host in hosts):
        return ours("transient", 451, "4.4.4", "DNS names no address we may connect to", "private-address")
    if any(host.answer.ips for host in hosts):
        what = "The mail hosts have addresses only of an IP version that we do not send over"
        return ours("transient", 451, "4.4.4", what, "ip-version")
    if any(host.answer.status == "failure" for host in hosts):
        return ours("transient", 451, "4.4.3", "DNS gave no answer for the mail hosts", "dns-failure")
    return ours("transient", 451, "4.4.4", "The mail hosts of the domain have no address", "no-domain")
