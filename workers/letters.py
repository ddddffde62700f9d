"""Letters that wait: written, and accepted by our own delivery path. Must never lose or repeat one."""

import json
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from mailcore import notices, suppression
from mailcore.database import Transaction
from mailcore.letter_texts import EVEN_IF_STOPPED, WRITERS, Desk
from mailcore.plans import Plan
from mailcore.routing import SERVICE_ACCOUNT
from mailcore.runtime import Runtime
from workers.each import each_quietly
from workers.notices import SERVICE, accept_once, notice_of, sender

_AT_ONCE = 50
_PUT_OFF = timedelta(minutes=10)


async def send_letters(runtime: Runtime) -> None:
    """Oldest first, some at once. One that can't be written is tried again later, and holds back no other."""
    due = "select * from letter where due_at <= now() order by due_at limit $1"
    rows = await runtime.database.fetch(due, _AT_ONCE)
    for row in await each_quietly("letters", rows, lambda row: _send(runtime, row)):
        await _put_off(runtime, row["id"])


async def _put_off(runtime: Runtime, identifier: UUID) -> None:
    async with runtime.database.transaction() as tx:
        await tx.execute("update letter set due_at = now() + $2 where id = $1", identifier, _PUT_OFF)


async def _send(runtime: Runtime, row: Any) -> None:
    if await _is_unwanted(runtime, row):
        return
    desk = Desk(runtime.keyring, runtime.settings.web_url, row["created_at"])
    written = WRITERS[row["kind"]](desk, json.loads(row["about"]))
    identifier = runtime.clock.new_id()
    content = notices.letter(
        to=row["to_address"],
        subject=written.subject,
        lines=written.lines,
        service_name=SERVICE,
        from_address=sender(runtime),
        notice_id=identifier,
        at=runtime.clock.now(),
    )
    account_id = row["account_id"] or SERVICE_ACCOUNT
    submission = notice_of(
        runtime, identifier, account_id, Plan.PREMIUM, row["to_address"], written.subject, content
    )
    await accept_once(runtime, submission, partial(_sent, identifier=row["id"]))


async def _is_unwanted(runtime: Runtime, row: Any) -> bool:
    """Whoever asked to hear from us no more hears no more, but for what lets them sign in."""
    if row["kind"] in EVEN_IF_STOPPED:
        return False
    if not await suppression.holds(runtime.database, runtime.keyring, row["to_address"]):
        return False
    async with runtime.database.transaction() as tx:
        await _sent(tx, identifier=row["id"])
    return True


async def _sent(tx: Transaction, *, identifier: UUID) -> bool:
    """False where another process was first."""
    return (await tx.execute("delete from letter where id = $1", identifier)).endswith(" 1")
