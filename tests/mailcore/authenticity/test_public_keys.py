"""Key records and how they are come by: RFC 6376 section 3.6, RFC 8301, RFC 8463."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clearpost.standins.dns import DnsStandin, Fault
from mailcore.authenticity import dkim
from mailcore.authenticity.canonical import body_hashes
from mailcore.authenticity.public_keys import Flaw, PublicKey, ask_keys, read_record
from mailcore.authenticity.signatures import Header
from mailcore.clock import Clock
from mailcore.resolver import Resolver
from mailcore.settings import Settings
from tests.support.signed_mail import (
    BODY,
    HEADER,
    NAME,
    Records,
    ed25519_key,
    record,
    rsa_key,
    signature_field,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


async def verdict(header: bytes, *, key: str | tuple[str, ...] | None) -> tuple[str, str]:
    (found,) = await dkim.verify(header, [BODY], Records({NAME: key}), now=NOW)
    return found.result, found.reason


_RECORDS: Final[list[tuple[str | tuple[str, ...] | None, str, str]]] = [
    (None, "temperror", "key not answered for"),
    ((), "permerror", "no key"),
    ("v=DKIM1; p=", "permerror", "key revoked"),
    ("v=DKIM1; p=!", "permerror", "key not understood"),
    ("v=DKIM1; p=AAAA", "permerror", "key not understood"),
    ("v=DKIM1; k=dsa; p=AAAA", "permerror", "key of unknown type"),
    ("v=DKIM1", "permerror", "key record not understood"),
    ("hello", "permerror", "key record not understood"),
    (record(rsa_key(), "v=DKIM2; "), "permerror", "key record not understood"),
    (record(rsa_key(), "t=; v=DKIM1; "), "permerror", "key record not understood"),
    (record(rsa_key(), "p=; "), "permerror", "key record not understood"),
    (record(rsa_key(), "n=" + "x" * 9000 + "; "), "permerror", "key record not understood"),
    (record(rsa_key(), ""), "pass", ""),
    (record(rsa_key(), "v=DKIM1; n=note; unknown=1; "), "pass", ""),
    (record(rsa_key(), "v=DKIM1; h=sha1; "), "permerror", "key not for sha256"),
    (record(rsa_key(), "v=DKIM1; h=sha1:sha256; "), "pass", ""),
    (record(rsa_key(), "v=DKIM1; s=tlsrpt; "), "permerror", "key not for email"),
    (record(rsa_key(), "v=DKIM1; s=other : email; "), "pass", ""),
    (record(rsa_key(2048)), "fail", "signature does not hold"),
    (record(rsa_key(2048), "v=DKIM1; t=y; "), "neutral", "signature does not hold"),
    (record(ed25519_key()), "permerror", "key of another algorithm"),
    (("v=spf1 -all", record(rsa_key())), "pass", ""),
]


@pytest.mark.parametrize(
    ("key", "result", "reason"),
    _RECORDS,
    ids=[f"{number}-{reason or result}" for number, (_, result, reason) in enumerate(_RECORDS)],
)
async def test_key_records(key: str | tuple[str, ...] | None, result: str, reason: str) -> None:
    assert await verdict(signature_field(rsa_key()) + HEADER, key=key) == (result, reason)


async def test_a_strict_key_wants_the_very_domain_in_i() -> None:
    key = record(rsa_key(), "v=DKIM1; t=y:s; ")
    below, same = (signature_field(rsa_key(), {"i": i}) + HEADER for i in ("@b.a.test", "@a.test"))
    assert await verdict(below, key=key) == ("permerror", "i= not allowed by key")
    assert await verdict(same, key=key) == ("pass", "")


def rsa_record(modulus: int, exponent: int = 65537, form: PublicFormat = PublicFormat.PKCS1) -> str:
    key = RSAPublicNumbers(exponent, modulus).public_key()
    return f"v=DKIM1; p={b64encode(key.public_bytes(Encoding.DER, form)).decode()}"


@pytest.mark.parametrize("bits", [512, 768, 1023])
def test_keys_of_less_than_1024_bits_prove_nothing(bits: int) -> None:
    """RFC 8301 section 3.2."""
    assert read_record(rsa_record((1 << (bits - 1)) + 1)) == Flaw("policy", "key too short")


def test_1024_bits_are_enough_and_16384_or_an_odd_exponent_too_much() -> None:
    assert isinstance(read_record(rsa_record((1 << 1023) + 1)), PublicKey)
    assert isinstance(read_record(rsa_record((1 << 4095) + 1)), PublicKey)
    too_large = Flaw("policy", "key too large")
    assert read_record(rsa_record((1 << 16383) + 1)) == too_large
    assert read_record(rsa_record((1 << 2047) + 1, (1 << 1000) + 1)) == too_large


def test_keys_come_in_both_wrappings() -> None:
    modulus = rsa_key().public_key().public_numbers().n
    for form in (PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo):
        assert isinstance(read_record(rsa_record(modulus, form=form)), PublicKey)


async def test_keys_come_by_real_dns_in_several_strings_and_one_that_hangs_costs_the_others_nothing() -> None:
    async with DnsStandin() as dns:
        resolver = Resolver(settings=Settings(dns_servers=(dns.address,)), clock=Clock())
        dns.zone.put_txt(NAME, record(rsa_key(2048)))
        dns.zone.fail("slow._domainkey.a.test", Fault.TIMEOUT)
        dns.zone.fail("broken._domainkey.a.test", Fault.SERVFAIL)
        selectors = ("s1", "slow", "broken", "absent")
        header = b"".join(signature_field(rsa_key(2048), {"s": selector}) for selector in selectors) + HEADER
        signatures = dkim.prepare(Header(header), NOW)
        async with asyncio.timeout(5):
            keys = await ask_keys(resolver, signatures.key_names, patience=0.3)
        found = dkim.check(signatures, keys, body_hashes([BODY], signatures.bodies))
        assert [each.result for each in found] == ["pass", "temperror", "temperror", "permerror"]
        await resolver.close()
