"""A certificate renewed under a running mx: seen by new handshakes, unknown to open connections."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from tests.journeys.conftest import Opener
from tests.support.destination import Destination
from tests.support.pairs import make_pair, only, put
from tests.support.sender import letter
from tests.support.smtp_client import PATIENCE, SmtpClient, connected
from tests.support.stack import Stack, until

OLD, NEW = 1, 2


def lay(folder: Path) -> dict[str, Path]:
    """The old pair, as settings."""
    certificate, key = make_pair(OLD)
    (folder / "full.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    return {"tls_certificate": folder / "full.pem", "tls_key": folder / "key.pem"}


async def secured(client: SmtpClient) -> int:
    """STARTTLS and EHLO; the serial number of the certificate that was shown."""
    await client.hello()
    assert (await client.starttls()).startswith("220 ")
    assert "STARTTLS" not in await client.say("EHLO client.test")
    shown = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown).serial_number


async def shown_to_a_newcomer(stack: Stack) -> int:
    async with connected(stack.settings.mx_port) as client:
        return await secured(client)


async def deliver(client: SmtpClient) -> str:
    await client.envelope("hello@shop.test", sender="ann@sender.test")
    return await client.content(letter())


async def test_new_handshakes_see_it_and_open_connections_go_on(opened: Opener, tmp_path: Path) -> None:
    certificate, key = make_pair(NEW)
    async with Destination() as inbox, opened({"inbox.test": inbox}, **lay(tmp_path)) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        async with connected(stack.settings.mx_port) as early, connected(stack.settings.mx_port) as plain:
            assert await secured(early) == OLD
            await plain.hello()
            assert (await deliver(early)).startswith("250")

            put(tmp_path / "full.pem", certificate)  # the first of the two steps of a renewal
            for _ in range(3):
                assert await shown_to_a_newcomer(stack) == OLD
            put(tmp_path / "key.pem", key)

            async def is_seen() -> bool:
                return await shown_to_a_newcomer(stack) == NEW

            await until(is_seen, seconds=5)
            assert (await deliver(early)).startswith("250")
            assert (await plain.starttls()).startswith("220 ")
            shown = plain.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert x509.load_der_x509_certificate(shown).serial_number == NEW
        await inbox.wait_for(2)
        await stack.idle()


async def test_a_renewal_gone_wrong_changes_nothing_for_senders(opened: Opener, tmp_path: Path) -> None:
    async with Destination() as inbox, opened({"inbox.test": inbox}, **lay(tmp_path)) as stack:
        await stack.alias("hello", "you@inbox.test")
        await stack.start("mx")
        for octets in (b"", b"no certificate"):
            put(tmp_path / "full.pem", octets)
            async with connected(stack.settings.mx_port) as client:
                assert await secured(client) == OLD
                assert (await deliver(client)).startswith("250")
        await inbox.wait_for(2)
        await stack.idle()


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
async def test_tls_1_2_is_the_least_that_is_spoken(
    opened: Opener, tmp_path: Path, version: ssl.TLSVersion, spoken: bool
) -> None:
    async with opened({}, **lay(tmp_path)) as stack:
        await stack.start("mx")
        async with connected(stack.settings.mx_port) as client:
            await client.hello()
            await client.say("STARTTLS")
            if spoken:
                await client.writer.start_tls(only(version), ssl_handshake_timeout=PATIENCE)
                assert (await client.say("EHLO client.test")).startswith("250-")
                return
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await client.writer.start_tls(only(version), ssl_handshake_timeout=PATIENCE)
