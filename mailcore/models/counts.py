"""Tables of what is counted: usage by day, and the ledger. Must never hold an address."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from mailcore.models.columns import ORIGINS, big, moment


class UsageDay(SQLModel, table=True):
    """`refused_by_plan`: those of `refused` that a larger plan would have taken."""

    __tablename__ = "usage_day"
    __table_args__ = (Index("ix_usage_day_day", "day"),)
    account_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    forwarded: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    bytes: int = big(default=0)
    refused_by_plan: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Ledger(SQLModel, table=True):
    """Append-only: created = delivered + hard-bounced + waiting + held, by origin."""

    __table_args__ = (CheckConstraint(ORIGINS, name="origin"),)
    id: int = big(identity=True)
    at: datetime = moment(now=True)
    origin: str
    created: int = big(default=0)
    delivered: int = big(default=0)
    hard_bounced: int = big(default=0)
