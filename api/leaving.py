"""Taking everything out of an account, and deleting it.

Must never delete what nobody confirmed by name, hand out a receipt before the commit, nor hold an export in
memory.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.accounts import locked
from api.errors import responses
from api.etags import IfMatch
from api.fields import Body, Flag, Text
from api.routes import Route
from api.runtime import ApiRuntime
from api.security import ClosesDoors, Doer, Needs, OwnsAccount, Runtime
from customers import account_deletion, account_export, accounts, audit, receipts, team
from customers.account_export import Rows
from customers.audit import Actor, Subject
from customers.callers import Caller, Scope
from customers.receipts import Deletion
from mailcore import changes
from mailcore.attestation import Signed, Signer
from mailcore.log_key_files import LogKeyFiles
from mailcore.rates import Rate

log = structlog.get_logger("leaving")

router = APIRouter(prefix="/v1/account", route_class=Route, tags=["Account"], responses=responses(403, 404))

_EXPORTS: Final = Rate(10, timedelta(days=1))
_TOLD_EVERY: Final = 0.5  # seconds
_READS: Final = (Scope.DOMAINS_READ, Scope.ALIASES_READ, Scope.LOGS_READ)
_ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A zip with a file of JSON lines for each kind of thing",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class AccountEnd(Body):
    name: Text = Field(description="The account's name, to confirm", examples=["Demo"])
    without_export: Flag = Field(False, description="Delete without an export of the last 24 hours")


class ReceiptOut(BaseModel):
    """Signed (Ed25519, RFC 8032): the line "clearpost receipt", a line feed, then `receipt` to the byte."""

    receipt: str = Field(description="JSON: what was deleted, when, and by when its rows and keys are gone")
    key: str = Field(
        description="Which of the keys at /statements/keys signed it", examples=["21fe31dfa154a261"]
    )
    signature: str = Field(description="128 hex digits")


@router.get(
    "/export",
    summary="Take everything out: settings, people, audit log and the 7-day log",
    response_class=StreamingResponse,
    responses={**responses(403, 429), **_ZIP},
    dependencies=[Depends(Needs(scope)) for scope in _READS],
)
async def export_account(
    who: ClosesDoors,
    doer: Doer,
    runtime: Runtime,
    export_id: Annotated[
        UUID | None,
        Query(
            description="Made up by you: GET /v1/events then tells how far it is, as events of the kind "
            "`export` with this `subject_id` and `data` of `rows`, `of` and `state` (running, done)"
        ),
    ] = None,
) -> StreamingResponse:
    """No content of mail is in it, and no secret. An export that came through whole is remembered; to cancel
    one, close the connection.
    """
    await runtime.rates.need(
        "exports", str(who.account_id), _EXPORTS, "The account was exported often today."
    )
    headers = {"Content-Disposition": 'attachment; filename="clearpost-export.zip"'}
    pieces = _exported(runtime, who, doer, export_id)
    return StreamingResponse(pieces, headers=headers, media_type="application/zip")


async def _exported(
    runtime: ApiRuntime, who: Caller, doer: Actor, export_id: UUID | None
) -> AsyncIterator[bytes]:
    now, told = runtime.clock.now(), runtime.clock.monotonic()
    rows = await account_export.count(runtime.database, runtime.reader, who.tenant, now)
    await _tell(runtime, who, export_id, rows)
    pieces = account_export.export(runtime.database, runtime.reader, who.tenant, now, rows)
    async for piece, rows in pieces:
        yield piece
        if runtime.clock.monotonic() - told >= _TOLD_EVERY:
            told = runtime.clock.monotonic()
            await _tell(runtime, who, export_id, rows)
    subject = Subject(who.account_id)
    async with runtime.database.session(who.tenant) as session:
        await accounts.mark_exported(session, who.account_id, now)
        audit.record(session, runtime.clock, who.account_id, doer, "account.exported", subject)
    await _tell(runtime, who, export_id, rows, state="done")


async def _tell(
    runtime: ApiRuntime, who: Caller, export_id: UUID | None, rows: Rows, *, state: str = "running"
) -> None:
    if export_id is None:
        return
    async with runtime.database.transaction(tenant=who.tenant) as tx:
        await changes.note(tx, who.account_id, "export", export_id, rows=rows.done, of=rows.of, state=state)


@router.delete(
    "",
    summary="Delete the account and all it owns",
    responses=responses(403, 404, 409, 412),
)
async def delete_account(
    who: OwnsAccount, doer: Doer, runtime: Runtime, if_match: IfMatch, body: AccountEnd
) -> ReceiptOut:
    """For an owner in their browser. Mail for its domains is refused at once, what waits is cancelled, its
    keys, apps and sessions are dead, its rows gone within an hour: the answer is a signed receipt of that.
    There is no way back. 403 `sign_in_again` as for passkeys.
    """
    signer = Signer(runtime.keyring)  # whatever is wrong with the key shows before anything is deleted
    # In a transaction of the service: what goes along belongs to people and to the queue as well.
    async with runtime.database.session() as session:
        await if_match.holds(lambda: locked(session, runtime, who.account_id))
        account = await accounts.get(session, who.account_id, lock=True)
        team.confirm(account.name, body.name)
        account_deletion.require_export(account, runtime.clock.now(), waived=body.without_export)
        signed = _receipt(runtime, signer, account.id, account.name)
        await account_deletion.delete(session, runtime.clock, who.account_id, doer)
    await _erase_key(runtime, who.account_id)
    return ReceiptOut(receipt=signed.text, key=signed.key, signature=signed.signature)


async def _erase_key(runtime: ApiRuntime, account_id: UUID) -> None:
    """At once; where the disk refuses, upkeep goes on trying."""
    keys = LogKeyFiles(runtime.settings.key_dir)
    try:
        await account_deletion.erase_keys(runtime.database, keys, [account_id])
    except OSError as error:
        log.error("account_key_not_erased", error=type(error).__name__)


def _receipt(runtime: ApiRuntime, signer: Signer, account_id: UUID, name: str) -> Signed:
    settings = runtime.settings
    id_kept = account_deletion.id_kept(settings.log_retention)
    deletion = Deletion(settings.service_domain, account_id, name, runtime.clock.now(), id_kept)
    return receipts.of_deletion(signer, deletion)
