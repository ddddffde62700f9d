"""Tables of what was asked and changed, and of what is still to be told.

Must never hold a request's body, a secret, or anything of a message.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from mailcore.models.columns import Xid8, big, facts, moment

_XID = text("pg_current_xact_id()")


class AuditEvent(SQLModel, table=True):
    """Who changed what. Append-only, 30 days. `account_id` null: the service's own audit log (staff)."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_account_id_id", "account_id", "id"),
        Index("ix_audit_event_at", "at"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID | None = None
    at: datetime = moment(now=True)
    actor_kind: str
    actor_id: UUID | None = None
    actor: str
    action: str
    subject_id: UUID | None = None
    subject: str
    detail: dict[str, Any] = facts()
    request_id: str = Field(default="", sa_column_kwargs={"server_default": ""})


class RequestLog(SQLModel, table=True):
    """One request to the API, 7 days. `path` without its query string."""

    __tablename__ = "request_log"
    __table_args__ = (
        Index("ix_request_log_account_id_id", "account_id", "id"),
        Index("ix_request_log_at", "at"),
    )
    id: UUID = Field(primary_key=True)
    account_id: UUID
    at: datetime = moment()
    actor_kind: str
    actor_id: UUID
    method: str
    path: str
    status: int
    duration_ms: int
    request_id: str


class IdempotentAnswer(SQLModel, table=True):
    """What a POST answered, 24 h. `owner_id`: an account, or a person who has none. The answer is sealed
    under the caller's own Idempotency-Key, of which only a hash is here: it may hold a secret that is shown
    once. `answer` null: still being worked on.
    """

    __tablename__ = "idempotent_answer"
    __table_args__ = (Index("ix_idempotent_answer_created_at", "created_at"),)
    owner_id: UUID = Field(primary_key=True)
    key_hash: str = Field(primary_key=True)
    request_hash: str
    status: int | None = None
    answer: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    created_at: datetime = moment(now=True)


class Change(SQLModel, table=True):
    """What an open page is told of: a domain's state, a plan, the queue. Ids and words only; a day.

    (xid, id) is the cursor, as in the log.
    """

    __table_args__ = (
        Index("ix_change_account_id_xid_id", "account_id", "xid", "id"),
        Index("ix_change_at", "at"),
    )
    id: int = big(identity=True)
    xid: int = Field(default=None, sa_column=Column(Xid8, nullable=False, server_default=_XID))
    account_id: UUID
    at: datetime = moment(now=True)
    kind: str
    subject_id: UUID | None = None
    data: dict[str, Any] = facts()


class Letter(SQLModel, table=True):
    """Mail of ours that waits to be written: to whom, which kind, about what. Gone once it is accepted by
    our own delivery path. Links in it are signed when it is written, so none is stored here. `due_at`: later
    where it could not be written, so that it holds back no other.
    """

    __table_args__ = (Index("ix_letter_due_at", "due_at"),)
    id: UUID = Field(primary_key=True)
    account_id: UUID | None = Field(default=None, index=True)
    kind: str
    to_address: str
    about: dict[str, Any] = facts()
    created_at: datetime = moment(now=True)
    due_at: datetime = moment(now=True)
