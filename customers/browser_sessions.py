"""Browsers that are signed in: made at sign-in, known by a keyed hash of what their cookie holds.

Must never store the secret of a cookie, nor keep one valid through a sign-in, a sign-out or its ends.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import last_use
from customers.callers import OF_ROLE, Caller, Role
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.keyring import Keyring
from mailcore.models import BrowserSession

KEY_NAME: Final = "browser-session"
Method = Literal["link", "provider", "passkey"]
_SECRET_BYTES: Final = 32
_LENGTH: Final = 43  # of 32 bytes in URL-safe base64
# The account only counts while the person belongs to it.
_READ: Final = """
select s.id, s.person_id, s.method, s.device, s.created_at, s.last_seen_at, p.email, p.name,
       m.account_id, m.role, a.suspended_at is not null as is_suspended
from browser_session s join person p on p.id = s.person_id
left join membership m on m.account_id = s.account_id and m.person_id = s.person_id
left join account a on a.id = m.account_id
where s.secret_hash = any($1::text[]) and s.staff = $2 and s.expires_at > $3 and s.last_seen_at > $4
"""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person in their browser. `account_id` and `role` are None where no account is chosen."""

    session_id: UUID
    person_id: UUID
    email: str
    name: str
    method: Method
    device: str
    created_at: datetime
    account_id: UUID | None
    role: Role | None
    is_suspended: bool

    @property
    def caller(self) -> Caller | None:
        """As which they ask; None where no account is chosen."""
        if self.account_id is None or self.role is None:
            return None
        return Caller(
            self.account_id,
            "person",
            self.person_id,
            self.email,
            OF_ROLE[self.role],
            role=self.role,
            person_id=self.person_id,
            session_id=self.session_id,
            is_suspended=self.is_suspended,
        )


def new_secret() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


async def create(
    session: AsyncSession,
    clock: Clock,
    keyring: Keyring,
    *,
    person_id: UUID,
    account_id: UUID | None,
    method: Method,
    device: str,
    lasts: timedelta,
    staff: bool = False,
) -> str:
    """The secret for the cookie of a new session, which ends after `lasts` at the latest."""
    now, secret = clock.now(), new_secret()
    session.add(
        BrowserSession(
            id=clock.new_id(),
            secret_hash=keyring.hashes(KEY_NAME, secret)[0],
            person_id=person_id,
            account_id=account_id,
            staff=staff,
            method=method,
            device=device,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lasts,
        )
    )
    await session.flush()
    return secret


async def read(
    database: Database, keyring: Keyring, now: datetime, secret: str, *, idle: timedelta, staff: bool = False
) -> SignedIn | None:
    """Whose cookie this is; None for what is malformed, unknown, revoked, over, or unused for `idle`."""
    if len(secret) != _LENGTH or not secret.isascii():
        return None
    row = await database.row(_READ, keyring.hashes(KEY_NAME, secret), staff, now, now - idle)
    if row is None:
        return None
    await last_use.note(database, "browser_session", row["id"], row["last_seen_at"], now)
    return _signed_in(row)


def browser_hash(keyring: Keyring, browser: str) -> str:
    """How links and challenges remember the browser that asked: by the secret in a cookie of its own."""
    return keyring.hashes(KEY_NAME, f"browser\0{browser}")[0]


async def choose_account(session: AsyncSession, session_id: UUID, account_id: UUID) -> None:
    """Where the browser works from now on. The caller has checked that the person belongs there."""
    (await session.get_one(BrowserSession, session_id)).account_id = account_id


async def of_person(
    session: AsyncSession, person_id: UUID, now: datetime, *, idle: timedelta
) -> Sequence[BrowserSession]:
    """All that `read` lets in as a customer's, the latest first; staff's are no part of anybody's account."""
    query = (
        select(BrowserSession)
        .where(col(BrowserSession.person_id) == person_id, col(BrowserSession.staff).is_(False))
        .where(col(BrowserSession.expires_at) > now, col(BrowserSession.last_seen_at) > now - idle)
        .order_by(col(BrowserSession.id).desc())
    )
    return (await session.exec(query)).all()


async def revoke(session: AsyncSession, person_id: UUID, session_id: UUID) -> bool:
    """From the next request on. False where the person has no such session."""
    return await _delete(
        session, col(BrowserSession.id) == session_id, col(BrowserSession.person_id) == person_id
    )


async def revoke_all(session: AsyncSession, person_id: UUID, *, but: UUID | None = None) -> None:
    """All of a person, or all but one: after a change of what they sign in with."""
    conditions = [col(BrowserSession.person_id) == person_id]
    if but is not None:
        conditions.append(col(BrowserSession.id) != but)
    await _delete(session, *conditions)


async def revoke_secret(session: AsyncSession, keyring: Keyring, secret: str) -> None:
    """The session of a cookie that is being replaced or signed out."""
    await _delete(session, col(BrowserSession.secret_hash).in_(keyring.hashes(KEY_NAME, secret)))


async def expire(database: Database, now: datetime, idle: timedelta) -> None:
    """Those that nobody can use any more."""
    rows = "expires_at <= $1 or last_seen_at <= $2"
    await database.delete_in_batches("browser_session", rows, now, now - idle)


async def _delete(session: AsyncSession, *conditions: Any) -> bool:
    return (await session.exec(delete(BrowserSession).where(*conditions))).rowcount > 0


def _signed_in(row: Any) -> SignedIn:
    return SignedIn(
        session_id=row["id"],
        person_id=row["person_id"],
        email=row["email"],
        name=row["name"],
        method=row["method"],
        device=row["device"],
        created_at=row["created_at"],
        account_id=row["account_id"],
        role=Role(row["role"]) if row["role"] else None,
        is_suspended=row["is_suspended"],
    )
