"""What open pages are told of beside the log: a domain's state, a plan, the queue. Ids and words, for a day.

Must never hold an address or a subject: whoever hears of a change asks the API for the thing itself.
"""

import json
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from mailcore.database import Transaction, tell_after_commit

if TYPE_CHECKING:  # settling notes changes too, and a process of the mail path loads no ORM
    from sqlmodel.ext.asyncio.session import AsyncSession

# Without RETURNING: whoever notes a change may be one that does not see it (a key limited to some domains).
_NOTE: Final = "insert into change (account_id, kind, subject_id, data) values ($1, $2, $3, $4::text::jsonb)"
ChangeKind = Literal["domain", "alias", "destination", "account", "plan", "queue", "export", "support"]


async def note(
    where: "AsyncSession | Transaction",
    account_id: UUID,
    kind: ChangeKind,
    subject_id: UUID | None = None,
    **data: str | int | bool | None,
) -> None:
    """In the transaction of the change itself. `data`: small facts, such as state="verified".

    What belongs to a domain says so (`domain_id`): a key that is limited to some domains hears of nothing
    else. For the kind "domain" the subject itself is meant.
    """
    values = (account_id, kind, subject_id, json.dumps(data))
    if isinstance(where, Transaction):
        await where.execute(_NOTE, *values)
        where.tell()
    else:
        await (await where.connection()).exec_driver_sql(_NOTE, values)
        tell_after_commit(where)
