"""Tables of what customers configure: domains, aliases, destinations.

Must never be reached but through their gates.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, flag, moment

# As rspamd's own default for "reject".
DEFAULT_SPAM_THRESHOLD = 15.0


class Domain(SQLModel, table=True):
    """A name an account claims. Several accounts may claim one name; at most one is verified and served.

    `found` is what its DNS said at `checked_at`; `contested_at` is set while another account's token stands
    beside ours. `next_check_at`: when upkeep looks again; `check_asked_at`: when a person looked last.
    `mx_at`: when its MX last led here. `failing_since`: verified, but its records have been wrong at every
    check since; `told_failing_at`: when the owner was told last; `mail_seen_at`: authenticated mail came
    nevertheless; `off_at`: switched off.
    `paused_at`: beyond what the plan allows since a downgrade; an upgrade wakes it.
    The owner's choices about its mail: `strict_dmarc` refuses whatever fails a DMARC policy of reject,
    `require_tls` sends only over TLS to hosts that prove their name, `spam_threshold` is the score of the
    spam filter from which mail is refused (null: never), `log_level` how much the log keeps of it.
    """

    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        Index("uq_domain_served_name", "name", unique=True, postgresql_where=text("verified_at is not null")),
        CheckConstraint("log_level in ('full', 'no-subject', 'no-sender', 'failures')", name="log_level"),
        Index("ix_domain_name", "name"),
        Index("ix_domain_next_check_at", "next_check_at"),
        Index("ix_domain_paused", "account_id", postgresql_where=text("paused_at is not null")),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account")
    name: str
    plus_addressing: bool = flag(True)
    created_at: datetime = moment(now=True)
    verified_at: datetime | None = moment(nullable=True)
    checked_at: datetime | None = moment(nullable=True)
    check_asked_at: datetime | None = moment(nullable=True)
    next_check_at: datetime = moment(now=True)
    mx_at: datetime | None = moment(nullable=True)
    displaced_at: datetime | None = moment(nullable=True)
    contested_at: datetime | None = moment(nullable=True)
    failing_since: datetime | None = moment(nullable=True)
    told_failing_at: datetime | None = moment(nullable=True)
    mail_seen_at: datetime | None = moment(nullable=True)
    off_at: datetime | None = moment(nullable=True)
    paused_at: datetime | None = moment(nullable=True)
    strict_dmarc: bool = flag(False)
    require_tls: bool = flag(False)
    spam_threshold: float | None = Field(
        default=DEFAULT_SPAM_THRESHOLD,
        sa_column_kwargs={"server_default": text(f"{DEFAULT_SPAM_THRESHOLD:g}")},
    )
    log_level: str = Field(default="full", sa_column_kwargs={"server_default": "full"})
    found: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class Alias(SQLModel, table=True):
    """`local_part` is the normalised key; `*` is the catch-all. `number` is its short name in SRS
    addresses. `paused_at`: beyond what the plan allows since a downgrade; an upgrade wakes it.
    """

    __table_args__ = (
        UniqueConstraint("domain_id", "local_part"),
        UniqueConstraint("number"),
        Index("ix_alias_account_id_id", "account_id", "id"),
        Index("ix_alias_paused", "account_id", postgresql_where=text("paused_at is not null")),
    )
    id: UUID = Field(primary_key=True)
    number: int = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    account_id: UUID = belongs_to("account", index=False)
    domain_id: UUID = belongs_to("domain")
    local_part: str
    note: str = ""
    enabled: bool = flag(True)
    paused_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class Destination(SQLModel, table=True):
    """A real inbox of an account. It gets mail once `confirmed_at` is set, by the link that was mailed to it.

    `asked_at`: when it was asked last; `ask_after`: not by ourselves before, so that nobody is pestered.
    `stopped_at`: whoever reads it asked for no more. `failing_since`: first of the hard bounces in a row;
    `told_failing_at`: when the owner was told last.
    """

    __table_args__ = (
        UniqueConstraint("account_id", "address"),
        Index("ix_destination_account_id_id", "account_id", "id"),
        Index("ix_destination_lower_address", text("lower(address)")),
        Index(
            "ix_destination_unasked",
            "ask_after",
            postgresql_where=text("confirmed_at is null and asked_at is null and stopped_at is null"),
        ),
        Index("ix_destination_failing", "account_id", postgresql_where=text("failing_since is not null")),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account", index=False)
    address: str
    delivered_before: bool = flag(False)
    confirmed_at: datetime | None = moment(nullable=True)
    asked_at: datetime | None = moment(nullable=True)
    ask_after: datetime = moment(now=True)
    stopped_at: datetime | None = moment(nullable=True)
    failing_since: datetime | None = moment(nullable=True)
    told_failing_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class AliasDestination(SQLModel, table=True):
    __tablename__ = "alias_destination"
    alias_id: UUID = Field(foreign_key="alias.id", ondelete="CASCADE", primary_key=True)
    destination_id: UUID = Field(
        foreign_key="destination.id", ondelete="CASCADE", primary_key=True, index=True
    )


class Suppression(SQLModel, table=True):
    """An inbox that asked to be left alone, for good and by all accounts: a keyed hash of its address."""

    address_hash: str = Field(primary_key=True)
    created_at: datetime = moment(now=True)
