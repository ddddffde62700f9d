"""What DNS blocklists say of an IP (RFC 5782): all of them asked side by side, bounded in time.

Must never take a list that is silent, or answers that it will not tell, for one that lists.
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final, Literal

from mailcore.resolver import Resolver

_SAYS_LISTED: Final = IPv4Network("127.0.0.0/8")
# Such as "you ask through a public resolver": the large lists answer so to whom they will not tell.
_SAYS_ERROR: Final = IPv4Network("127.255.255.0/24")
# No list answers so (RFC 5782 section 5), resolvers that block names do.
_SAYS_NOTHING: Final = IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Listing:
    """What one list says. "unusable": nothing in time, or nothing that means anything."""

    zone: str
    state: Literal["listed", "clear", "unusable"]


async def look_up(resolver: Resolver, ip: str, zones: Sequence[str], seconds: float) -> list[Listing]:
    """What each list says of an IP, in the order of `zones`. Answers are cached by their TTL."""
    return list(await asyncio.gather(*(_ask(resolver, ip, zone, seconds) for zone in zones)))


async def _ask(resolver: Resolver, ip: str, zone: str, seconds: float) -> Listing:
    name = question(ip, zone)
    if name is None:
        return Listing(zone, "clear")
    try:
        async with asyncio.timeout(seconds):
            answer = await resolver.ipv4(name)
    except TimeoutError:
        return Listing(zone, "unusable")
    if answer.status == "none":
        return Listing(zone, "clear")
    return Listing(zone, "listed" if any(map(_is_listed, answer.ips)) else "unusable")


def _is_listed(answer: str) -> bool:
    code = IPv4Address(answer)
    return code in _SAYS_LISTED and code not in _SAYS_ERROR and code != _SAYS_NOTHING


def question(ip: str, zone: str) -> str | None:
    """The name to ask for: octets or nibbles in reverse, and the zone. None for what is no IP."""
    try:
        address: IPv4Address | IPv6Address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    reverse = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{reverse}.{zone.strip('.')}"
