"""People who sign a canary, with keys made for the test: what `ssh-keygen -Y sign` does, in Python.

Each step can be done wrongly on purpose. tests/interop holds that the real ssh-keygen agrees with it.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from customers import canary_document as documents
from customers.canary_document import CLAIMS, Claim, Document, Fact
from customers.canary_signers import NAMESPACE

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SERVICE = "clearpost.test"
ISSUED = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@cache
def key_of(name: str, kind: str = "ssh-ed25519") -> Private:
    """The same for the same name, as RSA keys take a second to make."""
    match kind:
        case "ssh-ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa-sha2-nistp256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-sha2-nistp384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-2048":
            return rsa.generate_private_key(65537, 2048)
        case _:
            return rsa.generate_private_key(65537, 3072)


def string(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def armour(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key of their own."""

    name: str
    key: Private

    @classmethod
    def named(cls, name: str, kind: str = "ssh-ed25519") -> "Person":
        return cls(name, key_of(name, kind))

    @property
    def line(self) -> str:
        """Of their public key."""
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    @property
    def blob(self) -> bytes:
        return base64.b64decode(self.line.split()[1])

    def write_key(self, folder: Path) -> Path:
        """A private key file as ssh-keygen reads it."""
        file = folder / self.name
        file.touch(mode=0o600)
        file.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        return file

    def sign(self, text: str, namespace: str = NAMESPACE, hash_name: str = "sha512", **wrong: Any) -> str:
        """As a file. `wrong`: parts of the blob (magic, version, key, reserved, scheme, value) to replace, or
        octets `behind` it.
        """
        digest = hashlib.new(hash_name, text.encode()).digest()
        signed = b"SSHSIG" + b"".join(map(string, (namespace.encode(), b"", hash_name.encode(), digest)))
        scheme, value = _sign(self.key, signed)
        inner = string(wrong.get("scheme", scheme)) + string(wrong.get("value", value))
        key, reserved = wrong.get("key", self.blob), wrong.get("reserved", b"")
        parts = (key, namespace.encode(), reserved, hash_name.encode(), inner)
        head = wrong.get("magic", b"SSHSIG") + int(wrong.get("version", 1)).to_bytes(4, "big")
        return armour(head + b"".join(map(string, parts)) + wrong.get("behind", b""))


def _sign(key: Private, signed: bytes) -> tuple[bytes, bytes]:
    match key:
        case ed25519.Ed25519PrivateKey():
            return b"ssh-ed25519", key.sign(signed)
        case ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
            return b"ecdsa-sha2-nistp256", string(_number(r)) + string(_number(s))
        case rsa.RSAPrivateKey():
            return b"rsa-sha2-512", key.sign(signed, padding.PKCS1v15(), hashes.SHA512())


def _number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


ALICE, BOB, CAROL, MALLORY = (Person.named(name) for name in ("alice", "bob", "carol", "mallory"))
THREE = (ALICE, BOB, CAROL)


def signers_file(*people: Person, options: str = f'namespaces="{NAMESPACE}" ') -> str:
    return "".join(
        f"{person.name} {options}{person.line} {person.name}@laptop\n" for person in people or THREE
    )


def canary(issued: datetime = ISSUED, lasts: timedelta = timedelta(days=30), **changes: Any) -> Document:
    """The first one, with all five statements; `changes`: fields to replace, or `without`: statements that
    are not affirmed.
    """
    withheld: Sequence[str] = changes.pop("without", ())
    claims = [
        Claim(name, text, "not affirmed" if name in withheld else "affirmed") for name, text in CLAIMS.items()
    ]
    issued = issued.replace(microsecond=0)
    fact = Fact("The sun rose over Bern.", "https://news.test/sun", issued.date())
    document = Document(SERVICE, 1, issued, issued + lasts, None, claims, fact)
    return replace(document, **changes)


def after(before: Document, later: timedelta = timedelta(days=20), **changes: Any) -> Document:
    """The next one."""
    number, previous = before.number + 1, documents.digest(documents.write(before))
    chained = {"number": number, "previous": previous, "service": before.service}
    return canary(before.issued + later, **{**chained, **changes})


def signed(document: Document, *people: Person) -> tuple[str, list[str]]:
    """Its text, and a signature by each; by Alice and Bob if nobody is named."""
    text = documents.write(document)
    return text, [person.sign(text) for person in people or (ALICE, BOB)]
