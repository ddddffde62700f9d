"""Signatures that people make with `ssh-keygen -Y sign` (OpenSSH, PROTOCOL.sshsig): read and verified.

By keys of ed25519, ecdsa on P-256 and RSA; expected refusals are texts. Must never hold a private key, sign
anything, nor call a program.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

# Kind of key -> the one kind of signature by it that counts: RSA with SHA-1 or SHA-256 does not.
SCHEMES: Final = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ssh-rsa": "rsa-sha2-512",
}
RSA_BITS: Final = 3072  # what ssh-keygen makes unless it is told otherwise
_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_ARMOUR: Final = re.compile(
    r"\s*-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END SSH SIGNATURE-----\s*", re.ASCII
)
_LINE: Final = 70  # of base64, as ssh-keygen breaks it
_LARGEST: Final = 8192


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kind` as OpenSSH names it; `blob`: kind and numbers in the form of RFC 4253 section 6.6."""

    kind: str
    blob: bytes

    @property
    def line(self) -> str:
        """As a file of public keys has it, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` and `-Y verify` say it."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip('=')}"


@dataclass(frozen=True, slots=True)
class Signature:
    """Read, not verified. `blob` is the whole of it, `value` what its `scheme` makes."""

    key: PublicKey
    namespace: str
    hash_name: str
    scheme: str
    value: bytes
    blob: bytes

    @property
    def armoured(self) -> str:
        """As `ssh-keygen -Y sign` writes it."""
        text = base64.b64encode(self.blob).decode()
        lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


class _Malformed(Exception):
    """The octets are not what the format says."""


def read_key(kind: str, encoded: str) -> PublicKey | str:
    """Of the two words of a public key file; else why it is none that we verify with."""
    if kind not in SCHEMES:
        return f"a key of the kind {kind!r}: use one of {', '.join(SCHEMES)}"
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return "this is not base64"
    return _key_of(blob)


def read_signature(text: str) -> Signature | str:
    """Of a file that `ssh-keygen -Y sign` wrote; else why it is none."""
    armour = _ARMOUR.fullmatch(text) if len(text) <= _LARGEST else None
    if armour is None:
        return "this is no SSH signature: ssh-keygen -Y sign writes one"
    try:
        return _signature_of(base64.b64decode("".join(armour[1].split()), validate=True))
    except (binascii.Error, ValueError, _Malformed):
        return "this SSH signature is damaged"


def fault(signature: Signature, namespace: str, content: bytes) -> str:
    """Why this is no signature of these octets under this namespace; empty where it is one."""
    if signature.namespace != namespace:
        return f"it was made for the namespace {signature.namespace!r}, not {namespace!r}"
    if signature.scheme != SCHEMES[signature.key.kind]:
        return f"it was made by {signature.scheme}, not {SCHEMES[signature.key.kind]}"
    digest = _HASHES[signature.hash_name](content).digest()
    parts = (namespace.encode(), b"", signature.hash_name.encode(), digest)
    try:
        _verify(signature, _MAGIC + b"".join(_string(part) for part in parts))
    except (InvalidSignature, _Malformed):
        return "it does not fit the document: one of the two was changed"
    return ""


# --- octets ---


def _string(octets: bytes) -> bytes:
    """RFC 4251 section 5."""
    return len(octets).to_bytes(4, "big") + octets


def _take(octets: bytes) -> tuple[bytes, bytes]:
    """A string at the start, and what follows it. Raises _Malformed."""
    end = 4 + int.from_bytes(octets[:4], "big")
    if len(octets) < max(4, end):
        raise _Malformed
    return octets[4:end], octets[end:]


def _strings(octets: bytes, count: int) -> list[bytes]:
    """Exactly so many, and nothing behind them. Raises _Malformed."""
    found = []
    for _ in range(count):
        one, octets = _take(octets)
        found.append(one)
    if octets:
        raise _Malformed
    return found


def _key_of(blob: bytes) -> PublicKey | str:
    try:
        kind = _take(blob)[0].decode("ascii")
        key = load_ssh_public_key(kind.encode() + b" " + base64.b64encode(blob))
    except (_Malformed, ValueError, UnsupportedAlgorithm):
        return "this is no public key of OpenSSH"
    if kind not in SCHEMES:
        return f"a key of the kind {kind!r}: use one of {', '.join(SCHEMES)}"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
        return f"an RSA key of {key.key_size} bits: at least {RSA_BITS} are needed"
    return PublicKey(kind, blob)


def _signature_of(blob: bytes) -> Signature | str:
    """PROTOCOL.sshsig, section 2. Raises _Malformed, ValueError."""
    head, rest = blob[:10], blob[10:]
    if head != _MAGIC + _VERSION.to_bytes(4, "big"):
        raise _Malformed
    key_blob, namespace, reserved, hash_name, inner = _strings(rest, 5)
    scheme, value = _strings(inner, 2)
    # What is signed has nothing there, so what would stand there was never signed.
    if reserved or hash_name.decode("ascii") not in _HASHES:
        raise _Malformed
    key = _key_of(key_blob)
    if isinstance(key, str):
        return f"it was made with {key}"
    return Signature(
        key, namespace.decode("utf-8"), hash_name.decode("ascii"), scheme.decode("ascii"), value, blob
    )


# --- numbers ---


def _verify(signature: Signature, signed: bytes) -> None:
    """Raises InvalidSignature, _Malformed."""
    key = load_ssh_public_key(signature.key.line.encode())
    match key:
        case ed25519.Ed25519PublicKey():
            key.verify(signature.value, signed)
        case ec.EllipticCurvePublicKey():
            key.verify(_as_der(signature.value), signed, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPublicKey():
            value = signature.value.rjust(key.key_size // 8, b"\0")
            key.verify(value, signed, padding.PKCS1v15(), hashes.SHA512())
        case _:
            raise _Malformed


def _as_der(value: bytes) -> bytes:
    """RFC 5656 section 3.1.2 has r and s as numbers with a sign. Raises _Malformed."""
    r, s = (int.from_bytes(number, "big", signed=True) for number in _strings(value, 2))
    if r <= 0 or s <= 0:
        raise _Malformed
    return encode_dss_signature(r, s)
