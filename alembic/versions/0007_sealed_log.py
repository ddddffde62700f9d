"""The 7-day log sealed: addresses, subjects, names and texts leave the tables; ids, times and codes stay.

What was in clear cannot be sealed here, as no key comes into a migration. It is dropped with its files. A
process of the release before would hold mail that it has delivered, for want of the columns that go here and
in 0008: so this refuses to run beside one.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEPT = {
    "log_message": "received_at, id, account_id, domain_id",
    "log_event": (
        "received_at, id, xid, message_id, account_id, delivery_id, at, type, code, duration_ms, attempt"
    ),
}
_DROPPED = {
    "log_message": ("key_id", "client_ip", "client_name", "subject", "sender", "alias"),
    "log_event": ("key_id", "response", "server_ip"),
}
_SEALED = {
    "log_message": ("sealed", "alias_hash", "untagged_hash", "sender_hash", "dmarc_hash"),
    "log_event": ("sealed",),
}
# The rows that stand for many refusals begin with their number; read while it is still in clear.
_COUNTED = "coalesce(substring(response from '^550 5.0.0 (\\d+) more refusals in this hour')::int, 1)"
_DROP_PARTITIONS = """
do $$ declare part regclass; begin
    for part in select inhrelid::regclass from pg_inherits where inhparent = '{table}'::regclass loop
        execute format('drop table %s', part);
    end loop;
end $$
"""
_MAKE_PARTITIONS = """
do $$ declare day date; begin
    for day in select distinct (received_at at time zone 'UTC')::date from kept loop
        execute format('create table %I partition of {table} for values from (%L) to (%L)',
            '{table}_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    end loop;
end $$
"""


def upgrade() -> None:
    _refuse_beside_processes()
    for table in _KEPT:
        _seal(table)
    op.create_index(
        "ix_log_message_account_id_received_at_id", "log_message", ["account_id", "received_at", "id"]
    )
    _seal_undelivered()


def _refuse_beside_processes() -> None:
    """Both moments are the database's own; a process beats every few seconds."""
    alive = "select count(*) from process where beat_at > now() - interval '60 seconds'"
    if count := op.get_bind().execute(sa.text(alive)).scalar_one():
        raise CommandError(
            f"{count} process{'es' if count > 1 else ''} of Clearpost {'were' if count > 1 else 'was'} alive "
            "within the last minute: stop all of them, on every machine (one that was killed counts for a "
            "minute), then migrate"
        )


def _seal(table: str) -> None:
    """Rows of days live in partitions: these go, and with them every byte of the old ones."""
    columns, count = _KEPT[table], table == "log_event"
    more = f", {_COUNTED} as count" if count else ""
    op.execute(f"create temporary table kept on commit drop as select {columns}{more} from {table}")
    op.execute(_DROP_PARTITIONS.format(table=table))
    if not count:
        op.drop_index("ix_log_message_account_id_received_at", table_name=table)
    for column in _DROPPED[table]:
        op.drop_column(table, column)
    if count:
        op.add_column(table, sa.Column("count", sa.Integer(), server_default=sa.text("1"), nullable=False))
    for column in _SEALED[table]:
        op.add_column(table, sa.Column(column, sa.LargeBinary(), nullable=True))
    op.execute(f"create table {table}_default partition of {table} default")
    op.execute(_MAKE_PARTITIONS.format(table=table))
    columns += ", count" if count else ""
    op.execute(f"insert into {table} ({columns}) overriding system value select {columns} from kept")
    op.execute("drop table kept")


def _seal_undelivered() -> None:
    """Of what nobody was told yet the numbers stay."""
    op.execute(
        "create temporary table kept on commit drop as "
        "select account_id, day, status, sum(count)::int as count from undelivered "
        "where noticed_at is null group by account_id, day, status"
    )
    op.execute("truncate undelivered")
    op.drop_constraint(op.f("uq_undelivered_account_id_day_alias_address_status"), "undelivered")
    op.drop_column("undelivered", "alias_address")
    op.add_column("undelivered", sa.Column("alias_hash", sa.LargeBinary(), nullable=False))
    op.add_column("undelivered", sa.Column("alias", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_undelivered_account_id_day_alias_hash_status"),
        "undelivered",
        ["account_id", "day", "alias_hash", "status"],
    )
    op.execute(
        "insert into undelivered (account_id, day, alias_hash, status, count) "
        "select account_id, day, '', status, count from kept"
    )
    op.execute("drop table kept")


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
