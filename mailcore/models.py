"""All tables: the shape of what we keep. Small, countable, and without a column for content.

Must never gain a column that can hold a message body. Log text columns and spool ranges carry a
`key_id`: null means plain, a value names the key that seals the row.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id: the safe half of a cursor (ids alone become visible out of
    order).
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


def _moment(*, now: bool = False, nullable: bool = False, key: bool = False) -> Any:
    default = text("now()") if now else None
    return Field(
        sa_column=Column(DateTime(timezone=True), nullable=nullable, primary_key=key, server_default=default)
    )


def _belongs_to(table: str, *, nullable: bool = False) -> Any:
    reference = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Field(sa_column=Column(None, reference, nullable=nullable, index=True))


def _big(*, identity: bool = False, default: int | None = None) -> Any:
    extra = [Identity(always=True)] if identity else []
    server_default = None if default is None else text(str(default))
    return Field(
        default=default,
        sa_column=Column(
            BigInteger, *extra, primary_key=identity, nullable=False, server_default=server_default
        ),
    )


def _flag(default: bool) -> Any:
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default).lower())})


_LANES = "lane in ('standard', 'fast')"
_ORIGINS = "origin in ('smtp', 'dsn', 'notice')"

# --- who ---


class Account(SQLModel, table=True):
    """A tenant. `verification_token` is the secret part of the TXT record that proves its domains."""

    __table_args__ = (CheckConstraint("plan in ('free', 'premium', 'business')", name="plan"),)
    id: UUID = Field(primary_key=True)
    name: str
    plan: str = Field(default="free", sa_column_kwargs={"server_default": "free"})
    verification_token: str = Field(unique=True)
    created_at: datetime = _moment(now=True)


class Person(SQLModel, table=True):
    id: UUID = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime = _moment(now=True)


class Membership(SQLModel, table=True):
    __table_args__ = (
        UniqueConstraint("account_id", "person_id"),
        CheckConstraint("role in ('owner', 'admin', 'member', 'viewer')", name="role"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = _belongs_to("account")
    person_id: UUID = _belongs_to("person")
    role: str
    created_at: datetime = _moment(now=True)


class ApiKey(SQLModel, table=True):
    """Only a keyed hash of the secret is stored; `prefix` is what a person recognises it by."""

    __tablename__ = "api_key"
    id: UUID = Field(primary_key=True)
    account_id: UUID = _belongs_to("account")
    name: str
    prefix: str
    secret_hash: str = Field(unique=True)
    created_at: datetime = _moment(now=True)
    last_used_at: datetime | None = _moment(nullable=True)
    revoked_at: datetime | None = _moment(nullable=True)


# --- what they configure ---


class Domain(SQLModel, table=True):
    """A name an account claims. Several accounts may claim one name; at most one is verified and served.

    `found` is what its DNS said at `checked_at`; `contested_at` is set while another account's token stands
    beside ours; `notice` is what the owner has yet to be told about a dispute.
    """

    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        Index("uq_domain_served_name", "name", unique=True, postgresql_where=text("verified_at is not null")),
        Index("ix_domain_name", "name"),
        Index("ix_domain_notice", "id", postgresql_where=text("notice is not null")),
        CheckConstraint("notice in ('lost', 'won', 'kept')", name="notice"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = _belongs_to("account")
    name: str
    plus_addressing: bool = _flag(True)
    created_at: datetime = _moment(now=True)
    verified_at: datetime | None = _moment(nullable=True)
    checked_at: datetime | None = _moment(nullable=True)
    check_wanted: bool = _flag(False)
    displaced_at: datetime | None = _moment(nullable=True)
    contested_at: datetime | None = _moment(nullable=True)
    notice: str | None = None
    found: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class Alias(SQLModel, table=True):
    """`local_part` is the normalised key; `*` is the catch-all. `number` is its short name in SRS
    addresses.
    """

    __table_args__ = (UniqueConstraint("domain_id", "local_part"), UniqueConstraint("number"))
    id: UUID = Field(primary_key=True)
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    account_id: UUID = _belongs_to("account")
    domain_id: UUID = _belongs_to("domain")
    local_part: str
    note: str = ""
    enabled: bool = _flag(True)
    created_at: datetime = _moment(now=True)


class Destination(SQLModel, table=True):
    """A real inbox of an account."""

    __table_args__ = (UniqueConstraint("account_id", "address"),)
    id: UUID = Field(primary_key=True)
    account_id: UUID = _belongs_to("account")
    address: str
    delivered_before: bool = _flag(False)
    created_at: datetime = _moment(now=True)


class AliasDestination(SQLModel, table=True):
    __tablename__ = "alias_destination"
    alias_id: UUID = Field(foreign_key="alias.id", ondelete="CASCADE", primary_key=True)
    destination_id: UUID = Field(
        foreign_key="destination.id", ondelete="CASCADE", primary_key=True, index=True
    )


# --- machines and processes ---


class Node(SQLModel, table=True):
    """A machine with a spool; its identity is a file in the spool folder. `sweeps`: see spool_owner.py."""

    id: UUID = Field(primary_key=True)
    sweeps: int = _big(default=0)
    created_at: datetime = _moment(now=True)


class Process(SQLModel, table=True):
    """A lease owner. Dead only when a sweeper has seen one `heartbeat` value for too long."""

    id: UUID = Field(primary_key=True)
    node_id: UUID = _belongs_to("node")
    role: str
    lane: str
    heartbeat: int = _big(default=0)
    started_at: datetime = _moment(now=True)


# --- mail on its way ---


class Message(SQLModel, table=True):
    """One accepted message for one alias; deleted with its last delivery.

    Recipients of one SMTP transaction share their bytes: same segment and offset, `shared` set.
    """

    __table_args__ = (
        CheckConstraint(_LANES, name="lane"),
        CheckConstraint(_ORIGINS, name="origin"),
        Index("ix_message_segment_offset", "segment", "record_offset"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = Field(index=True)
    domain_id: UUID | None = None
    alias_id: UUID | None = Field(default=None, index=True)
    alias_address: str
    lane: str
    node_id: UUID
    segment: UUID
    record_offset: int = _big()
    record_length: int = _big()
    shared: bool = _flag(False)
    reverse_path: str
    sender_authenticated: bool = _flag(False)
    smtputf8: bool = _flag(False)
    key_id: UUID | None = None
    origin: str
    delivered: bool = _flag(False)
    accepted_at: datetime = _moment(now=True)


class Delivery(SQLModel, table=True):
    """One content to one destination: the unit of the queue and of the ledger; deleted when it ends.

    `attempt` numbers every try, `failures` counts only finished ones (they climb the ladder).
    `address` is set only for our own mail (DSN, notice); otherwise the destination row knows it.
    `provider` is the registrable domain of the MX host that was tried last; empty until then.
    """

    __table_args__ = (
        UniqueConstraint("message_id", "destination_id"),
        CheckConstraint(_LANES, name="lane"),
        CheckConstraint(_ORIGINS, name="origin"),
        CheckConstraint("state in ('waiting', 'held')", name="state"),
        Index(
            "ix_delivery_claim",
            "node_id",
            "lane",
            "account_id",
            "provider",
            "next_attempt_at",
            postgresql_where=text("lease_owner is null and state = 'waiting'"),
        ),
        Index(
            "ix_delivery_due",
            "node_id",
            "lane",
            "next_attempt_at",
            postgresql_where=text("lease_owner is null and state = 'waiting'"),
        ),
        Index("ix_delivery_lease_owner", "lease_owner", postgresql_where=text("lease_owner is not null")),
    )
    id: UUID = Field(primary_key=True)
    message_id: UUID = _belongs_to("message")
    account_id: UUID = Field(index=True)
    destination_id: UUID | None = Field(default=None, index=True)
    address: str | None = None
    node_id: UUID
    lane: str
    origin: str
    state: str = Field(default="waiting", sa_column_kwargs={"server_default": "waiting"})
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    next_attempt_at: datetime = _moment(now=True)
    lease_owner: UUID | None = None
    lease_token: UUID | None = None
    no_domain_since: datetime | None = _moment(nullable=True)
    provider: str = Field(default="", sa_column_kwargs={"server_default": ""})
    accepted_at: datetime = _moment(now=True)


class ProviderPause(SQLModel, table=True):
    """A destination provider that is in trouble, and until when all processes leave it alone."""

    __tablename__ = "provider_pause"
    provider: str = Field(primary_key=True)
    until: datetime = _moment()


class SrsToken(SQLModel, table=True):
    """What an opaque return address stands for: where SRS0 would not fit, and for mail of a catch-all."""

    __tablename__ = "srs_token"
    token: str = Field(primary_key=True)
    address: str
    account_id: UUID
    domain_id: UUID | None = None
    alias_address: str
    may_notify: bool
    key_id: UUID | None = None
    expires_at: datetime = _moment()


class Undelivered(SQLModel, table=True):
    """What the owner's daily notice tells: hard bounces of which no DSN could tell the sender."""

    __table_args__ = (UniqueConstraint("account_id", "day", "alias_address", "status"),)
    id: int = _big(identity=True)
    account_id: UUID = _belongs_to("account")
    day: date
    alias_address: str
    status: str
    count: int
    noticed_at: datetime | None = _moment(nullable=True)


