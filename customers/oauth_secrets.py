"""Secrets of the OAuth 2 server: codes, tokens, client secrets. Opaque: what they mean is in a row.

Must never be stored, logged or put into an exception: rows hold keyed hashes only.
"""

import re
import secrets
from enum import StrEnum
from typing import Final

from mailcore.keyring import Keyring

KEY_NAME: Final = "oauth"
_SECRET_BYTES: Final = 32
_REST: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class Secret(StrEnum):
    """The prefix of each kind, so that one is never taken for another, and is found where it has leaked."""

    CODE = "cp_code_"
    ACCESS = "cp_app_"
    REFRESH = "cp_refresh_"
    CLIENT = "cp_secret_"


def generate(kind: Secret) -> str:
    """256 random bits, beyond what RFC 6749 section 10.10 asks."""
    return kind + secrets.token_urlsafe(_SECRET_BYTES)


def is_a(kind: Secret, text: str) -> bool:
    return text.startswith(kind) and _REST.fullmatch(text, len(kind)) is not None


def hashed(keyring: Keyring, secret: str) -> str:
    return hashes(keyring, secret)[0]


def hashes(keyring: Keyring, secret: str) -> list[str]:
    return keyring.hashes(KEY_NAME, secret)
