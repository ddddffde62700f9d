"""Messages of made-up accounts in the queue: rows only, there are no bytes behind them."""

from uuid import UUID

from mailcore import queue
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
    mail = [
        (message(g, account, lane), [DeliveryRow(g.clock.new_id(), None, None)])
        for account in accounts
        for _ in range(each)
    ]
    async with g.database.transaction() as tx:
        await queue.insert(tx, mail)
