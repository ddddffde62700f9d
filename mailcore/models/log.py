"""Tables of the 7-day log: exactly the policy's fields, partitioned by day of receipt.

What a row says is sealed (log_seal.py): null where its key was lost, empty where it is to say nothing. What
is in clear counts and orders. Must never gain a column that the policy does not name, nor an address in
clear.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlmodel import Field, SQLModel

from mailcore.models.columns import Xid8, big, moment


class LogMessage(SQLModel, table=True):
    __tablename__ = "log_message"
    __table_args__ = (
        Index("ix_log_message_account_id_received_at_id", "account_id", "received_at", "id"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
    received_at: datetime = moment(key=True)
    id: UUID = Field(primary_key=True)
    account_id: UUID
    domain_id: UUID | None = None
    sealed: bytes | None = None
    alias_hash: bytes | None = None
    untagged_hash: bytes | None = None
    sender_hash: bytes | None = None
    dmarc_hash: bytes | None = None


class LogEvent(SQLModel, table=True):
    """`received_at` is the message's, so that a timeline vanishes whole. (xid, id) is the cursor. `count` is
    how many refusals a row stands for.
    """

    __tablename__ = "log_event"
    __table_args__ = (
        Index("ix_log_event_message_id", "message_id"),
        Index("ix_log_event_account_id_xid_id", "account_id", "xid", "id"),
        CheckConstraint(
            "type in ('received', 'delivered', 'soft-bounced', 'hard-bounced', 'refused')", name="type"
        ),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
    received_at: datetime = moment(key=True)
    id: int = big(identity=True)
    xid: int = Field(
        default=None, sa_column=Column(Xid8, nullable=False, server_default=text("pg_current_xact_id()"))
    )
    message_id: UUID
    account_id: UUID
    delivery_id: UUID | None = None
    at: datetime = moment()
    type: str
    code: str
    duration_ms: int
    attempt: int
    count: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    sealed: bytes | None = None


class RefusedHour(SQLModel, table=True):
    """Caps the log of refusals: 100 rows per domain and hour, then one row that counts."""

    __tablename__ = "refused_hour"
    domain_id: UUID = Field(foreign_key="domain.id", ondelete="CASCADE", primary_key=True)
    hour: datetime = moment(key=True)
    count: int
    counting_message_id: UUID | None = None
