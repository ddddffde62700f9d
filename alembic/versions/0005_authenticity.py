"""What owners chose for their mail, what destinations publish about TLS, and what an operator must see."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "domain", sa.Column("strict_dmarc", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "domain", sa.Column("require_tls", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "domain", sa.Column("spam_threshold", sa.Float(), server_default=sa.text("15"), nullable=True)
    )
    op.create_table(
        "mta_sts_policy",
        sa.Column("name_hash", sa.String(), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("mx", sa.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode in ('enforce', 'testing', 'none')", name=op.f("ck_mta_sts_policy_mode")),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("pk_mta_sts_policy")),
    )
    op.create_table(
        "service_alert",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('blocklisted', 'deferring', 'certificate')", name=op.f("ck_service_alert_kind")
        ),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_service_alert")),
    )
    for table in ("mta_sts_policy", "service_alert"):  # closed as in 0003
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")
    op.execute("create policy staff on service_alert for select to clearpost_staff using (true)")
    op.execute("grant select on service_alert to clearpost_staff")


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
