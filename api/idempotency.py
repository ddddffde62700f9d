"""Idempotency-Key: a POST that is sent again is answered again, and does nothing twice.

draft-ietf-httpapi-idempotency-key-header. What succeeded (2xx) is answered again for 24 h with
`Idempotency-Replayed: true`. What was refused or failed has changed nothing and leaves the key free, so it is
tried anew. Must never answer one caller with what another was told, nor with what they may no longer do.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

from fastapi import Header, Request, Response

from api.runtime import ApiRuntime
from api.security import Runtime, signed_in
from customers import idempotent_answers
from customers.callers import Caller
from customers.idempotent_answers import Answer, Asked, Claim
from mailcore.database import Tenant
from mailcore.errors import Unauthorized

REPLAYED: Final = "Idempotency-Replayed"
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A new UUID for each thing to be done, the same one for each time it is tried",
    ),
]


class Replay(Exception):
    """The request was answered before: with this."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def once(request: Request, runtime: Runtime, idempotency_key: _Key = None) -> AsyncIterator[None]:
    """Claims the key before the operation, frees it again where that fails or refuses.

    With scope="function", and ahead of the operation's own transaction: so it ends after that one, and hears
    of a commit that failed. Raises Replay, Conflict, Invalid.
    """
    request.state.claim = None
    if idempotency_key is None:
        yield
        return
    asked = await _asked(request, runtime, idempotency_key)
    found = await idempotent_answers.claim(runtime.database, runtime.keyring, runtime.clock.now(), asked)
    if isinstance(found, Answer):
        raise Replay(_again(found))
    request.state.claim = found
    try:
        yield
    except BaseException:
        await idempotent_answers.release(runtime.database, found)
        raise
    if request.state.claim is not None:  # not kept, as it was a refusal
        await idempotent_answers.release(runtime.database, found)


async def keep(request: Request, response: Response) -> None:
    """The answer, in the operation's transaction, which is still open; in one of its own if it has none."""
    claim: Claim | None = getattr(request.state, "claim", None)
    if claim is None or not 200 <= response.status_code < 300 or not hasattr(response, "body"):
        return
    runtime: ApiRuntime = request.app.state.runtime
    answer = Answer(response.status_code, _headers(response), bytes(response.body))
    if (session := getattr(request.state, "session", None)) is not None:
        await idempotent_answers.keep(session, runtime.keyring, claim, answer)
    else:
        async with runtime.database.session(claim.asked.tenant) as own:
            await idempotent_answers.keep(own, runtime.keyring, claim, answer)
    request.state.claim = None


async def _asked(request: Request, runtime: ApiRuntime, key: str) -> Asked:
    owner_id, tenant, who = await _who(request, runtime)
    url = request.url
    facts = [request.method, url.path, url.query, request.headers.get("content-type", ""), who]
    body = hashlib.sha256(await request.body()).hexdigest()
    return Asked(owner_id, tenant, key, json.dumps([*facts, body]).encode())


async def _who(request: Request, runtime: ApiRuntime) -> tuple[UUID, Tenant | None, list[object]]:
    """Whose key it is, and who asks: somebody whose rights have changed makes another request."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is not None:
        domains = None if caller.domain_ids is None else sorted(map(str, caller.domain_ids))
        rights = [sorted(caller.scopes), domains, caller.role]
        return caller.account_id, caller.tenant, [caller.kind, str(caller.actor_id), *rights]
    if (person := await signed_in(request, runtime)) is None:
        raise Unauthorized("Sign in first.")
    return person.person_id, None, ["person", str(person.session_id)]


def _headers(response: Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers.items() if name != "content-length"]


def _again(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    response.headers[REPLAYED] = "true"
    return response
