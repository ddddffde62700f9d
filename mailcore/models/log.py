"""Tables of the 7-day log: exactly the policy's fields, partitioned by day of receipt.

Must never gain a column that the policy does not name.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlmodel import Field, SQLModel

from mailcore.models.columns import Xid8, big, moment


class LogMessage(SQLModel, table=True):
    __tablename__ = "log_message"
    __table_args__ = (
        Index("ix_log_message_account_id_received_at", "account_id", "received_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )
    received_at: datetime = moment(key=True)
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
    received_at: datetime = moment(key=True)
    id: int = big(identity=True)
    xid: int = Field(
        default=None, sa_column=Column(Xid8, nullable=False, server_default=text("pg_current_xact_id()"))
    )
    message_id: UUID
    account_id: UUID
    delivery_id: UUID | None = None
    key_id: UUID | None = None
    at: datetime = moment()
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
    hour: datetime = moment(key=True)
    count: int
    counting_message_id: UUID | None = None
