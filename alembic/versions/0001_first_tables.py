"""The first tables: tenants, mail on its way, the 7-day log, the ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mailcore.models import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), server_default="free", nullable=False),
        sa.Column("verification_token", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("plan in ('free', 'premium', 'business')", name=op.f("ck_account_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("verification_token", name=op.f("uq_account_verification_token")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("created", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("hard_bounced", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("origin in ('smtp', 'dsn', 'notice')", name=op.f("ck_ledger_origin")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_table(
        "log_event",
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("response", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("server_ip", sa.String(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "type in ('received', 'delivered', 'soft-bounced', 'hard-bounced', 'refused')",
            name=op.f("ck_log_event_type"),
        ),
        sa.PrimaryKeyConstraint("received_at", "id", name=op.f("pk_log_event")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("ix_log_event_account_id_xid_id", "log_event", ["account_id", "xid", "id"], unique=False)
    op.create_index("ix_log_event_message_id", "log_event", ["message_id"], unique=False)
    op.create_table(
        "log_message",
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("client_ip", sa.String(), nullable=False),
        sa.Column("client_name", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("received_at", "id", name=op.f("pk_log_message")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index(
        "ix_log_message_account_id_received_at", "log_message", ["account_id", "received_at"], unique=False
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("alias_id", sa.Uuid(), nullable=True),
        sa.Column("alias_address", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("segment", sa.Uuid(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("record_length", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reverse_path", sa.String(), nullable=False),
        sa.Column("sender_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("smtputf8", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("delivered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("lane in ('standard', 'fast')", name=op.f("ck_message_lane")),
        sa.CheckConstraint("origin in ('smtp', 'dsn', 'notice')", name=op.f("ck_message_origin")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(op.f("ix_message_account_id"), "message", ["account_id"], unique=False)
    op.create_index(op.f("ix_message_alias_id"), "message", ["alias_id"], unique=False)
    op.create_index("ix_message_segment_offset", "message", ["segment", "record_offset"], unique=False)
    op.create_table(
        "node",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sweeps", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "provider_pause",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_pause")),
    )
    op.create_table(
        "srs_token",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("alias_address", sa.String(), nullable=False),
        sa.Column("may_notify", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_srs_token")),
    )
    op.create_table(
        "usage_day",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("forwarded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_usage_day")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_api_key_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_key_secret_hash")),
    )
    op.create_index(op.f("ix_api_key_account_id"), "api_key", ["account_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("no_domain_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.String(), server_default="", nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("lane in ('standard', 'fast')", name=op.f("ck_delivery_lane")),
        sa.CheckConstraint("origin in ('smtp', 'dsn', 'notice')", name=op.f("ck_delivery_origin")),
        sa.CheckConstraint("state in ('waiting', 'held')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_delivery_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "message_id", "destination_id", name=op.f("uq_delivery_message_id_destination_id")
        ),
    )
    op.create_index(op.f("ix_delivery_account_id"), "delivery", ["account_id"], unique=False)
    op.create_index(
        "ix_delivery_claim",
        "delivery",
        ["node_id", "lane", "account_id", "provider", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("lease_owner is null and state = 'waiting'"),
    )
    op.create_index(op.f("ix_delivery_destination_id"), "delivery", ["destination_id"], unique=False)
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["node_id", "lane", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("lease_owner is null and state = 'waiting'"),
    )
    op.create_index(
        "ix_delivery_lease_owner",
        "delivery",
        ["lease_owner"],
        unique=False,
        postgresql_where=sa.text("lease_owner is not null"),
    )
    op.create_index(op.f("ix_delivery_message_id"), "delivery", ["message_id"], unique=False)
    op.create_table(
        "destination",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("delivered_before", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_destination_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination")),
        sa.UniqueConstraint("account_id", "address", name=op.f("uq_destination_account_id_address")),
    )
    op.create_index(op.f("ix_destination_account_id"), "destination", ["account_id"], unique=False)
    op.create_table(
        "domain",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("plus_addressing", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_wanted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("displaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_domain_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_domain_account_id_name")),
    )
    op.create_index(op.f("ix_domain_account_id"), "domain", ["account_id"], unique=False)
    op.create_index("ix_domain_name", "domain", ["name"], unique=False)
    op.create_index(
        "uq_domain_served_name",
        "domain",
        ["name"],
        unique=True,
        postgresql_where=sa.text("verified_at is not null"),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role in ('owner', 'admin', 'member', 'viewer')", name=op.f("ck_membership_role")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_membership_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_membership_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("account_id", "person_id", name=op.f("uq_membership_account_id_person_id")),
    )
    op.create_index(op.f("ix_membership_account_id"), "membership", ["account_id"], unique=False)
    op.create_index(op.f("ix_membership_person_id"), "membership", ["person_id"], unique=False)
    op.create_table(
        "process",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["node.id"], name=op.f("fk_process_node_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process")),
    )
    op.create_index(op.f("ix_process_node_id"), "process", ["node_id"], unique=False)
    op.create_table(
        "undelivered",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("alias_address", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_undelivered_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_undelivered")),
        sa.UniqueConstraint(
            "account_id",
            "day",
            "alias_address",
            "status",
            name=op.f("uq_undelivered_account_id_day_alias_address_status"),
        ),
    )
    op.create_index(op.f("ix_undelivered_account_id"), "undelivered", ["account_id"], unique=False)
    op.create_table(
        "alias",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("local_part", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_alias_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name=op.f("fk_alias_domain_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias")),
        sa.UniqueConstraint("domain_id", "local_part", name=op.f("uq_alias_domain_id_local_part")),
        sa.UniqueConstraint("number", name=op.f("uq_alias_number")),
    )
    op.create_index(op.f("ix_alias_account_id"), "alias", ["account_id"], unique=False)
    op.create_index(op.f("ix_alias_domain_id"), "alias", ["domain_id"], unique=False)
    op.create_table(
        "refused_hour",
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("counting_message_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name=op.f("fk_refused_hour_domain_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("domain_id", "hour", name=op.f("pk_refused_hour")),
    )
    op.create_table(
        "alias_destination",
        sa.Column("alias_id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alias_id"], ["alias.id"], name=op.f("fk_alias_destination_alias_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destination.id"],
            name=op.f("fk_alias_destination_destination_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("alias_id", "destination_id", name=op.f("pk_alias_destination")),
    )
    op.create_index(
        op.f("ix_alias_destination_destination_id"), "alias_destination", ["destination_id"], unique=False
    )
    # A row whose day has no partition must never make an INSERT fail.
    op.execute("create table log_message_default partition of log_message default")
    op.execute("create table log_event_default partition of log_event default")


def downgrade() -> None:
    op.drop_index(op.f("ix_alias_destination_destination_id"), table_name="alias_destination")
    op.drop_table("alias_destination")
    op.drop_table("refused_hour")
    op.drop_index(op.f("ix_alias_domain_id"), table_name="alias")
    op.drop_index(op.f("ix_alias_account_id"), table_name="alias")
    op.drop_table("alias")
    op.drop_index(op.f("ix_undelivered_account_id"), table_name="undelivered")
    op.drop_table("undelivered")
    op.drop_index(op.f("ix_process_node_id"), table_name="process")
    op.drop_table("process")
    op.drop_index(op.f("ix_membership_person_id"), table_name="membership")
    op.drop_index(op.f("ix_membership_account_id"), table_name="membership")
    op.drop_table("membership")
    op.drop_index(
        "uq_domain_served_name", table_name="domain", postgresql_where=sa.text("verified_at is not null")
    )
    op.drop_index("ix_domain_name", table_name="domain")
    op.drop_index(op.f("ix_domain_account_id"), table_name="domain")
    op.drop_table("domain")
    op.drop_index(op.f("ix_destination_account_id"), table_name="destination")
    op.drop_table("destination")
    op.drop_index(op.f("ix_delivery_message_id"), table_name="delivery")
    op.drop_index(
        "ix_delivery_lease_owner", table_name="delivery", postgresql_where=sa.text("lease_owner is not null")
    )
    op.drop_index(
        "ix_delivery_due",
        table_name="delivery",
        postgresql_where=sa.text("lease_owner is null and state = 'waiting'"),
    )
    op.drop_index(op.f("ix_delivery_destination_id"), table_name="delivery")
    op.drop_index(
        "ix_delivery_claim",
        table_name="delivery",
        postgresql_where=sa.text("lease_owner is null and state = 'waiting'"),
    )
    op.drop_index(op.f("ix_delivery_account_id"), table_name="delivery")
    op.drop_table("delivery")
    op.drop_index(op.f("ix_api_key_account_id"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("usage_day")
    op.drop_table("srs_token")
    op.drop_table("provider_pause")
    op.drop_table("person")
    op.drop_table("node")
    op.drop_index("ix_message_segment_offset", table_name="message")
    op.drop_index(op.f("ix_message_alias_id"), table_name="message")
    op.drop_index(op.f("ix_message_account_id"), table_name="message")
    op.drop_table("message")
    op.drop_index("ix_log_message_account_id_received_at", table_name="log_message")
    op.drop_table("log_message")
    op.drop_index("ix_log_event_message_id", table_name="log_event")
    op.drop_index("ix_log_event_account_id_xid_id", table_name="log_event")
    op.drop_table("log_event")
    op.drop_table("ledger")
    op.drop_table("account")
