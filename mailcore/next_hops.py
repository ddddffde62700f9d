"""Where mail for a domain is to be tried: a route of the settings, else its MX hosts and their addresses.

Must never lead to an address that is not on the public Internet, unless a route says so.
"""

import asyncio
import random
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from mailcore.outcome import Outcome, ours
from mailcore.resolver import AddressAnswer, MxAnswer, Resolver, host_and_port

SMTP_PORT: Final = 25
_NAT64: Final = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class NextHop:
    """One place to connect to. `address` is an IP address, or for a route whatever its author wrote."""

    host: str
    address: str
    port: int

    @property
    def ip(self) -> str | None:
        """The address where it is an IP address."""
        try:
            return str(ip_address(self.address))
        except ValueError:
            return None


class NextHops:
    """Finds next hops. `routes`: domain (or "*") -> "host:port"; `limit`: most next hops of one attempt."""

    def __init__(
        self, *, routes: dict[str, str], resolver: Resolver, limit: int, source_address: str = ""
    ) -> None:
        self._routes = {name.lower().rstrip("."): hop for name, hop in routes.items()}
        self._resolver = resolver
        self._limit = limit
        self._ip_version = ip_address(source_address).version if source_address else None

    async def find(self, domain: str) -> tuple[NextHop, ...] | Outcome:
        """Next hops in the order to try, at least one; or the outcome if there is nowhere to go."""
        domain = domain.lower().rstrip(".")
        if route := self._routes.get(domain) or self._routes.get("*"):
            host, port = host_and_port(route, SMTP_PORT)
            return (NextHop(host, host, port),)
        answer = await self._resolver.mx(domain)
        if answer.status != "ok":
            return _nowhere(answer)
        hosts = _in_order(answer.hosts)[: self._limit]
        found = await asyncio.gather(*(self._resolver.addresses(host) for host in hosts))
        return self._reachable(hosts, found) or _unroutable(found)

    def _reachable(self, hosts: list[str], found: list[AddressAnswer]) -> tuple[NextHop, ...]:
        """Of several hosts two addresses each, so that the many of one do not hide the next."""
        most = self._limit if len(hosts) == 1 else 2
        hops = [
            NextHop(host, ip, SMTP_PORT)
            for host, answer in zip(hosts, found, strict=True)
            for ip in [ip for ip in answer.ips if self._usable(ip)][:most]
        ]
        return tuple(hops[: self._limit])

    def _usable(self, ip: str) -> bool:
        return is_public(ip) and self._ip_version in (None, ip_address(ip).version)


def is_public(ip: str) -> bool:
    """Whether mail may go to this address: global unicast, and so is any IPv4 address hidden inside it."""
    address = ip_address(ip)
    inner = _embedded(address) if isinstance(address, IPv6Address) else None
    return address.is_global and not address.is_multicast and (inner is None or is_public(str(inner)))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that mapped, 6to4, Teredo and NAT64 addresses lead to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _in_order(hosts: tuple[tuple[int, str], ...]) -> list[str]:
    """By preference, random among equals (RFC 5321 section 5.1)."""
    shuffled = random.sample(hosts, len(hosts))
    return [host for _, host in sorted(shuffled, key=lambda entry: entry[0])]


def _nowhere(answer: MxAnswer) -> Outcome:
    """A missing domain is transient here: only the delivery knows whether it was missing before."""
    if answer.status == "null":
        return ours("permanent", 556, "5.1.10", "The domain accepts no mail (null MX)", "null-mx")
    if answer.status == "no-domain":
        return ours("transient", 451, "4.1.2", "The domain does not exist or has no mail host", "no-domain")
    return ours("transient", 451, "4.4.3", "DNS gave no answer for the domain", "dns-failure")


def _unroutable(found: list[AddressAnswer]) -> Outcome:
    if any(answer.status == "ok" for answer in found):
        return ours("transient", 451, "4.4.4", "DNS names no address we may connect to", "private-address")
    if any(answer.status == "failure" for answer in found):
        return ours("transient", 451, "4.4.3", "DNS gave no answer for the mail hosts", "dns-failure")
    return ours("transient", 451, "4.4.4", "The mail hosts of the domain have no address", "no-domain")
