"""Tables of money: what Stripe said last of an account's subscription, which of its events came.

Must never hold a card, a bank account or a postal address: those stay at Stripe.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from mailcore.models.columns import flag, moment

_STATUS = (
    "status in ('none', 'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', "
    "'canceled', 'paused')"
)
# What an operator looks at.
_ODD = "odd_price or disputed or tries > 3"


class Subscription(SQLModel, table=True):
    """An account's customer at Stripe, and the current state of their subscription as it was fetched last.

    `dirty_at`: an event said last that something changed, and it was not fetched since; `fetch_at`: when it
    is, in any case; `tries`: fetches that failed in a row. `plan`: the one that billing gave the account
    last; what an operator sets stays until Stripe's state asks for another. `next_plan`, `next_interval`:
    what follows at the period's end. `past_due_since` begins the 14 days of grace; `told_past_due`: how many
    of its letters were sent. `odd_price`: a price that no setting names; the plan stays, and we are told.
    Amounts are in the currency's smallest unit, per month.
    """

    __table_args__ = (
        CheckConstraint(_STATUS, name="status"),
        Index("ix_subscription_fetch_at", "fetch_at"),
        Index("ix_subscription_news", "fetch_at", postgresql_where=text("dirty_at is not null")),
        Index("ix_subscription_odd", "account_id", postgresql_where=text(_ODD)),
    )
    account_id: UUID = Field(primary_key=True, foreign_key="account.id", ondelete="CASCADE")
    customer_id: str = Field(unique=True)
    subscription_id: str | None = None
    status: str = Field(default="none", sa_column_kwargs={"server_default": "none"})
    price_id: str | None = None
    plan: str | None = None
    interval: str | None = None
    amount_monthly: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    currency: str = Field(default="usd", sa_column_kwargs={"server_default": "usd"})
    odd_price: bool = flag(False)
    disputed: bool = flag(False)
    refunded_at: datetime | None = moment(nullable=True)
    next_plan: str | None = None
    next_interval: str | None = None
    cancel_at: datetime | None = moment(nullable=True)
    period_end: datetime | None = moment(nullable=True)
    trial_end: datetime | None = moment(nullable=True)
    past_due_since: datetime | None = moment(nullable=True)
    told_past_due: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    dirty_at: datetime | None = moment(nullable=True)
    fetch_at: datetime = moment(now=True)
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    fetched_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)


class StripeEvent(SQLModel, table=True):
    """An event that was received: its id makes a second delivery of it no news. 30 days.

    `dispute_id`: one whose state is asked at Stripe, at `fetch_at`; null once that is done.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        Index("ix_stripe_event_received_at", "received_at"),
        Index("ix_stripe_event_fetch_at", "fetch_at", postgresql_where=text("fetch_at is not null")),
    )
    id: str = Field(primary_key=True)
    type: str
    customer_id: str | None = None
    dispute_id: str | None = None
    fetch_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    received_at: datetime = moment(now=True)


class UsageLetter(SQLModel, table=True):
    """Who was told that 80 or 100 % of a day's quota are used: once a day each."""

    __tablename__ = "usage_letter"
    account_id: UUID = Field(primary_key=True, foreign_key="account.id", ondelete="CASCADE")
    day: date = Field(primary_key=True)
    percent: int = Field(primary_key=True)
