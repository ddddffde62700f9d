"""STARTTLS towards a next hop, as far as it needs it, and what came of it in words.

Must never take a certificate for proven that was not, and never name a host in the words.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailcore import dane
from mailcore.next_hop_protocol import NextHopProtocol
from mailcore.outcome import Outcome, ours
from mailcore.tls_need import TlsNeed

# By X509_V_ERR of OpenSSL; whatever else is wrong, no authority that we know vouches for it.
_CERTIFICATE_IS: Final = {9: "is not valid yet", 10: "has expired", 62: "is for another name"}


@dataclass(frozen=True, slots=True)
class Missing:
    """What a server lacks: the enhanced code (RFC 3463 section 3.8) and words."""

    enhanced: str
    words: str

    def outcome(self, need: TlsNeed) -> Outcome:
        """Why mail waits that may not go without."""
        return ours("transient", 451, self.enhanced, f"TLS is required by {need.by}: {self.words}", "tls")


NOT_OFFERED: Final = Missing("4.7.4", "the server offers no STARTTLS")
_NOT_IN_DNS: Final = Missing("4.7.5", "the server's certificate is not the one in DNS")


class OutgoingTls:
    """The certificates that are believed: those of the system, and of `authorities` (a PEM file) besides."""

    def __init__(self, authorities: Path | None) -> None:
        self._any = _any_certificate()
        self._proven = verifying_context(authorities)

    async def start(
        self, protocol: NextHopProtocol, host: str, need: TlsNeed, timeout: float
    ) -> Missing | None:
        """STARTTLS, in seconds; None when it is as needed. Otherwise the connection is of no more use."""
        context = self._proven if need.level == "webpki" else self._any
        protocol.write(b"STARTTLS\r\n", 1)
        if (await protocol.answer(timeout)).code != 220:
            return handshake_failed(None)
        try:
            await protocol.start_tls(context, need.name or host, timeout)
        except (OSError, ValueError) as error:
            return handshake_failed(error)
        if need.level == "dane" and not dane.matches(_certificate(protocol), need.records):
            return _NOT_IN_DNS
        return None


def handshake_failed(error: BaseException | None) -> Missing:
    """In words without names: OpenSSL's own hold them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        wrong = _CERTIFICATE_IS.get(error.verify_code, "is from no authority that we know")
        return Missing("4.7.5", f"the server's certificate {wrong}")
    return Missing("4.7.5", "STARTTLS failed")


def in_words(version: str | None, need: TlsNeed) -> str:
    """Such as "TLSv1.3, verified" or "no TLS", for the end of a response."""
    proof = {"webpki": "verified", "dane": "DANE"}.get(need.level, "") if version else ""
    return ", ".join(part for part in (version or "no TLS", proof, need.note) if part)


def verifying_context(authorities: Path | None) -> ssl.SSLContext:
    """For servers that must prove their name (RFC 6125, DNS-ID only). Raises OSError for an unusable file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


def _any_certificate() -> ssl.SSLContext:
    """Any certificate and small keys are still better than clear text; below TLS 1.2 is not worth having."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


def _certificate(protocol: NextHopProtocol) -> bytes:
    """The server's certificate, DER; empty where it showed none."""
    ssl_object = protocol.transport.get_extra_info("ssl_object") if protocol.transport else None
    return (ssl_object.getpeercert(binary_form=True) if ssl_object else None) or b""
