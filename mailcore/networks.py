"""Whom an IP stands for when somebody is counted: what one client can easily have is one client.

Must never raise: what a proxy says of its client may be anything.
"""

import ipaddress
from collections.abc import Collection
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Clients come again, and are asked about several times while they are here.
_REMEMBERED = 4096


@lru_cache(_REMEMBERED)
def network_of(ip: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one. What is no IP stands for itself: a proxy may say it."""
    address = _parsed(ip)
    if address is None:
        return ip
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def is_within(ip: str, networks: Collection[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether an IP belongs to one of these networks; what is no IP belongs to none."""
    if not networks:
        return False
    address = _parsed(ip)
    return address is not None and any(address in network for network in networks)


@lru_cache(_REMEMBERED)
def _parsed(ip: str) -> Address | None:
    try:
        return ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return None
