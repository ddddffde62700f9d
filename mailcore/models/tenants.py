"""Tables of who a customer is: accounts, their people, their keys.

Must never gain a column that holds a password or a readable secret.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, moment, texts

_ROLES = "role in ('owner', 'admin', 'member', 'viewer')"


class Account(SQLModel, table=True):
    """A tenant. `verification_token` is the secret part of the TXT record that proves its domains.

    `policy_told_at`: when a person of it was told what is logged; `exported_at`: when its data was last
    taken out, which deleting it asks for. `surplus_pauses_at`: end of the grace after a downgrade, when what
    the plan has no room for pauses; null where all fits. `surplus_told`: how far the owner knows of that.
    `suspended_at`: we have stopped its mail, for one of a few reasons and with a note to its owners.
    """

    __table_args__ = (
        CheckConstraint("plan in ('free', 'premium', 'business')", name="plan"),
        CheckConstraint("(suspended_at is null) = (suspended_for is null)", name="suspended"),
        Index(
            "ix_account_surplus_due",
            "surplus_told",
            "surplus_pauses_at",
            postgresql_where=text("surplus_pauses_at is not null and surplus_told < 3"),
        ),
        Index(
            "ix_account_surplus",
            "id",
            postgresql_where=text("surplus_pauses_at is not null"),
        ),
    )
    id: UUID = Field(primary_key=True)
    name: str
    plan: str = Field(default="free", sa_column_kwargs={"server_default": "free"})
    verification_token: str = Field(unique=True)
    policy_told_at: datetime | None = moment(nullable=True)
    exported_at: datetime | None = moment(nullable=True)
    suspended_at: datetime | None = moment(nullable=True)
    suspended_for: str | None = None
    suspended_note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    surplus_pauses_at: datetime | None = moment(nullable=True)
    surplus_told: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = moment(now=True)


class Person(SQLModel, table=True):
    """Somebody who signs in. `email` is verified: a link sent there was opened, or a provider vouched.

    `staff_since` is set by the command line of the server and by nothing else.
    """

    __table_args__ = (Index("ix_person_domain", text("split_part(email, '@', 2)")),)
    id: UUID = Field(primary_key=True)
    email: str = Field(unique=True)
    name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    staff_since: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class Membership(SQLModel, table=True):
    __table_args__ = (UniqueConstraint("account_id", "person_id"), CheckConstraint(_ROLES, name="role"))
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account")
    person_id: UUID = belongs_to("person")
    role: str
    created_at: datetime = moment(now=True)


class Invitation(SQLModel, table=True):
    """Into an account with a role; or, where `account_id` is null, to this server with an account to be
    made. The link in its mail is signed, so nothing of it is stored. `invited_by_id`: the person who must
    still be allowed to give that role; null where an operator invites to this server.
    """

    __table_args__ = (CheckConstraint(_ROLES, name="role"),)
    id: UUID = Field(primary_key=True)
    account_id: UUID | None = belongs_to("account", nullable=True)
    email: str
    role: str
    invited_by: str
    invited_by_id: UUID | None = belongs_to("person", nullable=True)
    expires_at: datetime = moment()
    accepted_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class AccountClaim(SQLModel, table=True):
    """An admin asks for an account whose owners are gone: theirs from `due_at` on, if no owner is heard."""

    __tablename__ = "account_claim"
    id: UUID = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE", unique=True)
    person_id: UUID = belongs_to("person")
    due_at: datetime = moment()
    created_at: datetime = moment(now=True)


class DeletedAccount(SQLModel, table=True):
    """An account that was deleted: only its id, until upkeep has removed all that still names it; and the
    customer at Stripe, until that is deleted too, and with it the subscription.
    """

    __tablename__ = "deleted_account"
    id: UUID = Field(primary_key=True)
    at: datetime = moment()
    customer_id: str | None = None


class ApiKey(SQLModel, table=True):
    """Only a keyed hash of the secret is stored; `prefix` is what a person recognises it by.

    `domain_ids`: the only domains it may touch, null for all. A rolled key stays valid until `expires_at`.
    """

    __tablename__ = "api_key"
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account")
    name: str
    prefix: str
    secret_hash: str = Field(unique=True)
    scopes: list[str] = texts()
    domain_ids: list[UUID] | None = Field(default=None, sa_column=Column(ARRAY(Uuid), nullable=True))
    rolled_to: UUID | None = None
    expires_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
