"""API keys: made once, shown once, known afterwards only by a keyed hash.

Must never store, log or return a secret that exists already, and never ask the database about text that
is not a key at all.
"""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, domains, last_use
from customers.callers import ALL, Caller, Scope
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from mailcore.keyring import Keyring
from mailcore.models import ApiKey

KEY_NAME: Final = "api-key"
_LIVE: Final = "cp_live_"
_TEST: Final = "cp_test_"
_MOST: Final = 100  # valid keys of an account
_SHOWN: Final = 12  # "cp_test_" and four characters more: enough to recognise, too few to guess from
_SECRET_BYTES: Final = 16
# 16 bytes are 26 characters of base32, the 4 bytes of the checksum 7.
_FORM: Final = re.compile(r"(cp_(?:test|live)_[a-z2-7]{26})([a-z2-7]{7})", re.ASCII)


def generate(*, live: bool) -> str:
    """A new secret: prefix, 128 random bits, and a checksum that finds typing errors without any look-up."""
    body = (_LIVE if live else _TEST) + _base32(secrets.token_bytes(_SECRET_BYTES))
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    match = _FORM.fullmatch(secret)
    return match is not None and hmac.compare_digest(_checksum(match[1]), match[2])


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be. `domain_ids`: the only domains it may touch, None for all."""

    name: str
    scopes: frozenset[Scope] = ALL
    domain_ids: frozenset[UUID] | None = None
    expires_at: datetime | None = None


def within_reach(who: Caller, new: NewKey) -> NewKey:
    """What this caller may make of it: a key ends with its maker, or earlier. Raises Forbidden."""
    check_reach(who, new.scopes)
    if who.ends_at is None:
        return new
    return replace(new, expires_at=min(who.ends_at, new.expires_at or who.ends_at))


async def create(
    session: AsyncSession, clock: Clock, keyring: Keyring, *, account_id: UUID, new: NewKey, live: bool
) -> tuple[ApiKey, str]:
    """A key and its secret, which nobody can read again. Raises Invalid, NotFound, LimitReached."""
    account = await accounts.get(session, account_id, lock=True)
    if new.expires_at is not None and new.expires_at <= clock.now():
        raise Invalid("A key ends in the future, or never.")
    if await _count(session, account_id, clock.now()) >= _MOST:
        detail = f"An account has room for {_MOST} keys that are valid."
        raise LimitReached(detail, resource="keys", limit=_MOST, plan=account.plan)
    if new.domain_ids is not None:
        await _check_domains(session, account_id, new.domain_ids)
    secret = generate(live=live)
    return await _add(session, clock, keyring, account_id, new, secret), secret


async def _check_domains(session: AsyncSession, account_id: UUID, domain_ids: frozenset[UUID]) -> None:
    if len(await domains.names(session, account_id, domain_ids)) < len(domain_ids):
        raise NotFound("There is no such domain in this account.")


async def _count(session: AsyncSession, account_id: UUID, now: datetime) -> int:
    mine = select(func.count()).select_from(ApiKey).where(col(ApiKey.account_id) == account_id)
    return (await session.exec(mine.where(*_valid(now)))).one()


def _valid(now: datetime) -> tuple[ColumnElement[bool], ...]:
    ends = col(ApiKey.expires_at)
    return col(ApiKey.revoked_at).is_(None), or_(ends.is_(None), ends > now)


async def list_of(
    session: AsyncSession, account_id: UUID, *, after: UUID | None, limit: int
) -> Sequence[ApiKey]:
    """Oldest first, ended ones too; `after` is the last id of the page before."""
    query = select(ApiKey).where(col(ApiKey.account_id) == account_id)
    return (await session.exec(accounts.page_of(query, ApiKey.id, after=after, limit=limit))).all()


async def rename(session: AsyncSession, account_id: UUID, key_id: UUID, name: str) -> ApiKey:
    """Raises NotFound."""
    key = await accounts.get_owned(session, ApiKey, account_id, key_id, lock=True)
    key.name = name
    session.add(key)
    await session.flush()
    return key


async def roll(
    session: AsyncSession, clock: Clock, keyring: Keyring, who: Caller, key_id: UUID, overlap: timedelta
) -> tuple[ApiKey, str]:
    """A successor with a new secret; the old one ends after `overlap`, or earlier where it would anyhow.

    Raises NotFound, Conflict for a key that has ended or been rolled, Forbidden: the new secret must give
    its reader neither more than they had, nor for longer.
    """
    key = await accounts.get_owned(session, ApiKey, who.account_id, key_id, lock=True)
    now, scopes = clock.now(), scopes_of(key)
    check_reach(who, scopes)
    _check_end(who, key)
    if has_ended(key, now) or key.rolled_to is not None:
        raise Conflict("This key has ended or been rolled: make a new one.", code="key_ended")
    limited = None if key.domain_ids is None else frozenset(key.domain_ids)
    secret = generate(live=key.prefix.startswith(_LIVE))
    new = NewKey(key.name, scopes, limited, key.expires_at)
    successor = await _add(session, clock, keyring, who.account_id, new, secret)
    key.rolled_to = successor.id
    key.expires_at = min(now + overlap, key.expires_at or now + overlap)
    session.add(key)
    await session.flush()
    return successor, secret


async def revoke(session: AsyncSession, clock: Clock, account_id: UUID, key_id: UUID) -> ApiKey:
    """It opens nothing from the commit on: every request asks the database. Raises NotFound."""
    key = await accounts.get_owned(session, ApiKey, account_id, key_id, lock=True)
    key.revoked_at = key.revoked_at or clock.now()
    session.add(key)
    await session.flush()
    return key


def check_reach(who: Caller, scopes: frozenset[Scope]) -> None:
    """Nobody makes a key that may more than they may themselves. Raises Forbidden."""
    for scope in sorted(scopes - who.scopes):
        raise Forbidden(
            f"The key would have the scope {scope}, which this caller lacks.",
            code="scope_missing",
            scope=scope,
        )


def _check_end(who: Caller, key: ApiKey) -> None:
    """A key that ends, one that was rolled for instance, hands itself on, and no other that ends later."""
    if who.ends_at is None or key.id == who.actor_id:
        return
    if key.expires_at is None or key.expires_at > who.ends_at:
        raise Forbidden("The key lasts longer than the one that would roll it.", code="outlives_caller")


def has_ended(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now)


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    return frozenset(Scope(scope) for scope in key.scopes)


async def keep(
    session: AsyncSession, clock: Clock, keyring: Keyring, *, account_id: UUID, name: str, secret: str
) -> ApiKey:
    """Make a well-formed secret valid for an account, with every scope; one known already stays as it is."""
    known = select(ApiKey).where(col(ApiKey.secret_hash).in_(keyring.hashes(KEY_NAME, secret)))
    if key := (await session.exec(known)).first():
        return key
    return await _add(session, clock, keyring, account_id, NewKey(name), secret)


async def _add(
    session: AsyncSession, clock: Clock, keyring: Keyring, account_id: UUID, new: NewKey, secret: str
) -> ApiKey:
    key = ApiKey(
        id=clock.new_id(),
        account_id=account_id,
        name=new.name,
        prefix=secret[:_SHOWN],
        secret_hash=keyring.hashes(KEY_NAME, secret)[0],
        scopes=sorted(new.scopes),
        domain_ids=None if new.domain_ids is None else sorted(new.domain_ids),
        expires_at=new.expires_at,
    )
    session.add(key)
    await session.flush()
    return key


async def authenticate(database: Database, keyring: Keyring, now: datetime, secret: str) -> Caller | None:
    """Who asks with this secret; None for what is malformed, unknown, revoked or expired."""
    if not is_well_formed(secret):
        return None
    row = await database.row(
        "select k.id, k.account_id, k.name, k.scopes, k.domain_ids, k.expires_at, k.last_used_at, "
        "a.suspended_at is not null as is_suspended from api_key k join account a on a.id = k.account_id "
        "where k.secret_hash = any($1::text[]) and k.revoked_at is null "
        "and (k.expires_at is null or k.expires_at > $2)",
        keyring.hashes(KEY_NAME, secret),
        now,
    )
    if row is None:
        return None
    await last_use.note(database, "api_key", row["id"], row["last_used_at"], now)
    domain_ids = None if row["domain_ids"] is None else frozenset(row["domain_ids"])
    scopes = frozenset(Scope(scope) for scope in row["scopes"])
    return Caller(
        row["account_id"],
        "key",
        row["id"],
        row["name"],
        scopes,
        domain_ids,
        ends_at=row["expires_at"],
        is_suspended=row["is_suspended"],
    )


def _checksum(body: str) -> str:
    return _base32(binascii.crc32(body.encode()).to_bytes(4, "big"))


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()
