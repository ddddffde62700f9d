"""Tables of signing in: whom a provider vouches for, passkeys, links by mail, browser sessions.

Must never hold a secret that opens anything: only hashes, and public keys.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, big, flag, moment, texts


class Identity(SQLModel, table=True):
    """A person as an identity provider knows them: (issuer, subject) never changes hands, addresses do."""

    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    id: UUID = Field(primary_key=True)
    person_id: UUID = belongs_to("person")
    issuer: str
    subject: str
    created_at: datetime = moment(now=True)
    last_used_at: datetime | None = moment(nullable=True)


class Passkey(SQLModel, table=True):
    """A WebAuthn credential: its public key, and the counter that shows a clone."""

    id: UUID = Field(primary_key=True)
    person_id: UUID = belongs_to("person")
    credential_id: bytes = Field(unique=True)
    public_key: bytes
    sign_count: int = big(default=0)
    transports: list[str] = texts()
    name: str
    created_at: datetime = moment(now=True)
    last_used_at: datetime | None = moment(nullable=True)


class PasskeyChallenge(SQLModel, table=True):
    """What a browser must sign: once, within minutes, and only in the browser that asked."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (UniqueConstraint("browser_hash", "purpose"),)
    id: UUID = Field(primary_key=True)
    person_id: UUID | None = belongs_to("person", nullable=True)
    purpose: str
    challenge: bytes
    browser_hash: str
    expires_at: datetime = moment()


class SignInLink(SQLModel, table=True):
    """A link sent by mail: single use, 15 minutes, for the browser that asked. The link itself is signed.

    `person_id` is set where a person changes their address; else the address alone says who signs in. For
    `undo-address` it goes to the address that was left, for a week and for any browser.
    """

    __tablename__ = "sign_in_link"
    __table_args__ = (
        CheckConstraint("purpose in ('sign-in', 'change-address', 'undo-address')", name="purpose"),
    )
    id: UUID = Field(primary_key=True)
    purpose: str
    email: str = Field(index=True)
    person_id: UUID | None = belongs_to("person", nullable=True)
    browser_hash: str
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class BrowserSession(SQLModel, table=True):
    """A browser that is signed in. `account_id` is the account it works in now; `staff` sessions are a kind
    of their own, made by passkey only. `device` is a plain word such as "Firefox on Linux", never an IP.
    """

    __tablename__ = "browser_session"
    __table_args__ = (CheckConstraint("method in ('link', 'provider', 'passkey')", name="method"),)
    id: UUID = Field(primary_key=True)
    secret_hash: str = Field(unique=True)
    person_id: UUID = belongs_to("person")
    account_id: UUID | None = belongs_to("account", nullable=True)
    staff: bool = flag(False)
    method: str
    device: str
    created_at: datetime = moment(now=True)
    last_seen_at: datetime = moment(now=True)
    expires_at: datetime = moment()
