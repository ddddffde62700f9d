"""Letters that wait: written, and accepted by our own delivery path. Must never lose or repeat one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from customers import notices, undelivered
from customers.letter_texts import EVEN_IF_STOPPED, WRITERS, Desk
from mailcore import own_mail, replies, returns, suppression
from mailcore.acceptance import Draft
from mailcore.database import Transaction, UnknownOutcome
from mailcore.plans import Plan
from mailcore.routing import SERVICE_ACCOUNT, Recipient
from mailcore.runtime import Runtime
from mailcore.submission import Client, Submission
from workers.each import each_quietly

_AT_ONCE = 50
_PUT_OFF = timedelta(minutes=10)
_NOBODY = Client("", "", "", "", timedelta(0))
SERVICE = "Clearpost"


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
    about = await _about(runtime, row)
    written = WRITERS[row["kind"]](desk, about)
    identifier = runtime.clock.new_id()
    content = own_mail.letter(
        to=row["to_address"],
        subject=written.subject,
        lines=written.lines,
        service_name=SERVICE,
        from_address=_sender(runtime),
        letter_id=identifier,
        at=runtime.clock.now(),
    )
    account_id = row["account_id"] or SERVICE_ACCOUNT
    submission = _submission(
        runtime, identifier, account_id, Plan.PREMIUM, row["to_address"], written.subject, content
    )
    await _accept_once(runtime, submission, partial(_sent, identifier=row["id"]))


async def _about(runtime: Runtime, row: Any) -> dict[str, Any]:
    """Of failed mail the order names only the day: aliases are unsealed for the letter alone."""
    about: dict[str, Any] = json.loads(row["about"])
    if row["kind"] != "undeliverable" or "rows" in about:
        return about
    day = date.fromisoformat(about["day"])
    rows = await undelivered.told_of(
        runtime.database, runtime.log_keys, row["account_id"], day, row["created_at"]
    )
    return about | notices.about_failures(day, rows)


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


# --- accepted as mail ---

Mark = Callable[[Transaction], Awaitable[bool]]


async def _accept_once(runtime: Runtime, submission: Submission, mark: Mark) -> None:
    """Once begun it ends: a process that stops waits for it, and a COMMIT on its way keeps its bytes."""
    accepting = asyncio.create_task(_accept(runtime, submission, mark))
    try:
        await asyncio.shield(accepting)
    except asyncio.CancelledError:
        await asyncio.wait({accepting})
        raise


async def _accept(runtime: Runtime, submission: Submission, mark: Mark) -> None:
    """Stores the mail, then accepts it in the transaction that marks its cause; somebody else's mark wins."""
    draft = await runtime.acceptance.store(submission)
    if not isinstance(draft, Draft):
        return  # the spool is full; the next round tries again
    accepted = False
    try:
        async with runtime.database.transaction(certain=True) as tx:
            accepted = await mark(tx)
            if accepted:
                await runtime.acceptance.insert(tx, [draft])
    except UnknownOutcome as unknown:
        if accepted:  # its bytes stay until it is known
            runtime.acceptance.remember(unknown, [draft])
        else:
            runtime.acceptance.rejected([draft], replies.TRY_LATER)
        return
    except Exception:  # of the statements, or of a COMMIT that is known not to have happened
        runtime.acceptance.rejected([draft], replies.TRY_LATER)
        raise
    if accepted:
        runtime.acceptance.accepted([draft])
    else:
        runtime.acceptance.rejected([draft], replies.TRY_LATER)


def _submission(
    runtime: Runtime, identifier: UUID, account_id: UUID, plan: Plan, to: str, subject: str, content: bytes
) -> Submission:
    about = Recipient(account_id, plan, None, None, 0, _sender(runtime), ())
    return returns.own_mail(
        runtime.settings, identifier, "notice", about, to, subject, content, _NOBODY, runtime.clock.now()
    )


def _sender(runtime: Runtime) -> str:
    return f"notices@{runtime.settings.service_domain}"
