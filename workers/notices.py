"""Mail of the service to its customers, sent through our own delivery path.

Must never be sent twice: what is told is marked in the transaction that accepts the mail.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from uuid import UUID

from mailcore import domains, notices, replies
from mailcore.acceptance import Draft
from mailcore.database import Transaction, UnknownOutcome
from mailcore.notices import NoticeRow
from mailcore.plans import Plan
from mailcore.returns import own_mail
from mailcore.routing import Recipient
from mailcore.runtime import Runtime
from mailcore.submission import Client, Submission

_NOBODY = Client("", "", "", "", timedelta(0))
SERVICE = "Clearpost"


async def send_undeliverable_notices(runtime: Runtime) -> None:
    """Once a day: the failures of days that are over, one mail for each account and day."""
    today = runtime.clock.now().date()
    waiting = await runtime.database.fetch(
        "select distinct u.account_id, u.day, p.email, c.plan from undelivered u "
        "join account c on c.id = u.account_id join membership m on m.account_id = c.id and m.role = 'owner' "
        "join person p on p.id = m.person_id where u.noticed_at is null and u.day < $1 order by "
        "u.account_id, u.day limit 100",
        today,
    )
    for row in waiting:
        await _send_undeliverable(runtime, row["account_id"], row["day"], row["email"], Plan(row["plan"]))


async def _send_undeliverable(runtime: Runtime, account_id: UUID, day: date, to: str, plan: Plan) -> None:
    rows = await runtime.database.fetch(
        "select alias_address, status, count from undelivered where account_id = $1 and day = $2 and "
        "noticed_at is null "
        "order by count desc, alias_address",
        account_id,
        day,
    )
    identifier = runtime.clock.new_id()
    content = notices.undeliverable_notice(
        to=to,
        day=day,
        rows=[NoticeRow(row["alias_address"], row["status"], row["count"]) for row in rows],
        service_name=SERVICE,
        from_address=sender(runtime),
        notice_id=identifier,
        at=runtime.clock.now(),
        log_url=f"{runtime.settings.web_url}/logs",
    )
    submission = notice_of(
        runtime, identifier, account_id, plan, to, "Mail that could not be delivered", content
    )

    async def mark(tx: Transaction) -> bool:
        told = await tx.execute(
            "update undelivered set noticed_at = now() where account_id = $1 and day = $2 and "
            "noticed_at is null",
            account_id,
            day,
        )
        return not told.endswith(" 0")

    await accept_once(runtime, submission, mark)


async def send_dispute_notices(runtime: Runtime) -> None:
    """Both sides of a dispute over a domain are told."""
    async with runtime.database.session() as session:
        waiting = await domains.displacement_notices(session)
    for notice in waiting:
        identifier = runtime.clock.new_id()
        if notice.to:
            content = notices.domain_displaced_notice(
                to=notice.to,
                domain=notice.name,
                outcome=notice.outcome,
                service_name=SERVICE,
                from_address=sender(runtime),
                notice_id=identifier,
                at=runtime.clock.now(),
                domain_url=f"{runtime.settings.web_url}/domains/{notice.domain_id}",
            )
            submission = notice_of(
                runtime, identifier, notice.account_id, Plan.FREE, notice.to, "Your domain", content
            )
            await accept_once(runtime, submission, partial(domains.mark_told, notice=notice))
        else:
            async with runtime.database.transaction() as tx:
                await domains.mark_told(tx, notice)


Mark = Callable[[Transaction], Awaitable[bool]]


async def accept_once(runtime: Runtime, submission: Submission, mark: Mark) -> None:
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
    except UnknownOutcome as unknown:  # its bytes stay until it is known
        runtime.acceptance.remember(unknown, [draft], set() if accepted else {submission.id})
        return
    except Exception:  # of the statements, or of a COMMIT that is known not to have happened
        runtime.acceptance.rejected([draft], replies.TRY_LATER)
        raise
    if accepted:
        runtime.acceptance.accepted([draft])
    else:
        runtime.acceptance.rejected([draft], replies.TRY_LATER)


def notice_of(
    runtime: Runtime, identifier: UUID, account_id: UUID, plan: Plan, to: str, subject: str, content: bytes
) -> Submission:
    about = Recipient(account_id, plan, None, None, 0, sender(runtime), ())
    return own_mail(
        runtime.settings, identifier, "notice", about, to, subject, content, _NOBODY, runtime.clock.now()
    )


def sender(runtime: Runtime) -> str:
    return f"notices@{runtime.settings.service_domain}"
