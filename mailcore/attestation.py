"""What we attest to, signed with Ed25519 (RFC 8032): statements of every hour, receipts of deleted accounts.

Anybody checks it with the public key alone. Must never sign a text so that it passes for one of another kind,
nor let the private key out.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mailcore.keyring import Keyring

KEY_NAME: Final = "statement"
Kind = Literal["statement", "receipt"]
_ID_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Signed:
    """`text` as it was signed, to the byte; `key` is the key's id; `signature` has 128 hex digits."""

    text: str
    key: str
    signature: str


class Signer:
    """The keys named "statement", each the 32-byte seed of RFC 8032 section 5.1.5; the first one signs."""

    def __init__(self, keyring: Keyring) -> None:
        keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in keyring.keys(KEY_NAME)]
        texts = [key.public_key().public_bytes_raw().hex() for key in keys]
        self._keys = dict(zip(map(id_of, texts), keys, strict=True))
        self.public_keys: Mapping[str, str] = {id_of(text): text for text in texts}

    def sign(self, kind: Kind, text: str, *, believed: Collection[str] = ()) -> Signed:
        """By the first key, or the first of those public keys that are `believed`, where one of ours is."""
        ours = [name for name, key in self.public_keys.items() if key in believed]
        name = next(iter([*ours, *self.public_keys]))
        return Signed(text, name, self._keys[name].sign(message(kind, text)).hex())


def message(kind: Kind, text: str) -> bytes:
    """What is signed: a line that says what it is, then the text."""
    return f"clearpost {kind}\n{text}".encode()


def id_of(public_key: str) -> str:
    """16 hex digits of the SHA-256 of a public key (64 hex digits). Raises ValueError."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:_ID_DIGITS]


def is_signed(kind: Kind, signed: Signed, public_keys: Mapping[str, str]) -> bool:
    """By one of these keys (id -> 64 hex digits). False for whatever is malformed, too."""
    if signed.key not in public_keys:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_keys[signed.key]))
        key.verify(bytes.fromhex(signed.signature), message(kind, signed.text))
    except (ValueError, InvalidSignature):
        return False
    return True
