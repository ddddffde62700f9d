"""The keys that we sign with: RSA-2048, in the key folder, for each signing domain one that signs, and others
on their way in or out.

`dkim/<domain>/<selector>.pem`, and beside them `signing`, which names the selector in use. A selector is made
of its key's own fingerprint, so that no record in DNS ever stands for two keys. Must never put a private key
into a log, a database or an exception, nor change one that is there.
"""

import fcntl
import hashlib
import os
import re
import secrets
import stat
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mailcore.authenticity.public_keys import key_name
from mailcore.clock import Clock
from mailcore.envelope import normalise_domain
from mailcore.keyring import sync_folder, write_once

log = structlog.get_logger("signing_keys")

FOLDER: Final = "dkim"
BITS: Final = 2048
STRING_OCTETS: Final = 255  # of one string of a TXT record (RFC 1035 section 3.3.14)
_STATE: Final = "signing"
_EXPONENT: Final = 65537
_LOOK_SECONDS: Final = 1.0
_SELECTOR: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One pair, ready to sign. Loading it takes 30 ms, for it is checked: keep it."""

    domain: str
    selector: str
    private: RSAPrivateKey

    def sign(self, text: bytes) -> bytes:
        """rsa-sha256 (RFC 8301), as octets. Takes 0.3 ms and lets other threads run meanwhile."""
        return self.private.sign(text, PKCS1v15(), SHA256())

    @property
    def record_name(self) -> str:
        return key_name(self.selector, self.domain)

    @property
    def record(self) -> str:
        """The TXT record that must stand at `record_name` (RFC 6376 section 3.6.1)."""
        public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(public).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file beside the keys that holds none of use: broken, of another kind, or named as no selector is."""

    domain: str
    path: Path


