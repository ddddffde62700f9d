"""Taking everything out of an account, and deleting it.

Must never delete what nobody confirmed by name, nor hold an export in memory.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import Field

from api.accounts import locked
from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, Text
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ClosesDoors, Doer, Needs, OwnsAccount, Runtime
from customers import account_deletion, account_export, accounts, audit, team
from customers.audit import Actor, Subject
from customers.callers import Caller, Scope
from mailcore.rates import Rate

router = APIRouter(prefix="/v1/account", route_class=Route, tags=["Account"], responses=responses(403, 404))

_EXPORTS: Final = Rate(10, timedelta(days=1))
_READS: Final = (Scope.DOMAINS_READ, Scope.ALIASES_READ, Scope.LOGS_READ)
_ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A zip with a file of JSON lines for each kind of thing",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class AccountEnd(Body):
    name: Text = Field(description="The account's name, to confirm", examples=["Demo"])
    without_export: bool = Field(False, description="Delete without an export of the last 24 hours")


@router.get(
    "/export",
    summary="Take everything out: settings, people, audit log and the 7-day log",
    response_class=StreamingResponse,
    responses={**responses(403, 429), **_ZIP},
    dependencies=[Depends(Needs(scope)) for scope in _READS],
)
async def export_account(who: ClosesDoors, doer: Doer, runtime: Runtime) -> StreamingResponse:
    """No content of mail is in it, and no secret. An export that came through whole is remembered."""
    await runtime.rates.need(
        "exports", str(who.account_id), _EXPORTS, "The account was exported often today."
    )
    headers = {"Content-Disposition": 'attachment; filename="clearpost-export.zip"'}
    return StreamingResponse(_exported(runtime, who, doer), headers=headers, media_type="application/zip")


async def _exported(runtime: ApiRuntime, who: Caller, doer: Actor) -> AsyncIterator[bytes]:
    now, retention = runtime.clock.now(), runtime.settings.log_retention
    async for piece in account_export.export(runtime.database, who.tenant, now, retention):
        yield piece
    subject = Subject(who.account_id)
    async with runtime.database.session(who.tenant) as session:
        await accounts.mark_exported(session, who.account_id, now)
        audit.record(session, runtime.clock, who.account_id, doer, "account.exported", subject)


@router.delete(
    "",
    status_code=204,
    summary="Delete the account and all it owns",
    responses=responses(403, 404, 409, 412),
)
async def delete_account(
    who: OwnsAccount, doer: Doer, runtime: Runtime, if_match: IfMatch, body: AccountEnd
) -> None:
    """For an owner in their browser. Mail for its domains is refused at once, what waits is cancelled, its
    keys, apps and sessions are dead. There is no way back. 403 `sign_in_again` as for passkeys.
    """
    # In a transaction of the service: what goes along belongs to people and to the queue as well.
    async with runtime.database.session() as session:
        await if_match.holds(lambda: locked(session, runtime, who.account_id))
        account = await accounts.get(session, who.account_id, lock=True)
        team.confirm(account.name, body.name)
        account_deletion.require_export(account, runtime.clock.now(), waived=body.without_export)
        await account_deletion.delete(session, runtime.clock, who.account_id, doer)
