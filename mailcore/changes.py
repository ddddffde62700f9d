"""What open pages are told of beside the log: a domain's state, a plan, the queue. Ids and words, for a day.

Must never hold an address or a subject: whoever hears of a change asks the API for the thing itself.
"""

import json
from typing import Literal
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.database import Transaction, tell_after_commit
from mailcore.models import Change

ChangeKind = Literal["domain", "alias", "destination", "account", "plan", "queue"]


async def note(
    where: AsyncSession | Transaction,
    account_id: UUID,
    kind: ChangeKind,
    subject_id: UUID | None = None,
    **data: str | int | bool | None,
) -> None:
    """In the transaction of the change itself. `data`: small facts, such as state="verified".

    What belongs to a domain says so (`domain_id`): a key that is limited to some domains hears of nothing
    else. For the kind "domain" the subject itself is meant.
    """
    if isinstance(where, Transaction):
        await where.execute(
            "insert into change (account_id, kind, subject_id, data) values ($1, $2, $3, $4::text::jsonb)",
            account_id,
            kind,
            subject_id,
            json.dumps(data),
        )
        where.tell()
        return
    tell_after_commit(where)
    where.add(Change(account_id=account_id, kind=kind, subject_id=subject_id, data=data))
