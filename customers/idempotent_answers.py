"""What a POST answered, kept for a day: asked again with the same Idempotency-Key, nothing is done twice.

draft-ietf-httpapi-idempotency-key-header. An answer may hold a secret that is shown once: it is sealed
(AES-256-GCM) under a key drawn (HKDF) from one of ours and the caller's own Idempotency-Key, of which only a
keyed hash is kept. Must never be readable from the database, not even with our keys alone; and an answer is
never kept apart from its change: both are in one transaction where the request has one.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.database import Database, Tenant
from mailcore.errors import Conflict, Invalid
from mailcore.keyring import Keyring

KEY_NAME: Final = "idempotency"
KEPT: Final = timedelta(hours=24)
# Whoever has not answered by then has died: the key is free again. What it may still write is refused, as
# the claim that it holds is no longer the one in the table.
STUCK: Final = timedelta(minutes=2)
_NONCE: Final = 12

_CLAIM: Final = """
insert into idempotent_answer as mine (owner_id, key_hash, request_hash, created_at) values ($1, $2, $3, $4)
on conflict (owner_id, key_hash) do update
    set request_hash = excluded.request_hash, status = null, answer = null, created_at = excluded.created_at
    where mine.created_at <= $5 or (mine.answer is null and mine.created_at <= $6)
returning true
"""
_READ: Final = """
select request_hash, status, answer from idempotent_answer where owner_id = $1 and key_hash = $2
"""
_KEEP: Final = """
update idempotent_answer set status = :status, answer = :answer
where owner_id = :owner_id and key_hash = :key_hash and created_at = :at and answer is null
"""
_RELEASE: Final = """
delete from idempotent_answer
where owner_id = $1 and key_hash = $2 and created_at = $3 and answer is null
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with an Idempotency-Key. `owner_id`: the caller's account, or a person who has none.

    `request`: all that makes it this request and no other (method, path, who asks, body).
    """

    owner_id: UUID
    tenant: Tenant | None
    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry this request out. `at` tells it from a later claim of the same key."""

    asked: Asked
    key_hash: str
    at: datetime


async def claim(database: Database, keyring: Keyring, now: datetime, asked: Asked) -> Claim | Answer:
    """A claim where nobody has asked this yet, else what was answered.

    Raises Conflict while the first request still runs, Invalid where the key belongs to another request.
    """
    secret = keyring.key(KEY_NAME)
    key_hash = _mac(secret, b"key", asked.key.encode())
    request_hash = _mac(secret, b"request", asked.key.encode() + b"\0" + asked.request)
    async with database.transaction(tenant=asked.tenant) as tx:
        mine = (asked.owner_id, key_hash)
        if await tx.value(_CLAIM, *mine, request_hash, now, now - KEPT, now - STUCK):
            return Claim(asked, key_hash, now)
        row = await tx.row(_READ, *mine)
    if row is not None and not hmac.compare_digest(row["request_hash"], request_hash):
        detail = "This Idempotency-Key was sent with another request: take a new one for a new request."
        raise Invalid(detail, code="idempotency_key_reused")
    if row is None or row["answer"] is None:
        detail = "The request with this Idempotency-Key is still being worked on: try again in a moment."
        raise Conflict(detail, code="request_in_progress")
    return _opened(secret, asked, row["status"], bytes(row["answer"]))


async def keep(session: AsyncSession, keyring: Keyring, claim: Claim, answer: Answer) -> None:
    """In the transaction of the change. Raises Conflict where the claim was lost: nothing is done."""
    values = {
        "owner_id": claim.asked.owner_id,
        "key_hash": claim.key_hash,
        "at": claim.at,
        "status": answer.status,
        "answer": _sealed(keyring.key(KEY_NAME), claim.asked, answer),
    }
    await session.flush()
    result: Any = await (await session.connection()).execute(text(_KEEP), values)
    if result.rowcount != 1:
        raise Conflict("The request took too long and was begun anew.", code="request_in_progress")


async def release(database: Database, claim: Claim) -> None:
    """The request has failed and done nothing: its key is free."""
    async with database.transaction(tenant=claim.asked.tenant) as tx:
        await tx.execute(_RELEASE, claim.asked.owner_id, claim.key_hash, claim.at)


async def expire(database: Database, now: datetime) -> None:
    """Takes away what is older than a day."""
    await database.delete_in_batches("idempotent_answer", "created_at <= $1", now - KEPT)


def _sealed(secret: bytes, asked: Asked, answer: Answer) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    plain = json.dumps(list(answer.headers)).encode() + b"\n" + answer.body
    return nonce + AESGCM(_drawn(secret, asked)).encrypt(nonce, plain, _bound_to(asked, answer.status))


def _opened(secret: bytes, asked: Asked, status: int, sealed: bytes) -> Answer:
    nonce, closed = sealed[:_NONCE], sealed[_NONCE:]
    plain = AESGCM(_drawn(secret, asked)).decrypt(nonce, closed, _bound_to(asked, status))
    headers, _, body = plain.partition(b"\n")
    return Answer(status, [(name, value) for name, value in json.loads(headers)], body)


def _drawn(secret: bytes, asked: Asked) -> bytes:
    """RFC 5869. Without the caller's own key our secret opens nothing."""
    return HKDF(SHA256(), 32, salt=secret, info=b"clearpost idempotent answer").derive(asked.key.encode())


def _bound_to(asked: Asked, status: int) -> bytes:
    return asked.owner_id.bytes + status.to_bytes(2, "big")


def _mac(secret: bytes, use: bytes, value: bytes) -> str:
    return hmac.new(secret, use + b"\0" + value, hashlib.sha256).hexdigest()
