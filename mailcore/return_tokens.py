"""What opaque return addresses stand for, as rows that we can't read until one of them comes back.

A row is found by a hash of the token, and sealed under a key made from it: only the return address of the
mail that went out carries it. Must never store a token, nor a word that it stands for in plain.
"""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailcore.database import Database, Transaction
from mailcore.plans import Plan

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Remembered:
    """A row: the sender of a message, and the alias they wrote to."""

    sender: str
    alias_address: str
    account_id: UUID
    domain_id: UUID | None
    may_notify: bool
    plan: Plan = Plan.FREE


_PUT = """
insert into srs_token (id, sealed, account_id, domain_id, may_notify, expires_at)
values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing
"""
_FIND = """
select t.*, coalesce(c.plan, 'free') as plan from srs_token t left join account c on c.id = t.account_id
where t.id = $1 and t.expires_at > $2
"""


async def put(tx: Transaction, token: str, about: Remembered, expires_at: datetime) -> None:
    """Once for each token: the next time nothing changes."""
    identifier, sealed = seal(token, about.sender, about.alias_address)
    await tx.execute(
        _PUT, identifier, sealed, about.account_id, about.domain_id, about.may_notify, expires_at
    )


async def find(database: Database, token: str, now: datetime) -> Remembered | None:
    """None where there is none, it is too old, or its row is not what was written."""
    row = await database.row(_FIND, _made(token, b"id"), now)
    words = row and _opened(token, row["id"], row["sealed"])
    if not words:
        return None
    sender, alias_address = words
    return Remembered(
        sender, alias_address, row["account_id"], row["domain_id"], row["may_notify"], Plan(row["plan"])
    )


def seal(token: str, sender: str, alias_address: str) -> tuple[bytes, bytes]:
    """The row's id, and its sealed words: nonce, then AES-256-GCM with the id as associated data."""
    identifier, nonce = _made(token, b"id"), secrets.token_bytes(_NONCE_BYTES)
    words = json.dumps([sender, alias_address]).encode()
    return identifier, nonce + AESGCM(_made(token, b"key")).encrypt(nonce, words, identifier)


def _opened(token: str, identifier: bytes, sealed: bytes) -> tuple[str, str] | None:
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        sender, alias_address = json.loads(AESGCM(_made(token, b"key")).decrypt(nonce, rest, identifier))
    except (InvalidTag, ValueError):
        return None
    return sender, alias_address


def _made(token: str, what: bytes) -> bytes:
    """32 octets of the token's own 120 bits that nobody can guess."""
    return hmac.digest(token.encode(), b"srs_token " + what, "sha256")
