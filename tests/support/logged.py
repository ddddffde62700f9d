"""Messages in an account's log, and deliveries that wait: rows only, there are no bytes behind them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from mailcore import event_log
from mailcore.event_log import Answer, Attempt, LoggedMessage
from mailcore.replies import queued
from tests.support.api import Tenant, World
from tests.support.rows import TABLES, insert, made_up


async def write(
    world: World,
    tenant: Tenant,
    *,
    alias: str = "hello@example.test",
    subject: str = "Hi",
    sender: str = "Ada <ada@example.com>",
    domain_id: UUID | None = None,
    delivered: bool = True,
    verdicts: str = "",
) -> LoggedMessage:
    """A message received now, and what became of it. `verdicts` as Verdicts.in_words writes them."""
    now, identifier = world.clock.now(), world.clock.new_id()
    message = LoggedMessage(
        identifier,
        tenant.id,
        domain_id,
        now,
        "192.0.2.7",
        "mail.example.com",
        subject,
        sender,
        alias,
        verdicts,
    )
    attempt = Attempt(identifier, tenant.id, now, uuid4(), 1)
    soft = Answer("452 4.2.2 mailbox full", "4.2.2", "192.0.2.25", timedelta(milliseconds=80))
    good = Answer("250 2.0.0 ok", "2.0.0", "192.0.2.25", timedelta(milliseconds=112))
    took = timedelta(milliseconds=9)
    events = [event_log.received(message, queued(str(identifier)), "192.0.2.1", took)]
    events.append(event_log.soft_bounced(attempt, soft, now + timedelta(seconds=1)))
    if delivered:
        events.append(event_log.delivered(attempt, good, now + timedelta(seconds=2)))
    async with world.runtime.database.transaction() as tx:
        await event_log.record_messages(tx, world.runtime.log_keys, [message])
        await event_log.record_events(tx, world.runtime.log_keys, events)
    world.clock.step(timedelta(seconds=10))
    return message


async def put_in_queue(world: World, message: LoggedMessage, **changes: Any) -> UUID:
    """A delivery of this message that has not ended; its machine lives."""
    database, known = world.runtime.database, {"account": message.account_id}
    tables = {table.name: table for table in TABLES}
    async with database.transaction() as tx:
        for name in ("node", "process", "message", "delivery"):
            row = made_up(tables[name], known, world.clock)
            row |= {"id": message.id, "domain_id": message.domain_id} if name == "message" else {}
            row |= changes | {"accepted_at": message.received_at} if name == "delivery" else {}
            statement, values = insert(tables[name], row)
            await tx.execute(statement, *values)
            known[name] = row["id"]
    return known["delivery"]