# --- the 7-day log: exactly the policy's fields, partitioned by day of receipt ---


class LogMessage(SQLModel, table=True):
    __tablename__ = "log_message"
    __table_args__ = (
        Index("ix_log_message_account_id_received_at", "account_id", "received_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
    received_at: datetime = _moment(key=True)
    id: UUID = Field(primary_key=True)
    account_id: UUID
    domain_id: UUID | None = None
    key_id: UUID | None = None
    client_ip: str
    client_name: str
    subject: str
    sender: str
    alias: str


class LogEvent(SQLModel, table=True):
    """`received_at` is the message's, so that a timeline vanishes whole. (xid, id) is the cursor."""

    __tablename__ = "log_event"
    __table_args__ = (
        Index("ix_log_event_message_id", "message_id"),
        Index("ix_log_event_account_id_xid_id", "account_id", "xid", "id"),
        CheckConstraint(
            "type in ('received', 'delivered', 'soft-bounced', 'hard-bounced', 'refused')", name="type"
        ),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
    received_at: datetime = _moment(key=True)
    id: int = _big(identity=True)
    xid: int = Field(
        default=None, sa_column=Column(Xid8, nullable=False, server_default=text("pg_current_xact_id()"))
    )
    message_id: UUID
    account_id: UUID
    delivery_id: UUID | None = None
    key_id: UUID | None = None
    at: datetime = _moment()
    type: str
    response: str
    code: str
    server_ip: str
    duration_ms: int
    attempt: int


class RefusedHour(SQLModel, table=True):
    """Caps the log of refusals: 100 rows per domain and hour, then one row that counts."""

    __tablename__ = "refused_hour"
    domain_id: UUID = Field(foreign_key="domain.id", ondelete="CASCADE", primary_key=True)
    hour: datetime = _moment(key=True)
    count: int
    counting_message_id: UUID | None = None


# --- what is counted ---


class UsageDay(SQLModel, table=True):
    __tablename__ = "usage_day"
    account_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    forwarded: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    bytes: int = _big(default=0)


class Ledger(SQLModel, table=True):
    """Append-only: created = delivered + hard-bounced + waiting + held, by origin."""

    __table_args__ = (CheckConstraint(_ORIGINS, name="origin"),)
    id: int = _big(identity=True)
    at: datetime = _moment(now=True)
    origin: str
    created: int = _big(default=0)
    delivered: int = _big(default=0)
    hard_bounced: int = _big(default=0)
