"""The certificate for STARTTLS: files in production, a self-signed one in the key folder otherwise.

A sender does not verify it (RFC 7435), but wants one. Must never weaken TLS below 1.2.
"""

import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailcore.clock import Clock
from mailcore.keyring import write_once
from mailcore.settings import Settings

_VALID_FOR = timedelta(days=3650)


def server_context(settings: Settings, clock: Clock) -> ssl.SSLContext:
    """TLS for the mx, at least 1.2."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        certificate, key = _self_signed(settings.key_dir, settings.hostname, clock)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _self_signed(folder: Path, hostname: str, clock: Clock) -> tuple[Path, Path]:
    """One file with both, made at the first start; two processes at once agree on one."""
    path = folder / "tls.pem"
    if not path.exists():
        write_once(path, _make(hostname, clock))
    return path, path


def _make(hostname: str, clock: Clock) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname)])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
