"""A certificate authority for a test, and server certificates of it: sound, expired, for another name."""

import hashlib
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DER = serialization.Encoding.DER
_PEM = serialization.Encoding.PEM
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate and its key; `context` is a server's that shows it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(_DER)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(_DER, _SPKI)

    @property
    def tlsa(self) -> str:
        """The record that names its key."""
        return f"3 1 1 {hashlib.sha256(self.public_key).hexdigest()}"

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(_key_pem(self.key) + self.certificate.public_bytes(_PEM))
            context.load_cert_chain(path)
        return context


class Authority:
    """Known to whoever is given `pem`."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        builder = _builder(self._name, self._name, self._key.public_key(), days=(-1, 30))
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._own = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())

    def pem(self, folder: Path) -> Path:
        """The file for the setting `authorities`."""
        path = folder / "authority.pem"
        path.write_bytes(self._own.public_bytes(_PEM))
        return path

    def certificate(self, *names: str, days: tuple[int, int] = (-1, 30)) -> ServerCertificate:
        """For these host names and IP addresses, valid from and until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of a test")])
        builder = _builder(subject, self._name, key.public_key(), days)
        builder = builder.add_extension(x509.SubjectAlternativeName(map(_name, names)), critical=False)
        return ServerCertificate(builder.sign(self._key, hashes.SHA256()), key)

    def expired(self, *names: str) -> ServerCertificate:
        return self.certificate(*names, days=(-30, -1))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
