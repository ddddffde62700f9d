"""What we sign, as mailauth sees it: seals, chains with other sealers, signatures of ours, our results."""

import re

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailcore.authenticity.signing_keys import KeyFolder
from tests.corpus import signed
from tests.interop.peer import Found, Sealer, mailauth
from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.sender import send
from tests.support.signed_mail import rsa_key
from tests.support.stack import Stack, trust

KIND = signed.Kind("rsa", "relaxed", "relaxed")


def records(stack: Stack) -> dict[str, str]:
    """Ours, and those of the author who signs."""
    domain = stack.settings.service_domain
    keys = KeyFolder(stack.settings.key_dir).keys(domain)
    return {**signed.records(), **{key.record_name: key.record for key in keys}}


async def start(stack: Stack, *aliases: str) -> None:
    """All runs, and the world knows the keys that were made."""
    for alias in aliases:
        await stack.alias(alias, "you@inbox.test")
    await stack.start("mx", "worker")
    for name, record in records(stack).items():
        stack.zone.put_txt(name, record)


async def seen(stack: Stack, message: bytes) -> Found:
    return await mailauth(message, records(stack))


async def test_a_forwarded_message_keeps_its_signature_and_has_our_seal(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await start(stack, "hello")
        for name in ("plain", "eight-bit body", "utf-8 header", "twice", "multipart", "large"):
            await stack.accepted("hello@shop.test", signed.signed(signed.ODD[name], KIND))
            arrived = (await inbox.wait_for(1))[-1].content
            found = await seen(stack, arrived)
            assert (found.dkim, found.arc, found.sets) == (((signed.DOMAIN, "pass"),), "pass", 1), name
            inbox.messages.clear()
        await stack.idle()


async def test_a_chain_grows_through_another_sealer_and_twice_through_us(opened: Opener) -> None:
    other = Sealer("other.test", "rsa", _pem())
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        theirs = {"rsa._domainkey.other.test": signed.records()[f"rsa._domainkey.{signed.DOMAIN}"]}
        stack.zone.put_txt("rsa._domainkey.other.test", theirs["rsa._domainkey.other.test"])
        await start(stack, "first", "second")
        known = {**records(stack), **theirs}
        message = signed.signed(signed.ODD["plain"], KIND)
        sealed = (await mailauth(message, known, sealer=other)).headers.encode() + message
        for count, alias in enumerate(("first", "second"), 1):
            found = await mailauth(sealed, known)
            assert (found.arc, found.sets) == ("pass", count)
            await stack.accepted(f"{alias}@shop.test", sealed)
            sealed = (await inbox.wait_for(count))[-1].content
        found = await mailauth(sealed, known)
        await stack.idle()
    assert (found.dkim, found.arc, found.sets) == (((signed.DOMAIN, "pass"),), "pass", 3)
    seals = re.findall(rb"ARC-Seal: i=(\d); [^\r]*cv=(\w+)", sealed)
    assert seals[:2] == [(b"3", b"pass"), (b"2", b"pass")]


async def test_a_chain_that_was_broken_is_sealed_as_failed(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await start(stack, "first", "second")
        await stack.accepted("first@shop.test", signed.signed(signed.ODD["plain"], KIND))
        arrived = (await inbox.wait_for(1))[-1].content
        await stack.accepted("second@shop.test", arrived.replace(b"Dear Bob", b"Dear Eve"))
        broken = (await inbox.wait_for(2))[-1].content
        found = await seen(stack, broken)
        await stack.idle()
    assert broken.startswith(b"ARC-Seal: i=2; a=rsa-sha256; cv=fail;")
    assert found.arc == "fail"


async def test_a_rewritten_from_is_signed_by_us_and_passes_dmarc(opened: Opener) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        trust(stack, signed.DOMAIN)
        stack.zone.put_txt(f"_dmarc.{signed.DOMAIN}", "v=DMARC1; p=reject")
        await start(stack, "hello")
        for name in ("plain", "eai", "utf-8 body", "odd folding"):
            parameters = ("SMTPUTF8",) if name == "eai" else ()
            by, content = f"ann@{signed.DOMAIN}", signed.ODD[name]
            reply = await send(stack.settings.mx_port, by, "hello@shop.test", content, *parameters)
            assert reply.startswith("250 2.0.0 Queued"), reply
            arrived = (await inbox.wait_for(1))[-1].content
            ours = stack.settings.service_domain
            dmarc = {f"_dmarc.{ours}": "v=DMARC1; p=reject"}
            found = await mailauth(arrived, {**records(stack), **dmarc})
            assert (found.dkim, found.arc, found.dmarc) == (((ours, "pass"),), "pass", "pass"), name
            inbox.messages.clear()
        await stack.idle()


async def test_a_dsn_of_ours_is_signed_and_has_no_seal(opened: Opener) -> None:
    async with (
        Destination({"RCPT": "550 5.1.1 gone"}) as full,
        Destination() as back,
        opened({"inbox.test": full, "sender.test": back}) as stack,
    ):
        await start(stack, "hello")
        await stack.accepted("hello@shop.test")
        (dsn,) = await back.wait_for(1)
        found = await mailauth(dsn.content, records(stack), sender="")
        await stack.idle()
    assert (found.dkim, found.arc) == (((stack.settings.service_domain, "pass"),), "none")


async def test_a_forged_results_field_goes_and_no_signature_breaks(opened: Opener) -> None:
    forged = b"Authentication-Results: clearpost.test; dkim=pass header.d=bank.example\r\n"
    async with Destination() as inbox, opened({"inbox.test": inbox}) as stack:
        await start(stack, "hello")
        await stack.accepted("hello@shop.test", forged + signed.signed(signed.ODD["plain"], KIND))
        (arrived,) = await inbox.wait_for(1)
        found = await seen(stack, arrived.content)
        await stack.idle()
    assert arrived.content.count(b"\nAuthentication-Results: clearpost.test;") == 1
    assert b"bank.example" not in arrived.content
    assert (found.dkim, found.arc) == (((signed.DOMAIN, "pass"),), "pass")


def _pem() -> str:
    octets = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return octets.decode("ascii")
