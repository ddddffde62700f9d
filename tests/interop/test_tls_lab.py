"""TLS out with nothing stood in for: a validating resolver, signed and forged zones, HTTPS, our service."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mailcore.clock import Clock
from mailcore.resolver import Resolver, TlsaAnswer
from mailcore.settings import Settings
from tests.interop.validating import SignedZone, validating_resolver
from tests.journeys.conftest import Opener
from tests.support.authority import Authority
from tests.support.destination import Destination, Tls
from tests.support.policy_host import PolicyHost, policy_text
from tests.support.stack import Stack

HOST = "127.0.0.1"
AUTHORITY = Authority()
SHOWN = AUTHORITY.certificate("mx.enforce.plain.test")  # proves that name, and is named in DNS
ANOTHER = AUTHORITY.certificate("mx.enforce.plain.test")
OF_NO_USE = "2 1 1 " + "ab" * 32


def lab(port: int) -> Sequence[SignedZone]:
    """Domains below lab.test (signed) and plain.test (not), each with a mail host at our one address."""
    signed = {"good": SHOWN.tlsa, "other": ANOTHER.tlsa, "bogus": SHOWN.tlsa, "authority": OF_NO_USE}
    bogus = (f"_{port}._tcp.mx.bogus", "TLSA", ANOTHER.tlsa)
    forged = (bogus, ("forged", "MX", "10 mx.good.lab.test."), ("mx.moved", "A", "127.0.0.2"))
    plain = '@ TXT "v=spf1 ip4:127.0.0.1 -all"\n'
    policies = '_mta-sts.enforce TXT "v=STSv1; id=1;"\nmta-sts.enforce A 127.0.0.1\n'
    return (
        SignedZone(
            "lab.test", _hosts(port, *signed, "none", "forged", "moved", tlsa=signed), "sound", forged
        ),
        SignedZone("late.test", _hosts(port, "any"), "expired"),
        SignedZone("plain.test", _hosts(port, "any", "enforce", tlsa={"any": ANOTHER.tlsa}) + policies),
        SignedZone("sender.test", plain),
    )


def _hosts(port: int, *domains: str, tlsa: dict[str, str] | None = None) -> str:
    lines = [f"{name} MX 10 mx.{name}\nmx.{name} A {HOST}" for name in domains]
    lines += [f"_{port}._tcp.mx.{name} TLSA {record}" for name, record in (tlsa or {}).items()]
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def laboratory(opened: Opener, folder: Path, destination: Destination) -> AsyncIterator[Stack]:
    """The service, its resolver, a policy host; alias `good` goes to you@good.lab.test, and so on."""
    certificate = AUTHORITY.certificate("mta-sts.enforce.plain.test")
    async with (
        PolicyHost(certificate.context()) as policies,
        validating_resolver(folder / "unbound", *lab(destination.port)) as resolver,
        opened({}, check=False, **_settings(resolver, destination.port, policies.port, folder)) as stack,
    ):
        policies.body = policy_text("mx.enforce.plain.test")
        for name in ("good", "other", "bogus", "authority", "none", "forged", "moved"):
            await stack.alias(name, f"you@{name}.lab.test")
        await stack.alias("late", "you@any.late.test")
        await stack.alias("plain", "you@any.plain.test")
        await stack.alias("enforce", "you@enforce.plain.test")
        await stack.start("mx")
        yield stack


def _settings(resolver: str, smtp_port: int, policy_port: int, folder: Path) -> dict[str, Any]:
    return {
        "dns_servers": (resolver,),
        "dns_timeout": timedelta(seconds=3),
        "smtp_port": smtp_port,
        "mta_sts_port": policy_port,
        "internal_networks": (ip_network("127.0.0.1/32"),),
        "authorities": AUTHORITY.pem(folder),
    }


async def told(stack: Stack, alias: str, kind: str) -> str:
    """What became of the first attempt, as its owner reads it."""
    message = await stack.accepted(f"{alias}@shop.test")
    await stack.has_event(message, "received", kind)
    return (await stack.timeline(message))[-1].response


async def goes(stack: Stack, alias: str) -> str:
    return (await told(stack, alias, "delivered")).removeprefix("250 2.0.0 Accepted ")


async def waits(stack: Stack, alias: str) -> str:
    return (await told(stack, alias, "soft-bounced")).removeprefix("451 ")


async def test_sound_server_gets_mail_by_what_dns_proves_of_it(opened: Opener, tmp_path: Path) -> None:
    async with (
        Destination(tls="sound", context=SHOWN.context()) as destination,
        laboratory(opened, tmp_path, destination) as stack,
    ):
        assert await goes(stack, "good") == "[TLSv1.3, DANE]"
        assert await goes(stack, "authority") == "[TLSv1.3]"
        assert await goes(stack, "none") == "[TLSv1.3]"
        assert await goes(stack, "plain") == "[TLSv1.3]", "unsigned records were believed"
        assert await goes(stack, "enforce") == "[TLSv1.3, verified]"
        assert (await waits(stack, "other")).startswith(
            "4.7.5 TLS is required by DANE: the server's certificate"
        )
        assert (await waits(stack, "bogus")).startswith("4.7.5 DNS gave no answer about the certificates")
        for alias in ("forged", "moved", "late"):
            assert (await waits(stack, alias)).startswith("4.4.3 DNS gave no answer"), alias
        assert len(destination.messages) == 5


@pytest.mark.parametrize("wrong", ["expired", "another name", "broken", "refused", "dies", "none"])
async def test_server_that_lies_about_tls_gets_nothing_that_needs_it(
    opened: Opener, tmp_path: Path, wrong: Any
) -> None:
    certificate = {
        "expired": AUTHORITY.expired("mx.enforce.plain.test"),
        "another name": AUTHORITY.certificate("mx.another.test"),
    }.get(wrong, SHOWN)
    tls: Tls = "" if wrong == "none" else "sound" if certificate is not SHOWN else wrong
    async with (
        Destination(tls=tls, context=certificate.context()) as destination,
        laboratory(opened, tmp_path, destination) as stack,
    ):
        for alias, by in (("good", "DANE"), ("enforce", "MTA-STS")):
            assert f"TLS is required by {by}" in await waits(stack, alias)
        assert await goes(stack, "plain") == ("[TLSv1.3]" if tls == "sound" else "[no TLS]")
        assert len(destination.messages) == 1


@pytest.mark.parametrize("dane", ["auto", "off"])
async def test_records_are_believed_only_where_they_were_validated(tmp_path: Path, dane: Any) -> None:
    async with validating_resolver(tmp_path / "unbound", *lab(25)) as address:
        resolver = Resolver(settings=Settings(dns_servers=(address,), dane=dane), clock=Clock())
        found = {name: await resolver.tlsa(f"mx.{name}", 25) for name in ("good.lab.test", "any.plain.test")}
        assert (await resolver.tlsa("mx.bogus.lab.test", 25)).status == "failure"
        assert (await resolver.mx("good.lab.test")).secure is (dane == "auto")
        await resolver.close()
    assert found["good.lab.test"].status == ("ok" if dane == "auto" else "none")
    assert found["any.plain.test"] == TlsaAnswer("none")
