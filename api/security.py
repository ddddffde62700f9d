"""Who asks: an API key as Bearer token, and the request's one transaction.

Must never accept a key from anywhere else, nor say why one was refused.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import ApiRuntime
from mailcore import api_keys
from mailcore.api_keys import Caller
from mailcore.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, bearerFormat="cp_live_...", description="An API key of the account.")


def runtime(request: Request) -> ApiRuntime:
    found = request.app.state.runtime
    assert isinstance(found, ApiRuntime)
    return found


Runtime = Annotated[ApiRuntime, Depends(runtime)]


async def caller(
    runtime: Runtime, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The account behind the key, read by itself: a resource may wait for DNS without a transaction."""
    secret = credentials.credentials if credentials else ""
    found = await api_keys.authenticate(runtime.database, runtime.keyring, runtime.clock.now(), secret)
    if found is None:
        raise Unauthorized("Send a valid API key: Authorization: Bearer cp_...")
    return found


async def open_session(
    runtime: Runtime, _: Annotated[Caller, Depends(caller)]
) -> AsyncIterator[AsyncSession]:
    """One transaction, committed before the answer goes out: see `Session`."""
    async with runtime.database.session() as session:
        yield session


Who = Annotated[Caller, Depends(caller)]
# Without scope="function" FastAPI would commit after the response: a failing commit would have answered 200.
Session = Annotated[AsyncSession, Depends(open_session, scope="function")]
