"""Tables of mail on its way: where its bytes lie and where it goes; rows leave with the mail.

Must never gain a column that can hold a message body.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, SmallInteger, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from mailcore.models.columns import LANES, ORIGINS, belongs_to, big, flag, moment, texts


class Message(SQLModel, table=True):
    """One accepted message for one alias; deleted with its last delivery.

    Recipients of one SMTP transaction share their bytes: same segment and offset, `shared` set. Who it is
    from and the address it was written to are in the sealed record; `recipient` is the place in its list,
    null for mail of a release that did not note it.
    """

    __table_args__ = (
        CheckConstraint(LANES, name="lane"),
        CheckConstraint(ORIGINS, name="origin"),
        Index("ix_message_segment_offset", "segment", "record_offset"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = Field(index=True)
    domain_id: UUID | None = None
    alias_id: UUID | None = Field(default=None, index=True)
    recipient: int | None = Field(default=None, sa_column=Column(SmallInteger, nullable=True))
    lane: str
    node_id: UUID
    segment: UUID
    record_offset: int = big()
    record_length: int = big()
    shared: bool = flag(False)
    sender_authenticated: bool = flag(False)
    smtputf8: bool = flag(False)
    origin: str
    delivered: bool = flag(False)
    accepted_at: datetime = moment(now=True)


class Delivery(SQLModel, table=True):
    """One content to one destination: the unit of the queue and of the ledger; deleted when it ends.

    `attempt` numbers every try, `failures` counts only finished ones (they climb the ladder).
    `destination_id` is null for our own mail (DSN, notice): its sealed record knows where to.
    `provider` is the registrable domain of the MX host that was tried last; empty until then.
    `cancelled`: its owner wants it ended; whoever leases it next ends it instead of sending it.
    """

    __table_args__ = (
        UniqueConstraint("message_id", "destination_id"),
        CheckConstraint(LANES, name="lane"),
        CheckConstraint(ORIGINS, name="origin"),
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
        Index("ix_delivery_account_id_id", "account_id", "id"),
        # For what was held too long or cancelled meanwhile: see queue_admin.take_expired.
        Index("ix_delivery_accepted_at", "accepted_at", postgresql_where=text("lease_owner is null")),
        Index(
            "ix_delivery_cancelled", "accepted_at", postgresql_where=text("lease_owner is null and cancelled")
        ),
    )
    id: UUID = Field(primary_key=True)
    message_id: UUID = belongs_to("message", index=False)
    account_id: UUID
    destination_id: UUID | None = Field(default=None, index=True)
    node_id: UUID
    lane: str
    origin: str
    state: str = Field(default="waiting", sa_column_kwargs={"server_default": "waiting"})
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    next_attempt_at: datetime = moment(now=True)
    lease_owner: UUID | None = None
    lease_token: UUID | None = None
    cancelled: bool = flag(False)
    no_domain_since: datetime | None = moment(nullable=True)
    provider: str = Field(default="", sa_column_kwargs={"server_default": ""})
    accepted_at: datetime = moment(now=True)


class ProviderPause(SQLModel, table=True):
    """A destination provider that is in trouble, and until when all processes leave it alone."""

    __tablename__ = "provider_pause"
    provider: str = Field(primary_key=True)
    until: datetime = moment()


class MtaStsPolicy(SQLModel, table=True):
    """What a destination's domain has published about TLS (RFC 8461); the domain and the mail hosts it names
    are only keyed hashes, so that nobody reads from them where customers' mail goes.
    """

    __tablename__ = "mta_sts_policy"
    __table_args__ = (CheckConstraint("mode in ('enforce', 'testing', 'none')", name="mode"),)
    name_hash: str = Field(primary_key=True)
    policy_id: str
    mode: str
    mx: list[str] = texts()
    fetched_at: datetime = moment(now=True)
    expires_at: datetime = moment()


class ServiceAlert(SQLModel, table=True):
    """What an operator must see and the status page tells. Deleted when it is over.

    `subject` is an address or a certificate of ours, or a destination provider, never anything of a customer;
    `told_at`: the operator was written to.
    """

    __tablename__ = "service_alert"
    __table_args__ = (CheckConstraint("kind in ('blocklisted', 'deferring', 'certificate')", name="kind"),)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    detail: str = Field(default="", sa_column_kwargs={"server_default": ""})
    since: datetime = moment(now=True)
    seen_at: datetime = moment(now=True)
    told_at: datetime | None = moment(nullable=True)


class SrsToken(SQLModel, table=True):
    """What an opaque return address stands for: where SRS0 would not fit, and for mail of a catch-all.

    `id` is a hash of the address; sender and alias are sealed under a key made from it, which only those have
    who got the mail. See return_tokens.py.
    """

    __tablename__ = "srs_token"
    id: bytes = Field(primary_key=True)
    sealed: bytes
    account_id: UUID = Field(index=True)
    domain_id: UUID | None = None
    may_notify: bool
    expires_at: datetime = moment()


class Undelivered(SQLModel, table=True):
    """What the owner's daily notice tells: hard bounces of which no DSN could tell the sender.

    The alias is sealed under the account's key; without one both say nothing, and only the number is told.
    """

    __table_args__ = (
        UniqueConstraint("account_id", "day", "alias_hash", "status"),
        Index("ix_undelivered_day", "day", postgresql_where=text("noticed_at is null")),
    )
    id: int = big(identity=True)
    account_id: UUID = belongs_to("account")
    day: date
    alias_hash: bytes
    alias: bytes | None = None
    status: str
    count: int
    noticed_at: datetime | None = moment(nullable=True)