class KeyFolder:
    """All keys as they lie on disk: for whoever makes, chooses and retires them."""

    def __init__(self, key_dir: Path) -> None:
        self._root = key_dir / FOLDER

    def domains(self) -> list[str]:
        return sorted(path.name for path in self._root.glob("*") if path.is_dir())

    def keys(self, domain: str) -> list[SigningKey]:
        """Those that could sign, the oldest first. Raises ValueError for what is no domain, OSError."""
        return [key for key in self.entries(domain) if isinstance(key, SigningKey)]

    def entries(self, domain: str) -> list[SigningKey | Damaged]:
        """As `keys`, and between them what cannot sign."""
        paths = sorted(self._of(domain).glob("*.pem"), key=lambda path: path.stat().st_mtime_ns)
        return [_entry(domain, path) for path in paths]

    def has(self, domain: str) -> bool:
        """Whether there is a folder for keys of this domain. Raises OSError where nobody can tell."""
        try:
            folder = os.stat(f"{self._root}/{_name(domain)}")  # noqa: PTH116  asked of each message's author
            return stat.S_ISDIR(folder.st_mode)
        except (ValueError, FileNotFoundError, NotADirectoryError):
            return False

    def signing(self, domain: str) -> str:
        """The selector in use; empty where there is none."""
        try:
            return self.state_file(domain).read_text("ascii").strip()
        except FileNotFoundError:
            return ""

    def state_file(self, domain: str) -> Path:
        return self._of(domain) / _STATE

    def file(self, domain: str, selector: str) -> Path:
        if not _SELECTOR.fullmatch(selector):
            raise ValueError("no selector")
        return self._of(domain) / f"{selector}.pem"

    def ensure(self, domain: str) -> bool:
        """Whether the domain's first key was made now, and signs."""
        if self.state_file(domain).exists():
            return False
        with self._alone(domain):
            if self.state_file(domain).exists():  # another process was first
                return False
            self._choose(domain, self._make(domain))
            return True

    def make(self, domain: str) -> str:
        """A further key, which does not sign yet (the very first one does): its selector."""
        if self.ensure(domain):
            return self.signing(domain)
        with self._alone(domain):
            return self._make(domain)

    def use(self, domain: str, selector: str) -> None:
        """This one signs from now on, in running processes within a second. Raises ValueError, OSError."""
        with self._alone(domain):
            load(domain, self.file(domain, selector))
            self._choose(domain, selector)

    def retire(self, domain: str, selector: str) -> None:
        """Deletes it. Raises FileNotFoundError, and ValueError where it signs."""
        with self._alone(domain):
            if selector == self.signing(domain):
                raise ValueError("it signs")
            self.file(domain, selector).unlink()
            sync_folder(self._of(domain))

    def _of(self, domain: str) -> Path:
        return self._root / _name(domain)

    def _make(self, domain: str) -> str:
        private = generate_private_key(_EXPONENT, BITS)
        octets = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        selector = _selector_of(private)
        write_once(self.file(domain, selector), octets)
        return selector

    def _choose(self, domain: str, selector: str) -> None:
        """Written aside and renamed: whoever looks sees the one or the other."""
        state = self.state_file(domain)
        draft = state.with_name(f"{_STATE}.{secrets.token_hex(4)}")
        write_once(draft, f"{selector}\n".encode("ascii"))
        draft.replace(state)
        sync_folder(state.parent)

    @contextmanager
    def _alone(self, domain: str) -> Iterator[None]:
        """One process at a time, all of them being on this machine."""
        folder = self._of(domain)
        for path in (self._root, folder):
            path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self._root)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class SigningKeys:
    """The keys in use, kept by a running process; for any thread. What is chosen anew is taken within a
    second; what cannot be read leaves the old one in force.
    """

    def __init__(self, folder: KeyFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._kept: dict[str, _Kept] = {}  # only of domains with a folder: anybody's name may be asked for
        self._is_told = False
        self._lock = threading.Lock()

    def signing(self, domain: str) -> SigningKey | None:
        """None where this domain has no key that could be read."""
        with self._lock:
            kept = self._of(domain)
            if kept is None:
                return None
            now = self._clock.monotonic()
            if now >= kept.look_at:
                kept.look_at = now + _LOOK_SECONDS
                self._look(domain, kept)
            return kept.key

    @property
    def kept(self) -> int:
        """Of how many domains something is kept."""
        return len(self._kept)

    def _of(self, domain: str) -> "_Kept | None":
        kept = self._kept.get(domain)
        if kept is None and self._has(domain):
            kept = self._kept[domain] = _Kept()
        return kept

    def _has(self, domain: str) -> bool:
        """A folder that cannot be looked into is told of once, not for each domain."""
        try:
            has, self._is_told = self._folder.has(domain), False
        except OSError as error:
            if not self._is_told:
                log.error("signing_key_not_taken", error=type(error).__name__)
            has, self._is_told = False, True
        return has

    def _look(self, domain: str, kept: "_Kept") -> None:
        try:
            file = self._folder.state_file(domain)
            if not file.exists() and not kept.key:
                return  # there may never be one
            about = file.stat()
            shape = (about.st_ino, about.st_size, about.st_mtime_ns)
            if shape == kept.shape:
                return
            kept.key = load(domain, self._folder.file(domain, self._folder.signing(domain)))
            kept.shape, kept.is_told = shape, False
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            if not kept.is_told:
                log.error("signing_key_not_taken", error=type(error).__name__)
            kept.is_told = True


@dataclass(slots=True)
class _Kept:
    """One domain's key, the file that chose it, and when to look again."""

    key: SigningKey | None = None
    shape: tuple[int, ...] = ()
    look_at: float = 0.0
    is_told: bool = False


def _name(domain: str) -> str:
    """Of the domain's folder. Raises ValueError for what is no domain."""
    name = normalise_domain(domain)
    if name is None or "/" in name or name.startswith("."):
        raise ValueError("no domain")
    return name


def _entry(domain: str, path: Path) -> SigningKey | Damaged:
    if not _SELECTOR.fullmatch(path.stem):
        return Damaged(domain, path)
    try:
        return load(domain, path)
    except ValueError:
        return Damaged(domain, path)


def load(domain: str, path: Path) -> SigningKey:
    """Raises ValueError, without showing what is in it, for a file that holds no RSA key of 1024 bits or more
    (RFC 8301 section 3.2); OSError.
    """
    octets = path.read_bytes()
    try:
        private = load_pem_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{path.name} holds no private key in PEM without a password") from None
    if not isinstance(private, RSAPrivateKey) or private.key_size < 1024:
        raise ValueError(f"{path.name} holds no RSA key that is long enough")
    return SigningKey(domain, path.stem, private)


def strings_of(record: str) -> list[str]:
    """A TXT record in the strings of at most 255 octets that it is published in."""
    return [record[start : start + STRING_OCTETS] for start in range(0, len(record), STRING_OCTETS)]


def _selector_of(private: RSAPrivateKey) -> str:
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"cp{hashlib.sha256(public).hexdigest()[:10]}"
