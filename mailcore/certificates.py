"""The certificate for STARTTLS: files in production, a self-signed one in the key folder otherwise.

A renewed one is taken without a restart. Most senders do not verify it (RFC 7435), but want one. Must never
weaken TLS below 1.2, give up a pair that works for one that does not, nor ask for a password.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailcore.clock import Clock
from mailcore.keyring import write_once
from mailcore.settings import Settings

log = structlog.get_logger("certificates")

_VALID_FOR = timedelta(days=3650)
_LOOK_SECONDS = 1.0

_MISMATCH = "the key is not the certificate's"
_NO_PAIR = "not a PEM certificate with its private key, which must have no password"

Shape = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key, ready for handshakes (at least TLS 1.2)."""

    context: ssl.SSLContext
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What a process serves. `fault`: why the files that are there now are not it; empty where they are."""

    expires_at: datetime
    fault: str = ""
    fault_since: datetime | None = None


class Certificate:
    """The pair of one mx process. The files are looked at when somebody wants a handshake.

    Those who renew replace two files one after the other: what does not fit together is looked at again, and
    what we have is served meanwhile. Connections that are open keep the pair they began with.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._files = _files(settings)
        self._seen: Shape | None = None  # of files that another look would find no better
        self._told: Shape | None = None
        self._fault = ""
        self._fault_since: datetime | None = None
        self._pair: Pair | None = None
        self._look_at = clock.monotonic()
        self._look()
        if self._pair is None:  # encrypted by a stranger's certificate is better than mail in clear, or none
            self._pair = _certain(_self_signed(settings.key_dir, settings.hostname, clock))

    @property
    def state(self) -> CertificateState:
        """As of the last handshake."""
        assert self._pair is not None
        return CertificateState(self._pair.expires_at, self._fault, self._fault_since)

    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        self._look()
        assert self._pair is not None
        return self._pair.context

    def _look(self) -> None:
        """At most once a second, a few microseconds where nothing has changed, be the pair good or not. What
        may pass with the files as they are (no descriptor left) is tried again.
        """
        now = self._clock.monotonic()
        if self._files is None or now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        shape = _shape(self._files)
        if shape == self._seen:
            return
        pair = load(*self._files)
        if isinstance(pair, str):
            self._note(pair, shape)
            self._seen = shape if pair in (_MISMATCH, _NO_PAIR) or () in shape else None
        elif _shape(self._files) == shape:  # else somebody is at work: later
            self._pair, self._seen, self._told = pair, shape, None
            self._fault, self._fault_since = "", None
            log.info("certificate_taken")

    def _note(self, fault: str, shape: Shape) -> None:
        """One line for each state of the files."""
        if self._told != shape:
            log.error("certificate_not_taken", error=fault)
        self._told, self._fault = shape, fault
        self._fault_since = self._fault_since or self._clock.now()


def load(certificate: Path, key: Path) -> Pair | str:
    """A pair of PEM files, the certificate with its chain; or what is wrong with them, in words."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password="")  # or a terminal is asked
        return Pair(context, x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc)
    except ssl.SSLError as error:
        return _MISMATCH if error.reason == "KEY_VALUES_MISMATCH" else _NO_PAIR
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValueError:
        return _NO_PAIR


def _files(settings: Settings) -> tuple[Path, Path] | None:
    certificate, key = settings.tls_certificate, settings.tls_key
    return (certificate, key) if certificate and key else None


def _shape(files: tuple[Path, Path]) -> Shape:
    """Differs after every change: another file in the same place, or other octets in the same file."""
    return tuple(_shape_of(path) for path in files)


def _shape_of(path: Path) -> tuple[int, ...]:
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _certain(files: tuple[Path, Path]) -> Pair:
    pair = load(*files)
    if isinstance(pair, str):
        raise ValueError(f"tls.pem in the key folder can't be used: {pair}")
    return pair


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
