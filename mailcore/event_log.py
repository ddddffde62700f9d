"""The 7-day log: its only writer and deleter. Its reader is log_reader.py.

Exactly the policy's fields, one function per event. Texts and addresses are sealed before they leave for
the database (log_seal.py). Must never hold content, and never be written outside the transaction of what it
tells.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore.authenticity.verdicts import VerdictWords
from mailcore.database import Database, Transaction
from mailcore.log_keys import LogKeys
from mailcore.log_seal import Label, RowKey, hashed, of_event, of_message, seal
from mailcore.replies import Reply
from mailcore.values import value

RESPONSE_LIMIT = 500
SUBJECT_LIMIT = 998
# Ends the text of the one row that stands for all refusals of an hour beyond the cap (`Event.count`).
MORE_REFUSALS = "more refusals in this hour, counted together"
_TABLES = ("log_message", "log_event")


@value
class LoggedMessage:
    """What is kept of a message: who connected, subject, From, alias, and what was found out about its sender
    (`verdicts`, as Verdicts.in_words writes it). With all of these empty its row says nothing.
    """

    id: UUID
    account_id: UUID
    domain_id: UUID | None
    received_at: datetime
    client_ip: str
    client_name: str
    subject: str
    sender: str
    alias: str
    verdicts: str = ""


@value
class Event:
    """What is kept of an event. `received_at` is the message's; `duration` is that of the attempt; `count` is
    how many refusals it stands for.
    """

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
    count: int = 1


def received(message: LoggedMessage, reply: Reply, server_ip: str, duration: timedelta) -> Event:
    """We answered 250: from here on the message is ours to deliver. The server is the mx that took it. What
    was found out about the sender follows the reply behind a semicolon.
    """
    response = f"{reply.line()}; {message.verdicts}" if message.verdicts else reply.line()
    return Event(
        message.id, message.account_id, message.received_at, None, message.received_at,
        "received", response, reply.enhanced, server_ip, duration, 0,
    )  # fmt: skip


def refused(message: LoggedMessage, reply: Reply, server_ip: str, why: str = "", count: int = 1) -> Event:
    """We answered 4xx or 5xx: the sender knows, and so shall the domain's owner, who is told a little more:
    `why`, where the reply does not say all, and what was found out about the sender.
    """
    response = f"{reply.line()} ({why})" if why else reply.line()
    response = f"{response}; {message.verdicts}" if message.verdicts else response
    return Event(
        message.id, message.account_id, message.received_at, None, message.received_at,
        "refused", response, reply.enhanced, server_ip, timedelta(0), 0, count,
    )  # fmt: skip


@value
class Attempt:
    """The delivery an event belongs to, and its number."""

    message_id: UUID
    account_id: UUID
    received_at: datetime
    delivery_id: UUID
    number: int


@value
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
insert into log_message (id, account_id, domain_id, received_at, sealed, alias_hash, untagged_hash,
    sender_hash, dmarc_hash)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::bytea[], $6::bytea[],
    $7::bytea[], $8::bytea[], $9::bytea[])
"""
_COMPLETE = """
update log_message l set sealed = said.sealed, alias_hash = said.alias_hash,
    untagged_hash = said.untagged_hash, sender_hash = said.sender_hash, dmarc_hash = said.dmarc_hash
from unnest($1::uuid[], $2::timestamptz[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
    as said (id, received_at, sealed, alias_hash, untagged_hash, sender_hash, dmarc_hash)
where l.id = said.id and l.received_at = said.received_at and l.sealed = ''::bytea
"""
_INSERT_EVENTS = """
insert into log_event (message_id, account_id, received_at, delivery_id, at, type, code, duration_ms, attempt,
    count, sealed)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::timestamptz[],
    $6::text[], $7::text[], $8::int[], $9::int[], $10::int[], $11::bytea[])
"""
# Part of accepted_rows.py: what is said of each of `mail`.
RECEIVED = """
logged as (
    insert into log_message (id, account_id, domain_id, received_at, sealed, alias_hash, untagged_hash,
        sender_hash, dmarc_hash)
    select id, account_id, domain_id, accepted_at, sealed, alias_hash, untagged_hash, sender_hash, dmarc_hash
    from mail
), told as (
    insert into log_event (message_id, account_id, received_at, at, type, code, duration_ms, attempt, sealed)
    select id, account_id, accepted_at, accepted_at, 'received', code, duration_ms, 0, said from mail
)
""".strip()
# Part of settlement.py: the events of those that `ended`.
ENDED = """
told as (
    insert into log_event (message_id, account_id, received_at, delivery_id, at, type, code, duration_ms,
        attempt, sealed)
    select message_id, account_id, accepted_at, id, at, type, code, duration_ms, attempt, sealed from ended
)
""".strip()
_Sealed = tuple[bytes | None, bytes | None, bytes | None, bytes | None, bytes | None]


