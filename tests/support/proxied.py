"""What a load balancer sends before a client's octets, and connections that begin so."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

from tests.support.smtp_client import SmtpClient, connected

BALANCERS = (ip_network("127.0.0.0/8"),)  # as the setting `proxy_protocol`: whoever connects here is one
MX = "198.51.100.25"


def line(client: str, mx: str = MX) -> bytes:
    """Version 1."""
    return f"PROXY TCP{ip_address(client).version} {client} {mx} 40000 25\r\n".encode()


def binary(client: str, mx: str = MX, more: bytes = b"") -> bytes:
    """Version 2, with whatever TLVs."""
    ends = ip_address(client).packed + ip_address(mx).packed + struct.pack("!HH", 40000, 25)
    family = 0x11 if ip_address(client).version == 4 else 0x21
    return _SIGNATURE + struct.pack("!BBH", 0x21, family, len(ends) + len(more)) + ends + more


_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
HEALTH_CHECK = _SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)


@asynccontextmanager
async def proxied(port: int, client: str, host: str = "127.0.0.1") -> AsyncIterator[SmtpClient]:
    """A connection of this client by way of a balancer; its greeting is yet to be read."""
    async with connected(port, host) as connection:
        mx = MX if ip_address(client).version == 4 else "2001:db8::25"
        await connection.send(binary(client, mx))
        yield connection
