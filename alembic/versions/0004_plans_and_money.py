"""Plans and money: subscriptions at Stripe, its events, what pauses after a downgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stripe_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("dispute_id", sa.String(), nullable=True),
        sa.Column("fetch_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_event")),
    )
    op.create_index("ix_stripe_event_received_at", "stripe_event", ["received_at"], unique=False)
    op.create_index(
        "ix_stripe_event_fetch_at",
        "stripe_event",
        ["fetch_at"],
        unique=False,
        postgresql_where=sa.text("fetch_at is not null"),
    )
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), server_default="none", nullable=False),
        sa.Column("price_id", sa.String(), nullable=True),
        sa.Column("plan", sa.String(), nullable=True),
        sa.Column("interval", sa.String(), nullable=True),
        sa.Column("amount_monthly", sa.Integer(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(), server_default="usd", nullable=False),
        sa.Column("odd_price", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("disputed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_plan", sa.String(), nullable=True),
        sa.Column("next_interval", sa.String(), nullable=True),
        sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("past_due_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_past_due", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dirty_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetch_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status in ('none', 'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', "
            "'unpaid', 'canceled', 'paused')",
            name=op.f("ck_subscription_status"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_subscription_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_subscription_customer_id")),
    )
    op.create_index("ix_subscription_fetch_at", "subscription", ["fetch_at"], unique=False)
    op.create_index(
        "ix_subscription_news",
        "subscription",
        ["fetch_at"],
        unique=False,
        postgresql_where=sa.text("dirty_at is not null"),
    )
    op.create_index(
        "ix_subscription_odd",
        "subscription",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("odd_price or disputed or tries > 3"),
    )
    op.create_table(
        "usage_letter",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_usage_letter_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "day", "percent", name=op.f("pk_usage_letter")),
    )
    op.add_column("deleted_account", sa.Column("customer_id", sa.String(), nullable=True))
    op.add_column("account", sa.Column("surplus_pauses_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("account", sa.Column("surplus_told", sa.Integer(), server_default="0", nullable=False))
    op.add_column("alias", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("domain", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("usage_day", sa.Column("refused_by_plan", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_usage_day_day", "usage_day", ["day"])
    is_set = "surplus_pauses_at is not null"
    op.create_index("ix_account_surplus", "account", ["id"], postgresql_where=sa.text(is_set))
    in_grace = sa.text(f"{is_set} and surplus_told < 3")
    op.create_index(
        "ix_account_surplus_due", "account", ["surplus_told", "surplus_pauses_at"], postgresql_where=in_grace
    )
    for table in ("alias", "domain"):
        is_paused = sa.text("paused_at is not null")
        op.create_index(f"ix_{table}_paused", table, ["account_id"], postgresql_where=is_paused)
    for table in ("subscription", "stripe_event", "usage_letter"):  # closed as in 0003
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")
    # An account reads what it pays, as far as a key may see the whole account; only billing writes it.
    account = "nullif(current_setting('clearpost.account', true), '')::uuid"
    whole = "nullif(current_setting('clearpost.domains', true), '') is null"
    op.execute(
        "create policy tenant on subscription for select to clearpost_api "
        f"using (account_id = {account} and {whole})"
    )
    op.execute("grant select on subscription to clearpost_api")
    op.execute("create policy staff on subscription for select to clearpost_staff using (true)")
    op.execute(
        "grant select (account_id, status, plan, interval, amount_monthly, currency, cancel_at, period_end, "
        "past_due_since, odd_price, disputed, refunded_at) on subscription to clearpost_staff"
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
