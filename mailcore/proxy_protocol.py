"""The header that a load balancer puts before a client's own octets (the PROXY protocol, versions 1 and 2).

Pure: octets in, a value out. Must never wait for more than HEADER_CAP octets, raise, or guess: whoever cannot
read the header does not know who is there.

Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

# Version 2: 16 octets, addresses, and room for what balancers tell besides (TLVs), which nobody here reads.
HEADER_CAP: Final = 16 + 2048
_LINE_CAP: Final = 107  # version 1, its CRLF included

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_WORD: Final = b"PROXY "
_PORT: Final = rb"(?:0|[1-9][0-9]{0,4})"
_TOLD: Final = re.compile(
    rb"PROXY (TCP4|TCP6) ([0-9a-fA-F:.]{2,39}) ([0-9a-fA-F:.]{2,39}) (%s) (%s)\r\n" % (_PORT, _PORT)
)
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0x20, 0x21
# UNSPEC, UDP and UNIX: no client of ours, and to be taken like one that is not told (section 2.2).
_NOT_TOLD: Final = frozenset({0x00, 0x12, 0x22, 0x31, 0x32})
_ADDRESSES: Final = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header. `length`: its octets; `client` and `local`: the two ends of the client's connection.

    Both are empty where the balancer speaks for itself (LOCAL, a health check) or does not know (UNKNOWN).
    """

    length: int
    client: str = ""
    local: str = ""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """So far it may become a header."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """No header, or one that is too long."""


def parse(start: bytes) -> Header | Incomplete | Malformed:
    """What the first octets of a connection are. Octets behind the header do not matter."""
    if _may_begin(start, _WORD):
        return _line(start)
    if _may_begin(start, _SIGNATURE):
        return _binary(start)
    return Malformed()


def _may_begin(start: bytes, wanted: bytes) -> bool:
    return start[: len(wanted)] == wanted[: len(start)]


def _line(start: bytes) -> Header | Incomplete | Malformed:
    end = start.find(b"\r\n", 0, _LINE_CAP)
    if end < 0:
        return Malformed() if len(start) >= _LINE_CAP else Incomplete()
    line = start[: end + 2]
    if _UNKNOWN.fullmatch(line):
        return Header(len(line))
    told = _TOLD.fullmatch(line)
    if told is None or any(int(port) > 0xFFFF for port in told.groups()[3:]):
        return Malformed()
    try:
        return _header(len(line), told[1][3:], _address(told[2]), _address(told[3]))
    except ValueError:
        return Malformed()


def _address(text: bytes) -> IPv4Address | IPv6Address:
    return ip_address(text.decode("ascii"))


def _header(
    length: int, version: bytes, client: IPv4Address | IPv6Address, local: IPv4Address | IPv6Address
) -> Header | Malformed:
    if {client.version, local.version} != {int(version)}:
        return Malformed()
    return Header(length, _plain(client), _plain(local))


def _plain(address: IPv4Address | IPv6Address) -> str:
    """An IPv4 client of an IPv6 socket is one of IPv4."""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _binary(start: bytes) -> Header | Incomplete | Malformed:
    if len(start) < 16:
        return Incomplete()
    length = 16 + int.from_bytes(start[14:16], "big")
    octets = _octets_of_an_address(start[12], start[13])
    if octets is None or length > HEADER_CAP or length < 16 + (2 * octets + 4 if octets else 0):
        return Malformed()
    if len(start) < length:
        return Incomplete()
    if not octets:
        return Header(length)
    client, local = start[16 : 16 + octets], start[16 + octets : 16 + 2 * octets]
    return Header(length, _plain(ip_address(client)), _plain(ip_address(local)))


def _octets_of_an_address(version_and_command: int, family: int) -> int | None:
    """0 where no client is told (LOCAL may name any family), None for what the document does not know."""
    if version_and_command == _LOCAL or (version_and_command == _PROXY and family in _NOT_TOLD):
        return 0
    return _ADDRESSES.get(family) if version_and_command == _PROXY else None
