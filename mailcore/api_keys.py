"""API keys: made once, shown once, known afterwards only by a keyed hash.

Must never store, log or return a secret that exists already, and never ask the database about text that
is not a key at all.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.callers import ALL, Caller, Scope
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.models import ApiKey

KEY_NAME: Final = "api-key"
_USED_EVERY: Final = timedelta(minutes=1)
_SHOWN: Final = 12  # "cp_test_" and four characters more: enough to recognise, too few to guess from
_SECRET_BYTES: Final = 16
# 16 bytes are 26 characters of base32, the 4 bytes of the checksum 7.
_FORM: Final = re.compile(r"(cp_(?:test|live)_[a-z2-7]{26})([a-z2-7]{7})", re.ASCII)


def generate(*, live: bool) -> str:
    """A new secret: prefix, 128 random bits, and a checksum that finds typing errors without any look-up."""
    body = ("cp_live_" if live else "cp_test_") + _base32(secrets.token_bytes(_SECRET_BYTES))
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    match = _FORM.fullmatch(secret)
    return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])


async def create(
    session: AsyncSession, clock: Clock, keyring: Keyring, *, account_id: UUID, name: str, live: bool
) -> tuple[ApiKey, str]:
    """A key and its secret, which nobody can read again."""
    secret = generate(live=live)
    return await keep(session, clock, keyring, account_id=account_id, name=name, secret=secret), secret


async def keep(
    session: AsyncSession, clock: Clock, keyring: Keyring, *, account_id: UUID, name: str, secret: str
) -> ApiKey:
    """Make a well-formed secret valid for an account, with every scope; one known already stays as it is."""
    known = select(ApiKey).where(col(ApiKey.secret_hash).in_(_hashes(keyring, secret)))
    if key := (await session.exec(known)).first():
        return key
    hashed = _hashes(keyring, secret)[0]
    key = ApiKey(
        id=clock.new_id(),
        account_id=account_id,
        name=name,
        prefix=secret[:_SHOWN],
        secret_hash=hashed,
        scopes=sorted(ALL),
    )
    session.add(key)
    await session.flush()
    return key


async def authenticate(database: Database, keyring: Keyring, now: datetime, secret: str) -> Caller | None:
    """Who asks with this secret; None for what is malformed, unknown, revoked or expired."""
    if not is_well_formed(secret):
        return None
    row = await database.row(
        "select id, account_id, name, scopes, domain_ids, last_used_at from api_key "
        "where secret_hash = any($1::text[]) and revoked_at is null "
        "and (expires_at is null or expires_at > $2)",
        _hashes(keyring, secret),
        now,
    )
    if row is None:
        return None
    if row["last_used_at"] is None or now - row["last_used_at"] >= _USED_EVERY:
        await _note_use(database, row["id"], now)
    domain_ids = None if row["domain_ids"] is None else frozenset(row["domain_ids"])
    scopes = frozenset(Scope(scope) for scope in row["scopes"])
    return Caller(row["account_id"], "key", row["id"], row["name"], scopes, domain_ids)


async def _note_use(database: Database, key_id: UUID, now: datetime) -> None:
    """At most once a minute; requests at the same moment do not wait for each other."""
    async with database.transaction() as tx:
        await tx.execute(
            "update api_key set last_used_at = $2 "
            "where id = (select id from api_key where id = $1 for update skip locked)",
            key_id,
            now,
        )


def _hashes(keyring: Keyring, secret: str) -> list[str]:
    """Under every valid key, the newest first: a rotation must not lock customers out."""
    return [hmac.new(key, secret.encode(), hashlib.sha256).hexdigest() for key in keyring.keys(KEY_NAME)]


def _checksum(body: str) -> str:
    return _base32(binascii.crc32(body.encode()).to_bytes(4, "big"))


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()
