"""ETag, If-Match and If-None-Match (RFC 9110 sections 8.8.3 and 13.1): who changes a thing may ask that it
still is what they saw.

A tag has two halves: a hash of what somebody decides, with the state that follows from it, and one of all
that is shown. If-None-Match asks for both, If-Match for the first: that upkeep looked at the DNS meanwhile is
no change that anybody would overwrite. Must never be compared outside of the transaction that locks the thing
and changes it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from mailcore.errors import BusinessError

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e]*")', re.ASCII)
# What nobody decides, by the names of fields: when a thing was looked at or used, and what was found.
_BY_ITSELF: Final = frozenset(
    {"alias_count", "asked_at", "checked_at", "found", "last_seen_at", "last_used_at", "usage"}
)


class PreconditionFailed(BusinessError):
    """It is not what the caller saw any more."""

    code = "precondition_failed"
    status = 412


class Precondition:
    """What If-Match of a request asks for; without that header, nothing."""

    def __init__(self, header: str | None) -> None:
        self._any = header is not None and header.strip() == "*"
        self._tags = None if header is None else [tag for weak, tag in _TAG.findall(header) if not weak]

    async def holds(self, shown: Callable[[], Awaitable[BaseModel]]) -> None:
        """`shown` locks the thing and shows it as GET does. Raises PreconditionFailed."""
        if self._tags is None:
            return
        found = _tag_of((await shown()).model_dump_json(by_alias=True).encode())
        if not self._any and _decided(found) not in map(_decided, self._tags):
            raise PreconditionFailed("It was changed since you read it: read it again, then decide.")


def _precondition(
    if_match: Annotated[
        str | None,
        Header(max_length=1000, description="The `ETag` you saw: 412 if the thing is another by now"),
    ] = None,
) -> Precondition:
    return Precondition(if_match)


IfMatch = Annotated[Precondition, Depends(_precondition)]


def tagged(request: Request, response: Response) -> Response:
    """The answer with its ETag; 304 without a body where the caller has just that."""
    if response.status_code != 200 or not isinstance(body := getattr(response, "body", None), bytes):
        return response
    tag = _tag_of(body)
    response.headers["ETag"] = tag
    if request.method == "GET" and _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers={"ETag": tag})
    return response


def _has(header: str, tag: str) -> bool:
    """Weak comparison (RFC 9110 section 13.1.2)."""
    return header.strip() == "*" or any(found == tag for _, found in _TAG.findall(header))


def _tag_of(body: bytes) -> str:
    """Of the values, not of how they are written."""
    shown = json.loads(body)
    return f'"{_hash(_without_what_changes(shown))}.{_hash(shown)}"'


def _decided(tag: str) -> str:
    return tag.partition(".")[0]


def _without_what_changes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_what_changes(each) for key, each in value.items() if key not in _BY_ITSELF}
    return [_without_what_changes(each) for each in value] if isinstance(value, list) else value


def _hash(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()[:18]).decode()
