"""Values that several resources take and give: bounded text, moments, pages with opaque cursors.

Must never let a value through that the database cannot hold.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mailcore.errors import Invalid

# Controls, line and paragraph separators, bidi overrides and isolates, lone surrogates.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row")


def _printable(text: str) -> str:
    """One line that shows as it is: PostgreSQL takes no NUL, a bidi override hides what a name says."""
    if _UNSHOWN.search(text):
        raise ValueError("holds a character that cannot be shown")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


# What JSON calls so: neither 1 nor "true", and no true for 1.
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
SearchText = Annotated[Text | None, Query(description="Text to look for", min_length=1, max_length=200)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Limit = Annotated[int, Query(ge=1, le=100, description="Most entries of one page")]
CursorText = Annotated[
    Text | None, Query(alias="cursor", description="`next_cursor` of the page before", max_length=200)
]


class Body(BaseModel):
    """What a request brings: a field we do not know is an error, not a guess."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    has_more: bool = Field(description="Whether there are entries after these", examples=[False])
    next_cursor: str | None = Field(description="Give it as `cursor` to get the next page", examples=[None])

    @classmethod
    def of(
        cls, rows: Sequence[Row], limit: int, show: Callable[[Row], Item], cursor: Callable[[Row], str]
    ) -> Self:
        """`rows` were asked for with one more than `limit`, which tells whether there are more."""
        shown = rows[:limit]
        more = len(rows) > limit
        return cls(
            data=[show(row) for row in shown], has_more=more, next_cursor=cursor(shown[-1]) if more else None
        )


def encode_cursor(kind: str, *parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, *parts]).encode()).decode().rstrip("=")


def decode_cursor(kind: str, text: str, count: int) -> list[str]:
    """The parts of a cursor of this kind of list. Raises Invalid."""
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        value = None
    good = (
        isinstance(value, list) and len(value) == count + 1 and all(isinstance(part, str) for part in value)
    )
    if not good or value[0] != kind:
        raise bad_cursor()
    return list(value[1:])


def id_cursor(kind: str) -> Callable[[UUID], str]:
    return lambda identifier: encode_cursor(kind, str(identifier))


def id_after(kind: str, cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    (identifier,) = decode_cursor(kind, cursor, 1)
    try:
        return UUID(identifier)
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> Invalid:
    detail = "This cursor is not from this list: give `next_cursor` of the page before, or none at all."
    return Invalid(detail, code="invalid_cursor")
