"""Messages of made-up accounts in the queue: rows only, there are no bytes behind them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from mailcore import accepted_rows, event_log, replies
from mailcore.accepted_rows import Accepted
from mailcore.event_log import LoggedMessage
from mailcore.plans import Lane
from mailcore.queue import DeliveryRow, MessageRow
from mailcore.spool_record import Location
from tests.support.ground import Ground


def message(g: Ground, account: UUID, lane: Lane = Lane.STANDARD) -> MessageRow:
    return MessageRow(
        id=g.clock.new_id(),
        account_id=account,
        domain_id=None,
        alias_id=None,
        recipient=0,
        lane=lane,
        node_id=g.spool.node_id,
        location=Location(g.clock.new_id(), 0, 100),
        shared=False,
        sender_authenticated=False,
        smtputf8=False,
        origin="smtp",
        accepted_at=g.clock.now(),
    )


async def fill(g: Ground, accounts: list[UUID], each: int, lane: Lane = Lane.STANDARD) -> None:
    await insert(g, [(message(g, account, lane), 1) for account in accounts for _ in range(each)])


async def insert(g: Ground, mail: Sequence[tuple[MessageRow, int]]) -> None:
    """Messages with so many deliveries each, due now."""
    async with g.database.transaction() as tx:
        await accepted_rows.write(tx, g.keys, [_accepted(g, row, count) for row, count in mail])


def _accepted(g: Ground, row: MessageRow, deliveries: int) -> Accepted:
    logged = LoggedMessage(row.id, row.account_id, None, row.accepted_at, "", "", "", "", "")
    received = event_log.received(logged, replies.queued(str(row.id)), "", timedelta(0))
    inboxes = [DeliveryRow(g.clock.new_id(), None, None) for _ in range(deliveries)]
    return Accepted(row, inboxes, logged, received)
