"""What the world must find in DNS under the service's own names: pure, from the settings and our addresses.

Must never name a customer, and never be more than a person can type into a zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from customers.domains import spf_include
from mailcore.authenticity.signing_keys import SigningKey
from mailcore.settings import Settings

PLACEHOLDER = "YOUR.ADDRESS"


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. A PTR is asked of whoever gave us the address."""

    name: str
    type: str
    value: str
    why: str


def records(settings: Settings, ips: Sequence[str]) -> list[Record]:
    """In the order in which they are best published; a placeholder stands where no address is known."""
    hosts = dict.fromkeys((settings.hostname, settings.mx_name, settings.fast_mx_name))
    return [
        *(_address(host, ip) for host in hosts for ip in ips or [PLACEHOLDER]),
        *_of_the_service(settings, ips),
        *(Record(ip, "PTR", f"{settings.hostname}.", _WHY_PTR) for ip in ips or [PLACEHOLDER]),
    ]


def of_key(key: SigningKey) -> Record:
    return Record(key.record_name, "TXT", key.record, "whoever gets our mail checks its signature with it")


def _address(host: str, ip: str) -> Record:
    return Record(host, "AAAA" if ":" in ip else "A", ip, "customers' MX records and our EHLO lead here")


def _of_the_service(settings: Settings, ips: Sequence[str]) -> list[Record]:
    domain, allowed = settings.service_domain, _spf(ips)
    return [
        Record(domain, "MX", f"10 {settings.mx_name}.", "bounces and mail to postmaster come back to it"),
        Record(domain, "TXT", allowed, "SPF of what we forward: its return addresses are in this domain"),
        Record(spf_include(settings), "TXT", allowed, "customers include it in theirs"),
        Record(settings.hostname, "TXT", "v=spf1 a -all", "SPF of our EHLO: bounces have no other name"),
        Record(
            f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}",
            "a beginning: read the reports, then say p=reject",
        ),
    ]  # fmt: skip


_WHY_PTR = "ask your provider: large receivers refuse mail from an address with another name, or none"


def _spf(ips: Sequence[str]) -> str:
    ranges = [f"ip{ip_address(ip).version}:{ip}" for ip in ips] or [f"ip4:{PLACEHOLDER}"]
    return " ".join(["v=spf1", *ranges, "-all"])
