"""Consent to look, signed statements, the canary, figures; how much each domain's log keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ACCOUNT = "nullif(current_setting('clearpost.account', true), '')::uuid"
_DOMAINS = "nullif(current_setting('clearpost.domains', true), '')"
_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.text("now()")


def upgrade() -> None:
    op.add_column("domain", sa.Column("log_level", sa.String(), server_default="full", nullable=False))
    op.create_check_constraint(
        op.f("ck_domain_log_level"),
        "domain",
        "log_level in ('full', 'no-subject', 'no-sender', 'failures')",
    )
    op.create_table(
        "support_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("domain_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("opened_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.CheckConstraint("expires_at > opened_at", name=op.f("ck_support_grant_lasts")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_support_grant_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_grant")),
    )
    op.create_index(op.f("ix_support_grant_account_id"), "support_grant", ["account_id"])
    op.create_index("ix_support_grant_expires_at", "support_grant", ["expires_at"])
    op.create_table(
        "statement",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("signed", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_statement")),
    )
    op.create_table(
        "canary",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("signatures", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("published_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_canary")),
    )
    op.create_table(
        "authority_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("noted_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "kind in ('data', 'removal', 'interception', 'other')", name=op.f("ck_authority_request_kind")
        ),
        sa.CheckConstraint(
            "outcome in ('pending', 'refused', 'partly', 'complied')",
            name=op.f("ck_authority_request_outcome"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authority_request")),
    )
    op.create_table(
        "service_count",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_count")),
    )
    op.create_table(
        "service_day",
        sa.Column("day", sa.Date(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("received", "refused", "delivered", "hard_bounced", "waiting")
        ),
        sa.Column(
            "speeds", postgresql.JSONB(none_as_null=True), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_service_day")),
    )
    for table in (
        "support_grant", "statement", "canary", "authority_request", "service_count", "service_day",
    ):  # fmt: skip
        # closed as in 0003
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")
    _let_accounts_grant()
    _let_staff_publish()
    _keep_what_was_said()


def _let_accounts_grant() -> None:
    """An account opens and revokes; a grant is never made longer, nor taken off the record. Staff read them.
    A key that is limited to some domains sees none, as in 0003.
    """
    op.execute(f"create policy tenant on support_grant to clearpost_api using (account_id = {_ACCOUNT})")
    op.execute(
        "create policy whole_account on support_grant as restrictive for select to clearpost_api "
        f"using (current_user <> 'clearpost_api' or {_DOMAINS} is null)"
    )
    op.execute("grant select, insert, update (revoked_at) on support_grant to clearpost_api")
    op.execute("create policy staff on support_grant for select to clearpost_staff using (true)")
    op.execute("grant select on support_grant to clearpost_staff")
    _let_staff_look()


# Whatever the application believes: without a live grant that covers a row, staff do not even get its cipher.
_IS_GRANTED = """
create function is_granted_to_staff(account uuid, domain uuid) returns boolean stable language sql
return exists (
    select from support_grant g
    where g.account_id = account and g.revoked_at is null and g.expires_at > now()
      and (g.domain_ids is null or domain = any(g.domain_ids))
)
"""


def _let_staff_look() -> None:
    """As far as a grant reaches, in the one account that the transaction names; and each look is written down
    where the account sees it.
    """
    op.execute(_IS_GRANTED)
    op.execute("revoke execute on function is_granted_to_staff(uuid, uuid) from public")
    op.execute("grant execute on function is_granted_to_staff(uuid, uuid) to clearpost_staff")
    of_grant = f"account_id = {_ACCOUNT} and is_granted_to_staff(account_id, domain_id)"
    of_message = (
        "exists (select from log_message l where l.received_at = log_event.received_at "
        "and l.id = log_event.message_id)"
    )
    for table, rows in (
        ("log_message", of_grant),
        ("log_event", f"account_id = {_ACCOUNT} and {of_message}"),
    ):
        op.execute(f"create policy staff_granted on {table} for select to clearpost_staff using ({rows})")
        op.execute(f"grant select on {table} to clearpost_staff")
    op.execute(
        "create policy staff_tells on change for insert to clearpost_staff with check (kind = 'support')"
    )
    op.execute(
        "create policy staff_counts on service_count to clearpost_staff "
        "using (name = 'staff views') with check (name = 'staff views')"
    )
    op.execute("grant select, insert, update on service_count to clearpost_staff")


def _let_staff_publish() -> None:
    """A canary that others signed; never taken back, nor changed."""
    op.execute("create policy staff_reads on canary for select to clearpost_staff using (true)")
    op.execute("create policy staff_publishes on canary for insert to clearpost_staff with check (true)")
    op.execute("grant select, insert on canary to clearpost_staff")


def _keep_what_was_said() -> None:
    """Against a slip or an injection under any role. Whoever owns the tables can take the triggers away."""
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as "
        "$$ begin raise exception '% only grows', tg_table_name; end $$"
    )
    for table in ("statement", "canary"):
        op.execute(
            f"create trigger only_grows before update or delete or truncate on {table} "
            "execute function refuse_change()"
        )


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
