"""Tables of what is counted: usage by day, and the ledger. Must never hold an address."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from mailcore.models.columns import ORIGINS, big, facts, moment


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


class ServiceFigures(SQLModel, table=True):
    """One row, written anew by upkeep, for whoever asks how the service is doing: by lane what waits, and
    how long mail takes. `at` is that of `queues` and `ledger_difference`.
    """

    __tablename__ = "service_figures"
    id: int = Field(primary_key=True)
    at: datetime = moment(now=True)
    queues: dict[str, Any] = facts()
    speeds: dict[str, Any] = facts()
    ledger_difference: int = big(default=0)
