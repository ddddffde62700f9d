"""Letters that wait: written, and accepted by our own delivery path. Must never lose or repeat one."""

import json
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from mailcore import notices
from mailcore.database import Transaction
from mailcore.letter_texts import WRITERS, Desk
from mailcore.plans import Plan
from mailcore.routing import SERVICE_ACCOUNT
from mailcore.runtime import Runtime
from workers.notices import SERVICE, accept_once, notice_of, sender

log = structlog.get_logger("letters")

_AT_ONCE = 50


async def send_letters(runtime: Runtime) -> None:
    """Oldest first, some at once."""
    rows = await runtime.database.fetch("select * from letter order by id limit $1", _AT_ONCE)
    for row in rows:
        await _send(runtime, row)


async def _send(runtime: Runtime, row: Any) -> None:
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


async def _sent(tx: Transaction, *, identifier: UUID) -> bool:
    """False where another process was first."""
    return (await tx.execute("delete from letter where id = $1", identifier)).endswith(" 1")
