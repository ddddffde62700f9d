"""The 7-day log: its only writer and deleter. Its reader is log_reader.py.

Exactly the policy's fields, one function per event. Must never hold content, and never be written outside
the transaction of what it tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore.database import Database, Transaction
from mailcore.replies import Reply

RESPONSE_LIMIT = 500
SUBJECT_LIMIT = 998
# Ends the text of the one row that stands for all refusals of an hour beyond the cap; their number begins it.
MORE_REFUSALS = "more refusals in this hour, counted together"
_TABLES = ("log_message", "log_event")


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """What is kept of a message: who connected, subject, From, alias."""

    id: UUID
    account_id: UUID
    domain_id: UUID | None
    received_at: datetime
    client_ip: str
    client_name: str
    subject: str
    sender: str
    alias: str


@dataclass(frozen=True, slots=True)
class Event:
    """What is kept of an event. `received_at` is the message's; `duration` is that of the attempt."""

    message_id: UUID
    account_id: UUID
    received_at: datetime
    delivery_id: UUID | None
    at: datetime
    type: str
    response: str
    code: str
    server_ip: str
    duration: timedelta
    attempt: int


def received(
    message: LoggedMessage, reply: Reply, server_ip: str, duration: timedelta, verdicts: str = ""
) -> Event:
    """We answered 250: from here on the message is ours to deliver. The server is the mx that took it.

    `verdicts`: what was found out about the sender, in words, which follow the reply behind a semicolon.
    """
    response = f"{reply.line()}; {verdicts}" if verdicts else reply.line()
    return Event(
        message.id, message.account_id, message.received_at, None, message.received_at,
        "received", response, reply.enhanced, server_ip, duration, 0,
    )  # fmt: skip


def refused(message: LoggedMessage, reply: Reply, server_ip: str, why: str = "", verdicts: str = "") -> Event:
    """We answered 4xx or 5xx: the sender knows, and so shall the domain's owner, who is told a little more:
    `why`, where the reply does not say all, and the verdicts on the message in words.
    """
    response = f"{reply.line()} ({why})" if why else reply.line()
    response = f"{response}; {verdicts}" if verdicts else response
    return Event(
        message.id, message.account_id, message.received_at, None, message.received_at,
        "refused", response, reply.enhanced, server_ip, timedelta(0), 0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """The delivery an event belongs to, and its number."""

    message_id: UUID
    account_id: UUID
    received_at: datetime
    delivery_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to an attempt."""

    response: str
    code: str
    server_ip: str
    duration: timedelta


def delivered(attempt: Attempt, answer: Answer, at: datetime) -> Event:
    return _of_attempt("delivered", attempt, answer, at)


def soft_bounced(attempt: Attempt, answer: Answer, at: datetime) -> Event:
    return _of_attempt("soft-bounced", attempt, answer, at)


def hard_bounced(attempt: Attempt, answer: Answer, at: datetime) -> Event:
    return _of_attempt("hard-bounced", attempt, answer, at)


def interrupted(attempt: Attempt, at: datetime) -> Event:
    """The process that made this attempt is gone; how far it came is not known."""
    return soft_bounced(attempt, Answer("attempt interrupted", "4.3.0", "", timedelta(0)), at)


def _of_attempt(kind: str, attempt: Attempt, answer: Answer, at: datetime) -> Event:
    return Event(
        attempt.message_id, attempt.account_id, attempt.received_at, attempt.delivery_id, at,
        kind, answer.response[:RESPONSE_LIMIT], answer.code, answer.server_ip, answer.duration,
        attempt.number,
    )  # fmt: skip


_INSERT_MESSAGES = """
insert into log_message (id, account_id, domain_id, received_at, client_ip, client_name, subject, sender,
    alias)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[])
"""

_INSERT_EVENTS = """
insert into log_event
    (message_id, account_id, received_at, delivery_id, at, type, response, code, server_ip, duration_ms,
        attempt)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::timestamptz[],
    $6::text[], $7::text[],
    $8::text[], $9::text[], $10::int[], $11::int[])
