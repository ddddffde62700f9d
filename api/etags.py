"""ETag, If-Match and If-None-Match (RFC 9110 sections 8.8.3 and 13.1): who changes a thing may ask that it
still is what they saw.

The tag is strong: a hash of what is shown. Must never be compared outside of the transaction that locks the
thing and changes it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from mailcore.errors import BusinessError

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e]*")', re.ASCII)


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
        if not self._any and found not in self._tags:
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
    values = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(values).digest()[:18]).decode()}"'
