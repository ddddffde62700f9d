"""A real validating resolver (unbound) on loopback over signed, forged and unsigned zones of the test's own.

Must never ask a server outside: the root is a zone of its own too, and empty.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import dns.asyncquery
import dns.dnssec
import dns.exception
import dns.message
import dns.rdataset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ed25519

from clearpost.ports import free_port
from clearpost.process import Program, spawn

TTL: Final = 60
_ROOT: Final = ". 60 IN SOA ns.root. hostmaster.root. 1 3600 600 86400 60\n. 60 IN NS ns.root.\n"
_LONG_AGO: Final = timedelta(days=20)  # beyond what a resolver forgives a wrong clock
Signed = Literal["", "sound", "expired"]


@dataclass(frozen=True)
class SignedZone:
    """`records`: lines of a zone file, names relative to `name`. `forged` replaces some of them after they
    were signed, as (name, type, value).
    """

    name: str
    records: str
    signed: Signed = ""
    forged: tuple[tuple[str, str, str], ...] = ()

    def write(self, folder: Path) -> str:
        """The zone file; returns the trust anchor, empty where the zone is not signed."""
        head = "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
        zone = dns.zone.from_text(f"$TTL {TTL}\n{head}{self.records}", self.name, relativize=False)
        anchor = self._sign(zone) if self.signed else ""
        with zone.writer() as change:
            for name, rdtype, value in self.forged:
                change.replace(f"{name}.{self.name}.", dns.rdataset.from_text("IN", rdtype, TTL, value))
        zone.to_file(str(folder / f"{self.name}.zone"), relativize=False)
        return anchor

    def _sign(self, zone: dns.zone.Zone) -> str:
        key = ed25519.Ed25519PrivateKey.generate()
        dnskey = dns.dnssec.make_dnskey(key.public_key(), dns.dnssec.ED25519, flags=257)
        begin = datetime.now(UTC) - _LONG_AGO
        until = begin + 2 * _LONG_AGO if self.signed == "sound" else begin + _LONG_AGO / 2
        dns.dnssec.sign_zone(zone, keys=[(key, dnskey)], inception=begin, expiration=until)
        return f"{self.name}. IN DNSKEY {dnskey.to_text()}"


@asynccontextmanager
async def validating_resolver(folder: Path, *zones: SignedZone) -> AsyncIterator[str]:
    """Serves these zones, the sound ones validated; yields its address as host:port."""
    port = free_port()
    _write(folder, port, zones)
    argv = ("/usr/sbin/unbound", "-d", "-c", str(folder / "unbound.conf"))
    process = spawn(Program("unbound", argv, folder / "log"))
    try:
        await _answers(port, zones[0].name)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 10)


def _write(folder: Path, port: int, zones: Sequence[SignedZone]) -> None:
    folder.mkdir()
    anchors = {zone.name: zone.write(folder) for zone in zones}
    (folder / "..zone").write_text(_ROOT)
    (folder / "anchors").write_text("\n".join(filter(None, anchors.values())) + "\n")
    (folder / "unbound.conf").write_text(_configuration(folder, port, anchors))


def _configuration(folder: Path, port: int, zones: Mapping[str, str]) -> str:
    server = [
        f"interface: 127.0.0.1@{port}", f"port: {port}", f'directory: "{folder}"',
        'chroot: ""', 'username: ""', 'pidfile: ""', "use-syslog: no", "do-daemonize: no",
        "do-not-query-localhost: no", 'module-config: "validator iterator"',
        f'trust-anchor-file: "{folder / "anchors"}"', 'local-zone: "test." nodefault', "num-threads: 1",
    ]  # fmt: skip
    lines = ["server:", *(f"  {line}" for line in server)]
    lines += ["remote-control:", "  control-enable: no"]
    for name in (".", *zones):
        lines += ["auth-zone:", f'  name: "{name}"', f'  zonefile: "{folder / f"{name}.zone"}"']
        lines += ["  for-downstream: no", "  for-upstream: yes", "  fallback-enabled: no"]
    return "\n".join(lines) + "\n"


async def _answers(port: int, name: str) -> None:
    query = dns.message.make_query(name, "SOA")
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(dns.exception.DNSException, OSError):
                await dns.asyncquery.udp(query, "127.0.0.1", timeout=0.3, port=port)
                return
            await asyncio.sleep(0.05)
