"""After the database was restored to an earlier moment: make its rows and the spool agree again.

Every record that can be read and that the database never heard of becomes a message that waits; a message
whose bytes are gone ends with one event. Must run while nothing else of the node does, never remove a byte,
and never rebuild what the database knows to have ended: the 7-day log outlives every message.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from mailcore import accepted_rows, event_log, log_levels, replies, routing, spool_owner
from mailcore.accepted_rows import Accepted
from mailcore.clock import Clock
from mailcore.database import Database, Transaction
from mailcore.event_log import Answer, Attempt, LoggedMessage, columns
from mailcore.ledger import Entries
from mailcore.log_keys import LogKeys
from mailcore.log_levels import NO_WORDS
from mailcore.mail_rules import LogLevel
from mailcore.plans import Lane
from mailcore.queue import DeliveryRow, MessageRow
from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Gone, Location
from mailcore.spool_walk import Found, SpoolWalk

_BATCH = 500
_LOST = Answer(
    "ended: the database was restored to an earlier moment and the content is no longer in the spool",
    "4.3.0",
    "",
    timedelta(0),
)


@dataclass(slots=True)
class Recovered:
    """What was found and done. `damaged` records could not be read: those without rows are lost. Of `keyless`
    ones the key is missing: they can be read once the key folder is back.
    """

    segments: int = 0
    records: int = 0
    discarded: int = 0
    keyless: int = 0
    damaged: int = 0
    ended_before: int = 0
    found_again: int = 0
    rebuilt_messages: int = 0
    rebuilt_deliveries: int = 0
    lost_deliveries: int = 0


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """What the database knows of a batch: messages of each record (by its number), and records that ended."""

    messages: dict[int, list[tuple[UUID, Location]]]
    logged: set[UUID]


class Recovery:
    """One run over a spool opened with `alone`. A run that was cut short is simply run again."""

    def __init__(self, database: Database, spool: Spool, clock: Clock, log_keys: LogKeys) -> None:
        self._database = database
        self._spool = spool
        self._clock = clock
        self._log_keys = log_keys
        self._walk = SpoolWalk(spool)
        self._done = Recovered()

    async def run(self) -> Recovered:
        """Raises InUse. Blocks on the disk: nothing else runs in this process."""
        batch: list[Found] = []
        for found in self._walk.records():
            batch.append(found)
            if len(batch) == _BATCH:
                await self._apply(batch)
                batch = []
        await self._apply(batch)
        await self._end_what_is_gone()
        await spool_owner.adopt(self._database, self._spool.folder.parent, self._spool.node_id)
        return self._counted()

    def _counted(self) -> Recovered:
        walk, done = self._walk, self._done
        done.segments, done.records = walk.segments, len(walk.readable)
        done.discarded, done.keyless, done.damaged = walk.discarded, walk.keyless, walk.damaged
        return done

    def _look(self, location: Location) -> Literal["readable", "damaged", "gone"]:
        if location in self._walk.readable:
            return "readable"
        try:
            self._spool.read(location)
        except Gone:
            return "gone"
        except Damaged:
            return "damaged"
        return "readable"

    # --- rows for records ---

    async def _apply(self, batch: Sequence[Found]) -> None:
        """One transaction: records that nobody knows get rows, rows that lost their place find it again."""
        if not batch:
            return
        async with self._database.transaction(certain=True) as tx:
            known = await _ask(tx, self._spool.node_id, batch)
            unknown: dict[UUID, Found] = {}  # the sweep may have died between a copy and its original
            for number, found in enumerate(batch):
                if messages := known.messages.get(number):
                    await self._point_at(tx, found.location, messages)
                elif found.id in known.logged:
                    self._done.ended_before += 1
                else:
                    unknown[found.id] = found
            await self._rebuild(tx, list(unknown.values()))

    async def _point_at(
        self, tx: Transaction, location: Location, messages: Sequence[tuple[UUID, Location]]
    ) -> None:
        """The sweep had moved the record after the moment that the database was restored to."""
        strayed = [message for message, noted in messages if self._look(noted) != "readable"]
        if strayed:
            tx.leaves(
                "select exists (select from message where id = any($1::uuid[]) and segment = $2)",
                strayed,
                location.segment,
            )
            await tx.execute(
                "update message set segment = $2, record_offset = $3, record_length = $4 "
                "where id = any($1::uuid[])",
                strayed, location.segment, location.offset, location.length,
            )  # fmt: skip
            # A worker that met the restored rows before us found no bytes, and held them.
            await tx.execute(
                "update delivery set state = 'waiting', next_attempt_at = now() "
                "where message_id = any($1::uuid[]) and state = 'held'",
                strayed,
            )
        self._done.found_again += len(strayed)

    async def _rebuild(self, tx: Transaction, unknown: Sequence[Found]) -> None:
        """As acceptance wrote them: message, deliveries, the received event, the ledger; all due now."""
        mail = [(found, self._rows(found)) for found in unknown]
        rows = [pair for _, pairs in mail for pair in pairs]
        if not rows:
            return
        await accepted_rows.write(tx, self._log_keys, await _accepted(tx, mail))
        self._done.rebuilt_messages += len(rows)
        self._done.rebuilt_deliveries += sum(len(deliveries) for _, deliveries in rows)

    def _rows(self, found: Found) -> list[tuple[MessageRow, list[DeliveryRow]]]:
        return [
            (
                self._message(found, place, recipient),
                [self._delivery(destination) for destination in recipient["destinations"]],
            )
            for place, recipient in enumerate(found.recipients)
        ]

    def _message(self, found: Found, place: int, recipient: dict[str, Any]) -> MessageRow:
        return MessageRow(
            id=found.id if place == 0 else self._clock.new_id(),
            account_id=UUID(recipient["account"]),
            domain_id=_uuid(recipient["domain"]),
            alias_id=_uuid(recipient["alias"]),
            recipient=place,
            lane=Lane(recipient["lane"]),
            node_id=self._spool.node_id,
            location=found.location,
            shared=len(found.recipients) > 1,
            sender_authenticated=found.authenticated,
            smtputf8=found.smtputf8,
            origin=found.origin,
            accepted_at=found.received_at,
        )

    def _delivery(self, destination: str) -> DeliveryRow:
        """A destination's id, or the address of mail of our own."""
        ours = "@" in destination
        return DeliveryRow(self._clock.new_id(), None if ours else UUID(destination), None)

    # --- records for rows ---

    async def _end_what_is_gone(self) -> None:
        """The mail had ended after the moment that the database was restored to, or its disk is lost."""
        after = UUID(int=0)
        while rows := await self._database.fetch(_MESSAGES, self._spool.node_id, after, _BATCH):
            after = rows[-1]["id"]
            gone = [row["id"] for row in rows if self._look(_location(row)) == "gone"]
            if gone:
                await self._end(gone)

    async def _end(self, messages: Sequence[UUID]) -> None:
        async with self._database.transaction(certain=True) as tx:
            rows = await tx.fetch(_DELETE_DELIVERIES, messages)
            await tx.execute("delete from message where id = any($1::uuid[])", messages)
            now = self._clock.now()
            tx.leaves("select not exists (select from message where id = any($1::uuid[]))", messages)
            await event_log.record_events(tx, self._log_keys, [_lost(row, now) for row in rows])
            entries = Entries(hard_bounced=Counter(row["origin"] for row in rows))
            await entries.write(tx)
        self._done.lost_deliveries += len(rows)


