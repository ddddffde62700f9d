"""The end of an account: at once for its people, keys and mail, and within minutes for all that names it.

Must never end a delivery itself (the queue does, with its event and its ledger row), nor leave a row behind
that names the account but the id in `deleted_account`, which goes after the log's days.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, audit, cancellation, letters, person_deletion, team
from customers.audit import Actor, Subject
from mailcore import service_counts
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.errors import Conflict
from mailcore.log_key_files import LogKeyFiles
from mailcore.models import Account, DeletedAccount, Subscription

EXPORT_IS_FRESH: Final = timedelta(hours=24)
# What names an account without belonging to its row, and in which column. Mail that waits is not among them:
# it ends by itself.
LEFT_BEHIND: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("letter", "change", "request_log", "audit_event", "usage_day", "srs_token", "log_event",
         "log_message"),
        "account_id",
    ),
    "idempotent_answer": "owner_id",
}  # fmt: skip
# So long its mail that waited may still be told of to senders; then it ends whatever it is, so that an hour
# after the deletion nothing is left (receipts.py), also of a machine that is away.
MAY_STILL_TELL: Final = timedelta(minutes=20)
_SPARE: Final = timedelta(days=1)
# Whoever belonged to this account alone and is none of our staff.
_ITS_ALONE: Final = """
select p.id from person p join membership m on m.person_id = p.id where m.account_id = :account_id
and p.staff_since is null and not exists (
    select from membership o where o.person_id = p.id and o.account_id <> :account_id)
for update of p
"""


def require_export(account: Account, now: datetime, *, waived: bool) -> None:
    """Nobody loses by a click what they have not taken out. Raises Conflict."""
    fresh = account.exported_at is not None and now - account.exported_at < EXPORT_IS_FRESH
    if not (fresh or waived):
        detail = "Export the account first (GET /v1/account/export), or say that you need no export."
        raise Conflict(detail, code="export_first")


async def delete(session: AsyncSession, clock: Clock, account_id: UUID, actor: Actor) -> None:
    """In a transaction of the service. From its commit on mail is refused, what waits ends as cancelled, and
    no key, app or session of the account opens anything. Its owners are told by mail.
    """
    account = await accounts.get(session, account_id, lock=True)
    for owner in await team.owners(session, account_id):
        await letters.post(session, clock, "account-deleted", owner.email, account=account.name)
    await cancellation.of_account(session, account_id)
    await _forget_people(session, account_id)
    pays = await session.get(Subscription, account_id)
    session.add(DeletedAccount(id=account_id, at=clock.now(), customer_id=pays.customer_id if pays else None))
    nobody = Actor(actor.kind, "an owner" if actor.kind == "person" else actor.name)
    audit.record(session, clock, None, nobody, "account.deleted", Subject(account_id))
    await session.flush()
    await session.delete(account)
    await session.flush()


async def _forget_people(session: AsyncSession, account_id: UUID) -> None:
    connection = await session.connection()
    found = (await connection.execute(text(_ITS_ALONE), {"account_id": account_id})).scalars().all()
    await person_deletion.forget(session, found)
    await connection.execute(text("delete from person where id = any(:people)"), {"people": list(found)})


async def erase_keys(database: Database, keys: LogKeyFiles, account_ids: Sequence[UUID]) -> None:
    """What their log was sealed under is destroyed; a late result of their mail is not sealed any more, and
    says nothing. Raises OSError.
    """
    erased = [await asyncio.to_thread(keys.erase_account, account_id) for account_id in account_ids]
    if any(erased):
        async with database.transaction() as tx:
            await service_counts.add(tx, "account keys destroyed", sum(erased))


async def purge(database: Database, keys: LogKeyFiles, now: datetime, retention: timedelta) -> None:
    """Removes what still names deleted accounts, also what late results of their mail have written since; and
    their keys, where that failed when they were deleted.
    """
    rows = await database.fetch("select id, at from deleted_account")
    gone = [row["id"] for row in rows]
    silenced = [row["id"] for row in rows if now - row["at"] > MAY_STILL_TELL]
    await erase_keys(database, keys, gone)
    async with database.transaction() as tx:
        await cancellation.of_deleted(tx, silenced)
    for table, column in LEFT_BEHIND.items() if gone else ():
        await database.delete_in_batches(table, f"{column} = any($1::uuid[])", gone)
    async with database.transaction() as tx:
        forgotten = await tx.fetch(
            "delete from deleted_account d where d.at < $1 and d.customer_id is null "
            "and not exists (select from message m where m.account_id = d.id) returning d.id",
            now - id_kept(retention),
        )
    for row in forgotten:
        await asyncio.to_thread(keys.forget_account, row["id"])


def id_kept(retention: timedelta) -> timedelta:
    """How long the id alone stays: until nothing of its log could still be written or read."""
    return retention + _SPARE


async def customers_left(database: Database) -> Sequence[tuple[UUID, str]]:
    """Customers at Stripe of accounts that are deleted, who are still there: (account, customer). Some of
    them, by chance, so that those who cannot be parted with never stand before the others.
    """
    rows = await database.fetch(
        "select id, customer_id from deleted_account where customer_id is not null order by random() limit 20"
    )
    return [(row["id"], row["customer_id"]) for row in rows]


async def customer_gone(database: Database, account_id: UUID) -> None:
    async with database.transaction() as tx:
        await tx.execute("update deleted_account set customer_id = null where id = $1", account_id)