"""


_COMPLETE = """
update log_message m set client_ip = known.client_ip, client_name = known.client_name,
    subject = known.subject, sender = known.sender, alias = known.alias
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    as known (id, received_at, client_ip, client_name, subject, sender, alias)
where m.id = known.id and m.received_at = known.received_at and m.alias = ''
"""


async def record_messages(tx: Transaction, messages: Sequence[LoggedMessage]) -> None:
    rows = [
        (
            m.id,
            m.account_id,
            m.domain_id,
            m.received_at,
            m.client_ip,
            storable(m.client_name, SUBJECT_LIMIT),
            storable(m.subject, SUBJECT_LIMIT),
            storable(m.sender, SUBJECT_LIMIT),
            m.alias,
        )
        for m in messages
    ]
    if rows:
        await tx.execute(_INSERT_MESSAGES, *columns(rows))


async def complete(tx: Transaction, messages: Sequence[LoggedMessage]) -> None:
    """What was left blank of these as long as they had not failed (log_levels.py); the rest stays."""
    rows = [
        (m.id, m.received_at, m.client_ip, m.client_name, storable(m.subject, SUBJECT_LIMIT),
         storable(m.sender, SUBJECT_LIMIT), m.alias)
        for m in messages
    ]  # fmt: skip
    if rows:
        await tx.execute(_COMPLETE, *columns(rows))


def leave_received(tx: Transaction, message_id: UUID) -> None:
    """The message is new, so any event of it tells that this transaction was committed."""
    tx.leaves("select exists (select from log_event where message_id = $1)", message_id)


def leave_event(tx: Transaction, event: Event) -> None:
    """Of this attempt with this end. Where its lease was taken from us, the same attempt may get the event of
    an interrupted one: then we have closed nothing.
    """
    tx.leaves(
        "select exists (select from log_event where message_id = $1 and delivery_id = $2 and attempt = $3 "
        "and type = $4)",
        event.message_id,
        event.delivery_id,
        event.attempt,
        event.type,
    )


async def record_events(tx: Transaction, events: Sequence[Event]) -> None:
    rows = [
        (e.message_id, e.account_id, e.received_at, e.delivery_id, e.at, e.type,
            storable(e.response, RESPONSE_LIMIT), e.code, e.server_ip,
         min(int(e.duration.total_seconds() * 1000), 2**31 - 1), e.attempt)
        for e in events
    ]  # fmt: skip
    if rows:
        await tx.execute(_INSERT_EVENTS, *columns(rows))
        tx.tell()


async def recount(tx: Transaction, message_id: UUID, text: str) -> None:
    """The row that counts refusals beyond the cap says a new number."""
    await tx.execute(
        "update log_event set response = $2 where message_id = $1 and type = 'refused'", message_id, text
    )


def storable(text: str, limit: int) -> str:
    """What PostgreSQL takes: no NUL, no lone surrogate. One odd character must never fail a commit."""
    return text[:limit].replace("\0", "").encode("utf-8", "replace").decode()


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into the arrays that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)]


# --- upkeep: partitions by day of receipt ---

_DAYS_AHEAD = 3


async def ensure_partitions(database: Database, now: datetime, retention: timedelta) -> None:
    """A partition for every day that can still be read, and a few ahead; a default one catches the rest."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=offset) for offset in range(-retention.days - 1, _DAYS_AHEAD + 1)]
    for table in _TABLES:  # a transaction each: it locks the table, and mail may hold the other one
        async with database.transaction() as tx:
            await tx.execute("select pg_advisory_xact_lock(hashtext('log partitions'))")
            existing = await _partitions(tx)
            for day in days:
                if f"{table}_{day:%Y%m%d}" not in existing and not await _default_has(tx, table, day):
                    await _create_partition(tx, table, day)


async def _create_partition(tx: Transaction, table: str, day: datetime) -> None:
    first, after = day.isoformat(), (day + timedelta(days=1)).isoformat()
    await tx.execute(
        f"create table {table}_{day:%Y%m%d} partition of {table} for values from ('{first}') to ('{after}')"
    )


async def expire(database: Database, now: datetime, retention: timedelta, *, batch: int = 10_000) -> int:
    """Deletes rows past the retention, then drops partitions that are past it and empty. Returns the
    rows deleted.
    """
    horizon = now - retention
    deleted = 0
    for table in _TABLES:
        deleted += await database.delete_in_batches(table, "received_at <= $1", horizon, batch=batch)
        await _drop_empty(database, table, horizon)
    return deleted


async def _drop_empty(database: Database, table: str, horizon: datetime) -> None:
    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(hashtext('log partitions'))")
        await tx.execute("set local lock_timeout = '2s'")
        for name in await _partitions(tx):
            if not name.startswith(f"{table}_") or not _ends_before(name, horizon):
                continue
            if not await tx.value(f"select exists (select from {name})"):
                await tx.execute(f"drop table {name}")


async def oldest(database: Database) -> datetime | None:
    return await database.value("select min(received_at) from log_message")  # type: ignore[no-any-return]


async def _partitions(tx: Transaction) -> set[str]:
    rows = await tx.fetch(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p "
        "on p.oid = i.inhparent "
        "where p.relname = any($1::text[]) and c.relname not like '%\\_default'",
        list(_TABLES),
    )
    return {row["relname"] for row in rows}


async def _default_has(tx: Transaction, table: str, day: datetime) -> bool:
    """Rows of that day already lie in the default partition: then it keeps serving the day."""
    query = f"select exists (select from {table}_default where received_at >= $1 and received_at < $2)"
    return bool(await tx.value(query, day, day + timedelta(days=1)))


def _ends_before(partition: str, horizon: datetime) -> bool:
    day = datetime.strptime(partition.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC)
    return day + timedelta(days=1) <= horizon
