"""Which addresses that DNS leads to may be connected to at all.

Must never let an address pass that is not on the public Internet, unless an operator has named its network.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_NAT64: Final = IPv6Network("64:ff9b::/96")


def may_be_reached(ip: str, internal: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether it is public, or in one of the networks that are known to be ours."""
    return is_public(ip) or any(ip_address(ip) in network for network in internal)


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
