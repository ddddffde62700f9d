"""One index less to write for each delivery: the unique one over message and destination begins the same."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_delivery_message_id"), table_name="delivery")


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
