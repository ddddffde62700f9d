"""Addresses of waiting mail leave the tables, since its sealed record has them; return addresses are sealed.

What the columns held goes with the tables' old files: they are written anew. Rows of opaque return addresses
are sealed as return_tokens.py does it, each under a key made from its own token.
"""

import hmac
import json
import secrets
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    op.add_column("message", sa.Column("recipient", sa.SmallInteger(), nullable=True))
    for name in ("reverse_path", "alias_address", "key_id"):
        op.drop_column("message", name)
    op.drop_column("delivery", "address")
    op.execute("cluster message using pk_message")
    op.execute("cluster delivery using pk_delivery")
    _seal_return_addresses()


def _seal_return_addresses() -> None:
    op.execute("alter table srs_token rename to plain_srs_token")
    op.execute("alter index pk_srs_token rename to pk_plain_srs_token")
    op.execute("drop index ix_srs_token_account_id")
    op.create_table(
        "srs_token",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=True),
        sa.Column("may_notify", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_srs_token")),
    )
    op.create_index(op.f("ix_srs_token_account_id"), "srs_token", ["account_id"])
    for rows in _old_rows():
        op.get_bind().execute(_INSERT, rows)
    op.drop_table("plain_srs_token")
    # The walls of 0003, which fell with the old table.
    op.execute("alter table srs_token enable row level security, force row level security")
    op.execute("create policy owner on srs_token to current_user using (true) with check (true)")


_INSERT = sa.text(
    "insert into srs_token (id, sealed, account_id, domain_id, may_notify, expires_at) "
    "values (:id, :sealed, :account_id, :domain_id, :may_notify, :expires_at)"
)


def _old_rows() -> Iterator[list[dict[str, Any]]]:
    found = op.get_bind().execute(sa.text("select * from plain_srs_token where expires_at > now()"))
    for part in found.mappings().partitions(_AT_ONCE):
        yield [_sealed(dict(row)) for row in part]


def _sealed(row: dict[str, Any]) -> dict[str, Any]:
    identifier, key = _made(row["token"], b"id"), _made(row["token"], b"key")
    nonce, words = secrets.token_bytes(12), json.dumps([row["address"], row["alias_address"]]).encode()
    return row | {"id": identifier, "sealed": nonce + AESGCM(key).encrypt(nonce, words, identifier)}


def _made(token: str, what: bytes) -> bytes:
    return hmac.digest(token.encode(), b"srs_token " + what, "sha256")


def downgrade() -> None:
    raise NotImplementedError("migrations go one way: restore a backup")