_MESSAGES = """
select id, segment, record_offset, record_length from message
where node_id = $1 and id > $2 order by id limit $3
"""

_DELETE_DELIVERIES = """
delete from delivery where message_id = any($1::uuid[])
returning id, message_id, account_id, accepted_at, origin, attempt, lease_owner is not null as leased
"""

# A record is known by where it lies; by its first message, which bears its id; or, where that one has ended
# and the record was moved since, by what each of its messages took from the envelope.
_KNOWN = """
with record as (
    select * from unnest($2::int[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::timestamptz[],
        $8::uuid[], $9::uuid[], $10::int[])
    as r (number, id, segment, record_offset, record_length, accepted_at, account_id, alias_id, recipient)
)
select r.number, m.id, m.segment, m.record_offset, m.record_length
from record r join message m on m.id = r.id
union
select r.number, m.id, m.segment, m.record_offset, m.record_length
from record r join message m on m.segment = r.segment and m.record_offset = r.record_offset
union
select r.number, m.id, m.segment, m.record_offset, m.record_length
from record r join message m on m.node_id = $1 and m.account_id = r.account_id
    and m.accepted_at = r.accepted_at and m.record_length = r.record_length
    and (m.recipient = r.recipient or m.recipient is null and m.alias_id is not distinct from r.alias_id)
"""


async def _ask(tx: Transaction, node_id: UUID, batch: Sequence[Found]) -> _Knowledge:
    rows = [
        (number, f.id, f.location.segment, f.location.offset, f.location.length, f.received_at,
         UUID(recipient["account"]), _uuid(recipient["alias"]), place)
        for number, f in enumerate(batch) for place, recipient in enumerate(f.recipients)
    ]  # fmt: skip
    messages: dict[int, list[tuple[UUID, Location]]] = {}
    for row in await tx.fetch(_KNOWN, node_id, *columns(rows)):
        messages.setdefault(row["number"], []).append((row["id"], _location(row)))
    logged = await tx.fetch(
        "select id from log_message where id = any($1::uuid[]) and received_at = any($2::timestamptz[])",
        [f.id for f in batch],
        [f.received_at for f in batch],
    )
    return _Knowledge(messages, {row["id"] for row in logged})


def _location(row: Any) -> Location:
    return Location(row["segment"], row["record_offset"], row["record_length"])


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


async def _accepted(
    tx: Transaction, mail: Sequence[tuple[Found, list[tuple[MessageRow, list[DeliveryRow]]]]]
) -> list[Accepted]:
    """Logged as far as their domains let us; of one that is gone nobody knows how far that is."""
    domains = {message.domain_id for _, pairs in mail for message, _ in pairs if message.domain_id}
    chosen = await routing.log_levels_of(tx, domains)
    accepted = []
    for found, message, deliveries in ((found, *pair) for found, pairs in mail for pair in pairs):
        level = chosen.get(message.domain_id, LogLevel.FAILURES) if message.domain_id else LogLevel.FULL
        logged = _logged(found, message)
        received = log_levels.of_event(level, _received(found, logged), NO_WORDS)
        accepted.append(Accepted(message, deliveries, log_levels.of_message(level, logged), received))
    return accepted


def _logged(found: Found, message: MessageRow) -> LoggedMessage:
    """The reverse name of the client was in the log alone, and is not known any more."""
    return LoggedMessage(
        message.id, message.account_id, message.domain_id, found.received_at, found.client_ip, "",
        found.subject, found.sender, found.recipients[message.recipient]["address"],
    )  # fmt: skip


def _received(found: Found, message: LoggedMessage) -> event_log.Event:
    return event_log.received(message, replies.queued(str(found.id)), "", timedelta(0))


def _lost(row: Any, now: datetime) -> event_log.Event:
    """Its attempt that was under way, or else the next one: attempts are numbered without gaps."""
    number = row["attempt"] + (0 if row["leased"] else 1)
    attempt = Attempt(row["message_id"], row["account_id"], row["accepted_at"], row["id"], number)
    return event_log.hard_bounced(attempt, _LOST, now)
