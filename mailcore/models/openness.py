"""Tables of what makes our word checkable: consent to look, signed statements, the canary, figures.

Must never hold an address, a secret, a private key, or anything of a message.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid
from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, big, facts, moment


class SupportGrant(SQLModel, table=True):
    """A customer asks for help and lets staff look: at which domains, why, and until when.

    `domain_ids` null: at all of them. Over at `expires_at`, or at `revoked_at` if that is earlier.
    """

    __tablename__ = "support_grant"
    __table_args__ = (
        CheckConstraint("expires_at > opened_at", name="lasts"),
        Index("ix_support_grant_expires_at", "expires_at"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account")
    opened_by_id: UUID | None = None
    opened_by: str
    reason: str
    domain_ids: list[UUID] | None = Field(default=None, sa_column=Column(ARRAY(Uuid), nullable=True))
    opened_at: datetime = moment(now=True)
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class Statement(SQLModel, table=True):
    """What we attested to at an hour. `signed` is exactly what was signed; it has the hash of the one
    before. A trigger refuses every change.
    """

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = moment()
    signed: str
    key: str
    signature: str


class Canary(SQLModel, table=True):
    """A warrant canary as people signed it off this server; the archive is all of them. A trigger refuses
    every change.

    `signatures`: by signer's name, each as `ssh-keygen -Y sign` wrote it.
    """

    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    document: str
    signatures: dict[str, Any] = Field(sa_column=Column(JSONB(none_as_null=True), nullable=False))
    published_at: datetime = moment(now=True)


class AuthorityRequest(SQLModel, table=True):
    """An authority asked us for something: when, what for, and what came of it. Noted by the operator."""

    __tablename__ = "authority_request"
    __table_args__ = (
        CheckConstraint("kind in ('data', 'removal', 'interception', 'other')", name="kind"),
        CheckConstraint("outcome in ('pending', 'refused', 'partly', 'complied')", name="outcome"),
    )
    id: UUID = Field(primary_key=True)
    received_on: date
    kind: str
    outcome: str
    noted_at: datetime = moment(now=True)


class ServiceCount(SQLModel, table=True):
    """A figure that only grows, by its name: keys destroyed, views by staff."""

    __tablename__ = "service_count"
    name: str = Field(primary_key=True)
    count: int = big(default=0)


class ServiceDay(SQLModel, table=True):
    """What a day (UTC) came to for the whole service, counted once it was over and never again.

    `received` and `refused` count messages, the others deliveries. `speeds`: seconds by lane and percentile.
    """

    __tablename__ = "service_day"
    day: date = Field(primary_key=True)
    received: int = big(default=0)
    refused: int = big(default=0)
    delivered: int = big(default=0)
    hard_bounced: int = big(default=0)
    waiting: int = big(default=0)
    speeds: dict[str, Any] = facts()
