"""Our service as real processes (mx, worker, upkeep), with a Postfix on every side of it.

Neighbours find us by their relayhost, we find them by MX records of a DNS stand-in; STARTTLS both ways. Must
never be told what a test expects.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from clearpost.ports import free_port
from mailcore.authenticity.signing_keys import KeyFolder
from mailcore.plans import Lane
from tests.interop.postfix import Postfix, postfix
from tests.support import invariants, leaks
from tests.support.pairs import make_pair
from tests.support.second_opinion import signs
from tests.support.signed_mail import record, rsa_key
from tests.support.stack import Stack, service, trust

SERVICE = "clearpost.test"
MX = "mx.clearpost.test"
SELECTOR = "s1"  # that tests sign with


@dataclass(slots=True)
class Between:
    """The service, and what its neighbours need to know.

    Each neighbour has an address of its own on loopback, 127.0.0.n. `keys`: the key records in DNS;
    `spoilt`: a test that failed left mail behind.
    """

    stack: Stack
    folder: Path
    numbers: "count[int]" = field(default_factory=lambda: count(2))
    keys: dict[str, str] = field(default_factory=dict)
    spoilt: bool = False

    @asynccontextmanager
    async def neighbour(self, *mailboxes: str, **main: str) -> AsyncIterator[Postfix]:
        """A Postfix that keeps mail for these addresses and brings us all other mail, over TLS or not at all.

        DNS has MX, SPF (127.0.0.1) and DKIM records of its domains. `main`: of its main.cf, over all else.
        """
        number = next(self.numbers)
        host, name = f"127.0.0.{number}", f"mail{number}.test"
        for domain in {address.rpartition("@")[2] for address in mailboxes}:
            self._introduce(domain, name)
        self.stack.zone.put(name, "A", host)
        settings = {**self._relay_to_us(), **self._certificate(name), **main}
        port = self.stack.settings.smtp_port
        async with postfix(*mailboxes, host=host, port=port, name=name, **settings) as instance:
            yield instance

    def _introduce(self, domain: str, mail_host: str) -> None:
        self.stack.zone.put(domain, "MX", f"10 {mail_host}.", ttl=0)  # the next test has another host
        trust(self.stack, domain)
        self.publish(f"{SELECTOR}._domainkey.{domain}", record(rsa_key()))

    def publish(self, name: str, key_record: str) -> None:
        self.keys[name] = key_record
        self.stack.zone.put_txt(name, key_record)

    def _relay_to_us(self) -> dict[str, str]:
        return {
            "relayhost": f"[127.0.0.1]:{self.stack.settings.mx_port}",
            "smtp_tls_security_level": "secure",
            "smtp_tls_secure_cert_match": MX,
            "smtp_tls_CAfile": str(self.stack.settings.tls_certificate),
        }

    def _certificate(self, name: str) -> dict[str, str]:
        certificate, key = put_pair(self.folder, name)
        return {"smtpd_tls_cert_file": str(certificate), "smtpd_tls_key_file": str(key)}

    async def settled(self, *neighbours: Postfix) -> None:
        """Returns once nothing is on its way, with us or with them: a second look finds all queues empty."""
        while True:
            for neighbour in neighbours:
                await neighbour.idle()
            await self._idle()
            if not any(neighbour.waiting() for neighbour in neighbours):
                return

    async def _idle(self) -> None:
        try:
            await self.stack.idle()
        except AssertionError as error:
            last = (await self.stack.world.logged_events())[-5:]
            raise AssertionError(
                f"{error}. The last events: {[(e.type, e.code, e.response) for e in last]}"
            ) from None

    async def forget(self) -> None:
        """What a test that failed left behind must not be the next one's."""
        if await self.stack.waits():
            await self.stack.world.execute("delete from delivery")
            self.spoilt = True

    async def history(self, alias: str, *, about_reports: bool = False) -> list[tuple[str, str, str]]:
        """What its owner sees of mail to an alias, in the order of writing: (type, code, response).

        Or of the reports about such mail.
        """
        wanted = {
            message.id
            for message in await self.stack.world.logged()
            if message.alias == alias and (message.subject == "Delivery status notification") == about_reports
        }
        events = await self.stack.world.logged_events()
        return [(e.type, e.code, e.response) for e in events if e.message_id in wanted]


@asynccontextmanager
async def between(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[Between]:
    """Three processes of ours; the invariants are asked at the end, where no test spoilt them."""
    certificate, key = put_pair(folder, MX)
    settings = {
        "tls_certificate": certificate,
        "tls_key": key,
        "smtp_port": free_port(),
        "internal_networks": ("127.0.0.0/8",),
    }
    async with service(database_url, redis_url, folder, {}, **settings) as stack:
        house = Between(stack, folder)
        stack.keyring()  # which makes the folder, for nobody but us
        keys = KeyFolder(stack.settings.key_dir)
        keys.ensure(SERVICE)
        for own in keys.keys(SERVICE):
            house.publish(own.record_name, own.record)
        trust(stack, SERVICE)
        standard = Lane.STANDARD
        await stack.spawn_all(("mx", standard), ("worker", standard), ("upkeep", standard))
        yield house
        if not house.spoilt:
            await invariants.check(stack)
            await leaks.check(stack)


def put_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Files of a certificate of this name, believed by those who have it, and of its key."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    for path, octets in zip(paths, make_pair(1, name=name), strict=True):
        path.write_bytes(octets)
    return paths


def signed(content: bytes, domain: str = "sender.test") -> bytes:
    """With dkimpy's DKIM-Signature of a neighbour's domain on top."""
    field = signs(content, rsa_key(), ("relaxed", "relaxed"), domain=domain)
    assert field, "dkimpy cannot sign this"
    return field + content