async def record_messages(tx: Transaction, keys: LogKeys, messages: Sequence[LoggedMessage]) -> None:
    row_keys = await keys.to_write((m.account_id, m.received_at) for m in messages)
    rows = [
        (m.id, m.account_id, m.domain_id, m.received_at, *_sealed(m, key))
        for m, key in zip(messages, row_keys, strict=True)
    ]
    if rows:
        await tx.execute(_INSERT_MESSAGES, *columns(rows))


def columns_of(message: LoggedMessage, received: Event, key: RowKey | None) -> tuple[object, ...]:
    """As `RECEIVED` wants them, from `sealed` to `duration_ms`."""
    return (*_sealed(message, key), _sealed_texts(received, key), received.code, _milliseconds(received))


async def complete(tx: Transaction, keys: LogKeys, messages: Sequence[LoggedMessage]) -> None:
    """What was left blank of these as long as they had not failed (log_levels.py); the rest stays."""
    row_keys = await keys.to_write((m.account_id, m.received_at) for m in messages)
    rows = [(m.id, m.received_at, *_sealed(m, key)) for m, key in zip(messages, row_keys, strict=True)]
    if rows:
        await tx.execute(_COMPLETE, *columns(rows))


def _sealed(m: LoggedMessage, key: RowKey | None) -> _Sealed:
    """Columns from `sealed` on. Whatever can't be sealed is not written."""
    fields = (m.client_ip, m.client_name, m.subject, m.sender, m.alias, m.verdicts)
    if not any(fields):
        return b"", None, None, None, None
    if key is None:
        return None, None, None, None, None
    words = VerdictWords.of(m.verdicts)
    return (
        seal(key, of_message(m.id), [storable(text, SUBJECT_LIMIT) for text in fields]),
        _hash(key, "alias", m.alias.lower()),
        _hash(key, "untagged", untagged(m.alias)),
        _hash(key, "sender", address_in(m.sender)),
        _hash(key, "dmarc", words.dmarc if words else ""),
    )


def _hash(key: RowKey, label: Label, text: str) -> bytes | None:
    return hashed(key, label, text) if text else None


def untagged(address: str) -> str:
    """In small letters, without its tag (plus addressing)."""
    local_part, at, domain = address.lower().rpartition("@")
    return f"{local_part.partition('+')[0] or local_part}{at}{domain}"


def address_in(sender: str) -> str:
    """The address in a From or a reverse-path, in small letters: what its last brackets hold, or it all."""
    _, opened, rest = sender.rpartition("<")
    address = rest.partition(">")[0] if opened and ">" in rest else sender
    return address.strip().lower()


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


async def record_events(tx: Transaction, keys: LogKeys, events: Sequence[Event]) -> None:
    row_keys = await keys.to_write((e.account_id, e.received_at) for e in events)
    rows = [
        (e.message_id, e.account_id, e.received_at, e.delivery_id, e.at, e.type, e.code, _milliseconds(e),
         e.attempt, e.count, _sealed_texts(e, key))
        for e, key in zip(events, row_keys, strict=True)
    ]  # fmt: skip
    if rows:
        await tx.execute(_INSERT_EVENTS, *columns(rows))
        tx.tell()


def _milliseconds(e: Event) -> int:
    return min(int(e.duration.total_seconds() * 1000), 2**31 - 1)


def ended_columns(e: Event, key: RowKey | None) -> tuple[object, ...]:
    """As `ENDED` wants them, from `type` to `sealed`. The rest stands in the row of its delivery."""
    return e.type, e.code, _milliseconds(e), _sealed_texts(e, key)


def _sealed_texts(e: Event, key: RowKey | None) -> bytes | None:
    texts = [storable(e.response, RESPONSE_LIMIT), e.server_ip]
    if not any(texts):
        return b""
    return seal(key, of_event(e.message_id, e.delivery_id, e.type, e.attempt), texts) if key else None


async def recount(tx: Transaction, message_id: UUID, count: int) -> None:
    """The row that counts refusals beyond the cap says a new number."""
    await tx.execute(
        "update log_event set count = $2 where message_id = $1 and type = 'refused'", message_id, count
    )


def storable(text: str, limit: int) -> str:
    """What PostgreSQL takes: no NUL, no lone surrogate. One odd character must never fail a commit."""
    text = text[:limit].replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def columns(rows: Sequence[tuple[Any, ...]], count: int = 0) -> list[Sequence[Any]]:
    """Rows turned into the arrays that unnest takes; `count` empty ones where there is no row."""
    return list(zip(*rows, strict=True)) if rows else [()] * count


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
