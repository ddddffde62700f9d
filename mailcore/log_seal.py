"""Sealing what a row of the log says, and the hashes by which it is found.

AES-256-GCM under a key for each account and hour (log_keys.py). Must never hold a key longer than whoever
handed it in, nor raise for a row that does not open: it reads as not there.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Label = Literal["alias", "untagged", "sender", "dmarc"]

_NONCE_BYTES: Final = 12
_HASH_BYTES: Final = 16
# Lengths tell a little of what is sealed: they come in these steps.
_STEP: Final = 32
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class RowKey:
    """What the rows of an account and an hour are sealed and hashed under. Never shown, not even by repr."""

    sealing: AESGCM = field(repr=False)
    hashing: bytes = field(repr=False)

    @classmethod
    def of(cls, account_key: bytes, hour_key: bytes) -> Self:
        """HKDF-SHA-256 (RFC 5869), the account's key as salt: without either of the two it is not found."""
        return cls(*_derived(account_key, hour_key, b"clearpost log row"))

    @classmethod
    def of_account(cls, account_key: bytes) -> Self:
        """For what is kept until the account leaves, or until it is told."""
        return cls(*_derived(b"", account_key, b"clearpost account"))


def _derived(salt: bytes, secret: bytes, purpose: bytes) -> tuple[AESGCM, bytes]:
    extracted = hmac.digest(salt, secret, hashlib.sha256)
    first = hmac.digest(extracted, purpose + b"\x01", hashlib.sha256)
    second = hmac.digest(extracted, first + purpose + b"\x02", hashlib.sha256)
    return AESGCM(first), second


def of_message(message_id: UUID) -> bytes:
    """The name of a message's row, for `seal`."""
    return b"message" + message_id.bytes


def of_event(message_id: UUID, delivery_id: UUID | None, kind: str, attempt: int) -> bytes:
    """The name of an event's row: its number is not known before it is written, and this no other one has."""
    delivery = delivery_id.bytes if delivery_id else bytes(16)
    return b"event" + message_id.bytes + delivery + attempt.to_bytes(4, "big") + kind.encode()


def of_undelivered(day: str) -> bytes:
    """The name of the rows about one day."""
    return b"undelivered" + day.encode()


def seal(key: RowKey, row: bytes, fields: Sequence[str]) -> bytes:
    """`row` names the row: sealed fields put into another one do not open. Takes what is valid UTF-8."""
    text = _JSON.encode(fields).encode()
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + key.sealing.encrypt(nonce, text + b" " * (-len(text) % _STEP), row)


def unseal(key: RowKey, row: bytes, sealed: bytes) -> list[str] | None:
    """None where it was not sealed under this key, for this row."""
    try:
        text = key.sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
        return None
    return list(json.loads(text))


def hashed(key: RowKey, label: Label, text: str) -> bytes:
    """16 bytes, equal for equal texts of one account, hour and label only (BLAKE2b with a key, RFC 7693)."""
    return hashlib.blake2b(
        text.encode("utf-8", "replace"), digest_size=_HASH_BYTES, key=key.hashing, person=label.encode()
    ).digest()
