"""The test suite of RFC 7208 (openspf.org, release 2014.04), every case against a DNS server on loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from clearpost.standins.dns import DnsStandin, Fault, Zone
from mailcore.authenticity.spf import spf
from mailcore.clock import Clock
from mailcore.envelope import Mailbox
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from tests.corpus.through import FETCHED, fetched

_FILE = "test/rfc7208-tests.yml"
_TYPES = ("A", "AAAA", "MX", "PTR", "TXT", "CNAME")


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    host: str
    helo: str
    sender: str
    results: tuple[str, ...]  # the first one is preferred
    zone: dict[str, list[Any]]


def cases() -> Iterator[Case]:
    with (fetched("pyspf") / _FILE).open(encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            for name, test in scenario["tests"].items():
                result = test["result"]
                yield Case(
                    name,
                    test["host"],
                    test["helo"],
                    test["mailfrom"],
                    (result,) if isinstance(result, str) else tuple(result),
                    scenario["zonedata"],
                )


# Where the suite was not fetched, one test says so by name; it is no reason to collect nothing.
CASES = list(cases()) if any(FETCHED.glob("pyspf-*")) else []


def test_the_suite_is_whole() -> None:
    assert (fetched("pyspf") / _FILE).is_file()
    assert len(CASES) == 203


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_of_rfc_7208(case: Case) -> None:
    async with DnsStandin(zone_of(case.zone)) as server:
        resolver = Resolver(settings=Settings(dns_servers=(server.address,)), clock=Clock())
        found = await spf(
            client_ip=case.host,
            helo=case.helo,
            reverse_path=reverse_path(case.sender),
            resolver=resolver,
            timeout=10.0,
        )
        await resolver.close()
    assert found.result in case.results


def reverse_path(sender: str) -> Mailbox | None:
    """RFC 7208 section 4.3: without a local part it is that of the postmaster."""
    local_part, _, domain = sender.rpartition("@")
    return Mailbox(local_part or "postmaster", domain) if sender else None


def zone_of(data: dict[str, list[Any]]) -> Zone:
    """In the suite, an SPF record stands for a TXT record too, unless the name has TXT records; "TIMEOUT"
    for every type that the name has no record of, or for one type.
    """
    zone = Zone()
    for name, entries in data.items():
        records: dict[str, list[Any]] = {}
        for entry in entries:
            for rdtype, value in () if entry == "TIMEOUT" else entry.items():
                records.setdefault(rdtype, []).append(value)
        records.setdefault("TXT", records.get("SPF", []))
        for rdtype in _TYPES:
            put(zone, name, rdtype, records.get(rdtype, []), "TIMEOUT" in entries)
    return zone


def put(zone: Zone, name: str, rdtype: str, values: list[Any], else_silence: bool) -> None:
    if texts := [as_text(rdtype, value) for value in values if value not in ("NONE", "TIMEOUT")]:
        zone.put(name, rdtype, *texts)
    elif "TIMEOUT" in values or else_silence:
        zone.fail(name, Fault.SERVFAIL, rdtype)


def as_text(rdtype: str, value: Any) -> str:
    """As in a zone file."""
    match rdtype:
        case "MX":
            return f"{value[0]} {value[1].removesuffix('.')}."
        case "PTR" | "CNAME":
            return f"{value.removesuffix('.')}."
        case "TXT":
            strings = [value] if isinstance(value, str) else value or [""]
            return " ".join('"' + "".join(f"\\{octet:03}" for octet in s.encode()) + '"' for s in strings)
        case _:
            return str(value)
