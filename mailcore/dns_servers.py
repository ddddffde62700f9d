"""Which name servers are asked, how, and whether they could be believed about DNSSEC.

Must never keep an answer: the resolver does.
"""

from ipaddress import ip_address
from typing import Final

import dns.asyncresolver
import dns.flags
import dns.nameserver
import dns.resolver

from mailcore.settings.kinds import host_and_port

EDNS_PAYLOAD: Final = 1232


def stub_resolver(servers: tuple[str, ...], lifetime: float) -> dns.asyncresolver.Resolver:
    """Asks these servers, or the system's; `lifetime` in seconds, for one question in all."""
    try:
        stub = dns.asyncresolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        stub, servers = dns.asyncresolver.Resolver(configure=False), ("127.0.0.1:53",)
    if servers:
        stub.nameservers = [dns.nameserver.Do53Nameserver(*host_and_port(server, 53)) for server in servers]
    stub.lifetime = lifetime
    stub.cache = None
    stub.use_edns(0, 0, EDNS_PAYLOAD)
    # AD asks to be told what was validated (RFC 6840 section 5.7), without all the signatures of DO.
    stub.set_flags(dns.flags.RD | dns.flags.AD)
    return stub


def is_local(stub: dns.asyncresolver.Resolver) -> bool:
    """Whether answers come from this machine alone: on any other way the AD bit can be forged."""
    addresses = (
        server if isinstance(server, str) else server.answer_nameserver() for server in stub.nameservers
    )
    return all(_is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name, or the URL of a resolver elsewhere
