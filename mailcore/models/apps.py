"""Tables of the OAuth 2 authorization server: apps, what they were granted, their codes and tokens.

Must never hold a readable code, token or client secret: only keyed hashes.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from mailcore.models.columns import belongs_to, moment, texts


class OauthApp(SQLModel, table=True):
    """A third party's client, registered by an account. Public clients have no secret."""

    __tablename__ = "oauth_app"
    id: UUID = Field(primary_key=True)
    account_id: UUID = belongs_to("account")
    client_id: str = Field(unique=True)
    secret_hash: str | None = None
    name: str
    homepage: str = Field(default="", sa_column_kwargs={"server_default": ""})
    redirect_uris: list[str] = texts()
    scopes: list[str] = texts()
    created_at: datetime = moment(now=True)


class OauthGrant(SQLModel, table=True):
    """A person let an app act for an account. All tokens of it are one family: revoked together.

    It goes with the person's membership. `expires_at`: of its last code or refresh token.
    """

    __tablename__ = "oauth_grant"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "person_id"],
            ["membership.account_id", "membership.person_id"],
            name="fk_oauth_grant_membership",
            ondelete="CASCADE",
        ),
    )
    id: UUID = Field(primary_key=True)
    app_id: UUID = belongs_to("oauth_app")
    account_id: UUID = belongs_to("account")
    person_id: UUID = belongs_to("person")
    scopes: list[str] = texts()
    created_at: datetime = moment(now=True)
    expires_at: datetime = moment()
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)


class OauthCode(SQLModel, table=True):
    """An authorization code: a minute, once; a second use revokes its grant (RFC 9700 section 2.1)."""

    __tablename__ = "oauth_code"
    id: UUID = Field(primary_key=True)
    code_hash: str = Field(unique=True)
    grant_id: UUID = belongs_to("oauth_grant")
    redirect_uri: str
    code_challenge: str
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)


class OauthToken(SQLModel, table=True):
    """An access or a refresh token. A refresh token that is used twice revokes its grant."""

    __tablename__ = "oauth_token"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("kind in ('access', 'refresh')", name="kind"),
    )
    id: UUID = Field(primary_key=True)
    grant_id: UUID = belongs_to("oauth_grant")
    kind: str
    token_hash: str
    scopes: list[str] = texts()
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment(now=True)
