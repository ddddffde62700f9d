"""How columns are written in all tables: moments, references, counters. Must never hold a table."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import String, UserDefinedType
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id: the safe half of a cursor (ids alone become visible out of
    order).
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


def moment(*, now: bool = False, nullable: bool = False, key: bool = False) -> Any:
    default = text("now()") if now else None
    return Field(
        sa_column=Column(DateTime(timezone=True), nullable=nullable, primary_key=key, server_default=default)
    )


def belongs_to(table: str, *, nullable: bool = False, index: bool = True) -> Any:
    """`index` False: where a longer index of the table begins with this column."""
    reference = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Field(sa_column=Column(None, reference, nullable=nullable, index=index))


def big(*, identity: bool = False, default: int | None = None) -> Any:
    extra = [Identity(always=True)] if identity else []
    server_default = None if default is None else text(str(default))
    return Field(
        default=default,
        sa_column=Column(
            BigInteger, *extra, primary_key=identity, nullable=False, server_default=server_default
        ),
    )


def flag(default: bool) -> Any:
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default).lower())})


def texts() -> Any:
    """A list of words, empty by default."""
    column: Column[Any] = Column(ARRAY(String), nullable=False, server_default=text("'{}'"))
    return Field(default_factory=list, sa_column=column)


def facts() -> Any:
    """A few named values, empty by default. Never text that somebody else wrote."""
    column: Column[Any] = Column(JSONB(none_as_null=True), nullable=False, server_default=text("'{}'"))
    return Field(default_factory=dict, sa_column=column)


LANES = "lane in ('standard', 'fast')"
ORIGINS = "origin in ('smtp', 'dsn', 'notice')"
