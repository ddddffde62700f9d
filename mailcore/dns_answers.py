"""What the resolver answers, as values.

`secure` says that a validating resolver has found the answer signed (DNSSEC), the CNAMEs on the way too; that
is believed only where `dane` of the settings says so. Must never hold what nobody has asked for.
"""

from dataclasses import dataclass
from typing import Literal

TextKind = Literal["A", "AAAA", "MX", "PTR", "TXT"]


@dataclass(frozen=True, slots=True)
class MxAnswer:
    """Mail exchangers, best first. "null" is RFC 7505; `implicit`: no MX, but the domain has an address.
    `late`: a failure for want of an answer in time, and not an answer that says so.
    """

    status: Literal["ok", "null", "no-domain", "failure"]
    hosts: tuple[tuple[int, str], ...] = ()
    implicit: bool = False
    late: bool = False
    secure: bool = False


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """IP addresses of a host, IPv4 before IPv6. `name`: where the host is an alias, what it stands for."""

    status: Literal["ok", "none", "failure"]
    ips: tuple[str, ...] = ()
    secure: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class TxtAnswer:
    """TXT records, each with its character-strings joined (RFC 7208 section 3.3), or records of another
    TextKind: addresses, host names of MX best first, reverse names. `exists` is false where
    there is no such name at all (NXDOMAIN); `late` as in MxAnswer.
    """

    status: Literal["ok", "none", "failure"]
    strings: tuple[str, ...] = ()
    exists: bool = True
    late: bool = False


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2.1): what a certificate must be or hold."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TlsaAnswer:
    """TLSA records of a service. "none" also where the answer is not secure: then they say nothing.
    "failure" is what an attacker can bring about, and must not be taken for "none" (RFC 7672 section 2.1).
    """

    status: Literal["ok", "none", "failure"]
    records: tuple[Tlsa, ...] = ()
