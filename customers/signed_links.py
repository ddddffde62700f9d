"""Links that we mail: an id with its purpose and its end, signed. So no link is stored anywhere.

Must never be the only check: what a link may do once is marked in the row it names.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from mailcore.keyring import Keyring

KEY_NAME: Final = "links"
_MAC_BYTES: Final = 16
_LENGTH: Final = 16 + 5 + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class SignedLink:
    """What a token names, and until when."""

    id: UUID
    expires_at: datetime


def make(keyring: Keyring, purpose: str, identifier: UUID, expires_at: datetime) -> str:
    """50 URL-safe characters. `purpose` keeps a token of one kind from being taken for another."""
    body = identifier.bytes + int(expires_at.timestamp()).to_bytes(5, "big")
    return base64.urlsafe_b64encode(body + _mac(keyring.key(KEY_NAME), purpose, body)).decode().rstrip("=")


def read(keyring: Keyring, purpose: str, token: str, now: datetime) -> SignedLink | None:
    """None for what we did not sign for this purpose, and for what is over."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _LENGTH:
        return None
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not any(hmac.compare_digest(_mac(key, purpose, body), mac) for key in keyring.keys(KEY_NAME)):
        return None
    link = SignedLink(UUID(bytes=body[:16]), datetime.fromtimestamp(int.from_bytes(body[16:], "big"), UTC))
    return link if now < link.expires_at else None


def _mac(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.new(key, purpose.encode() + b"\0" + body, hashlib.sha256).digest()[:_MAC_BYTES]
