"""The moment a message becomes ours: bytes synced, rows committed, then 250.

Messages that arrive together share one sync and one transaction. Must never answer 250 before both,
nor a permanent refusal for a fault of ours, nor forget bytes whose COMMIT has an unknown outcome.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg
import structlog

from mailcore import accepted_rows, crash_points, event_log, log_levels, metrics, quota, replies
from mailcore.accepted_rows import Accepted
from mailcore.batching import PATIENCE, Batcher
from mailcore.clock import Clock
from mailcore.contents import Mail
from mailcore.database import CONNECTION_LOST, Aborted, Database, Transaction, UnknownOutcome
from mailcore.first_attempts import FirstAttempts
from mailcore.log_keys import LogKeys
from mailcore.log_levels import NO_WORDS
from mailcore.queue import Claimed, DeliveryRow, Lease, MessageRow
from mailcore.quota import OverQuota
from mailcore.replies import Reply
from mailcore.routing import DestinationRef, Recipient
from mailcore.spool import Spool
from mailcore.spool_record import Entry, Location
from mailcore.spool_segment import SpoolFault
from mailcore.spool_writer import LargeEntry, SegmentWriter
from mailcore.submission import Submission, envelope_of

log = structlog.get_logger("acceptance")

# Threads of its own, one for each batch under way: nothing else that blocks may stand before a 250.
_APPENDING = ThreadPoolExecutor(max_workers=2, thread_name_prefix="append")


@dataclass(slots=True)
class Draft:
    """A submission whose bytes are synced and whose rows are not committed yet. `in_memory`: for attempts of
    ours, unless it lies in the spool alone.
    """

    submission: Submission
    location: Location
    mail: list[tuple[MessageRow, list[DeliveryRow]]]
    owner: UUID | None
    in_memory: Mail | None

    @property
    def deliveries(self) -> int:
        return sum(len(rows) for _, rows in self.mail)

    def claims(self) -> list[Claimed]:
        """Those of its deliveries that are leased to us."""
        s = self.submission
        return [
            c
            for (row, rows), r in zip(self.mail, s.recipients, strict=True)
            for c in _claims(s, row, rows, r)
        ]


class Acceptance:
    """`accept()` a submission: the reply is 250 only once it is durable."""

    def __init__(
        self,
        *,
        database: Database,
        spool: Spool,
        writer: SegmentWriter,
        clock: Clock,
        log_keys: LogKeys,
        first_attempts: FirstAttempts,
    ) -> None:
        self._database = database
        self._spool = spool
        self._writer = writer
        self._clock = clock
        self._log_keys = log_keys
        self._first_attempts = first_attempts
        self._batcher = Batcher(self._accept, largest=200, concurrency=2, patience=PATIENCE)
        self._unknown: set[asyncio.Task[None]] = set()

    async def accept(self, submission: Submission) -> Reply:
        """Shield this from the client: once begun it must end, whether anybody still listens or not."""
        return await self._batcher.submit(submission)

    async def store(self, submission: Submission) -> Draft | Reply:
        """The bytes alone, synced, for a caller who inserts the rows in a transaction of its own.

        Follow with `insert` in that transaction and `accepted` after it, or else with `rejected`.
        """
        place = (await self._stored([submission]))[0]
        return self._drafts([submission], [place])[0] if isinstance(place, Location) else place

    async def drain(self) -> None:
        """Returns when every submission has its answer."""
        await self._batcher.drain()

    async def _accept(self, batch: Sequence[Submission]) -> Sequence[Reply]:
        metrics.ACCEPT_BATCH.observe(len(batch))
        with metrics.BATCH_SYNCED.time():
            stored = await self._stored(batch)
        with metrics.BATCH_COMMITTED.time():
            answers = await self._commit(self._drafts(batch, stored))
        return [
            answers[s.id] if isinstance(place, Location) else place
            for s, place in zip(batch, stored, strict=True)
        ]

    # --- bytes ---

    async def _stored(self, batch: Sequence[Submission]) -> list[Location | Reply]:
        return await asyncio.get_running_loop().run_in_executor(_APPENDING, self._store, batch)

    def _store(self, batch: Sequence[Submission]) -> list[Location | Reply]:
        """One sync for all that fit into memory; a large one has its own file. Runs in a thread."""
        small = [s for s in batch if not isinstance(s.content, LargeEntry)]
        places: dict[UUID, Location | Reply] = {}
        if small:
            entries = [
                Entry(s.id, envelope_of(s), s.content) for s in small if not isinstance(s.content, LargeEntry)
            ]
            try:
                places.update(zip((s.id for s in small), self._writer.append(entries), strict=True))
            except SpoolFault as fault:
                log.error("spool_write_failed", disk_full=fault.disk_full)
                places.update({s.id: _reply_to(fault) for s in small})
        for s in batch:
            if isinstance(s.content, LargeEntry):
                places[s.id] = self._store_large(s, s.content)
        return [places[s.id] for s in batch]

    def _store_large(self, submission: Submission, entry: LargeEntry) -> Location | Reply:
        try:
            return entry.finish(envelope_of(submission))
        except SpoolFault as fault:
            log.error("spool_write_failed", disk_full=fault.disk_full)
            entry.drop()
            return _reply_to(fault)

    # --- rows ---

    def _drafts(self, batch: Sequence[Submission], stored: Sequence[Location | Reply]) -> list[Draft]:
        """One for each that is stored. Where this breaks, by a fault of ours, the sweep takes their bytes."""
        placed = [(s, at) for s, at in zip(batch, stored, strict=True) if isinstance(at, Location)]
        try:
            return [self._draft(s, at) for s, at in placed]
        except Exception:
            for s, at in placed:
                self._keep(s, at)
            raise

    def _draft(self, s: Submission, location: Location) -> Draft:
        deliveries = sum(len(r.destinations) for r in s.recipients)
        owner = self._first_attempts.reserve(s.recipients[0].lane, deliveries, s.size)
        mail = []
        for index, r in enumerate(s.recipients):
            row = MessageRow(
                id=s.id if index == 0 else self._clock.new_id(),
                account_id=r.account_id,
                domain_id=r.domain_id,
                alias_id=r.alias_id,
                recipient=index,
                lane=r.lane,
                node_id=self._spool.node_id,
                location=location,
                shared=len(s.recipients) > 1,
                sender_authenticated=s.sender_authenticated,
                smtputf8=s.smtputf8,
                origin=s.origin,
                accepted_at=s.received_at,
            )
            mail.append((row, [self._delivery(d, owner) for d in r.destinations]))
        return Draft(s, location, mail, owner, _in_memory(s) if owner else None)

    def _delivery(self, destination: DestinationRef, owner: UUID | None) -> DeliveryRow:
        lease = owner and Lease(owner, self._clock.new_id())
        return DeliveryRow(self._clock.new_id(), destination.id, lease or None)

    async def _commit(self, drafts: list[Draft]) -> dict[UUID, Reply]:
        """One transaction for all; where a statement fails, each alone, so that one cannot fail the
        others.
        """
        if not drafts:
            return {}
        try:
            async with self._database.transaction() as tx:
                self._prepare(drafts)
                await self.insert(tx, drafts)
        except UnknownOutcome as unknown:
            self.remember(unknown, drafts)
            return {draft.submission.id: replies.TRY_LATER for draft in drafts}
        except OverQuota as over:
            refused = [draft for draft in drafts if draft.submission.id in over.submissions]
            kept = [draft for draft in drafts if draft.submission.id not in over.submissions]
            return self.rejected(refused, replies.OVER_QUOTA) | await self._commit(kept)
        except (*CONNECTION_LOST, Aborted) as error:
            log.error("accept_failed", error=type(error).__name__)
            return self.rejected(drafts, replies.TRY_LATER)
        except asyncpg.PostgresError as error:
            log.error("accept_failed", error=type(error).__name__, batch=len(drafts))
            if len(drafts) == 1:
                return self.rejected(drafts, replies.TRY_LATER)
            answers: dict[UUID, Reply] = {}
            for draft in drafts:
                answers |= await self._commit([draft])
            return answers
        except Exception:  # a fault of ours, and nobody knows what became of it: the sweep asks the database
            self.leave_to_sweep(drafts)
            raise
        return self.accepted(drafts)

    def _prepare(self, drafts: Sequence[Draft]) -> None:
        """What takes time before the first attempt of one alone, as soon as we wait for the database: among
        many it would only take somebody else's turn.
        """
        if len(drafts) == 1 and drafts[0].deliveries == 1 and (mail := drafts[0].in_memory):
            for claimed in drafts[0].claims():
                asyncio.get_running_loop().call_soon(self._first_attempts.prepare, claimed, mail)

    async def insert(self, tx: Transaction, drafts: Sequence[Draft]) -> None:
        """Rows, received events and ledger of all. Raises `OverQuota` where one does not fit: then nothing of
        this transaction may stay.
        """
        submissions = [draft.submission for draft in drafts]
        usage = quota.usage_of(submissions, self._clock.now().date())
        rows = [
            _accepted(draft.submission, row, deliveries, r)
            for draft in drafts
            for (row, deliveries), r in zip(draft.mail, draft.submission.recipients, strict=True)
        ]
        written = await accepted_rows.write(tx, self._log_keys, rows, usage)
        quota.check(submissions, written.forwarded)
        if written.unleased:
            _leave_to_queue(drafts, written.unleased)
        crash_points.reach("accept-before-commit")

    # --- afterwards ---

    def accepted(self, drafts: Sequence[Draft]) -> dict[UUID, Reply]:
        crash_points.reach("accept-after-commit")
        for draft in drafts:
            self._keep(draft.submission, draft.location)
            if draft.owner:
                self._start(draft)
        return {draft.submission.id: replies.queued(str(draft.submission.id)) for draft in drafts}

    def _start(self, draft: Draft) -> None:
        claimed, size = draft.claims(), draft.submission.size
        self._first_attempts.start(claimed, draft.in_memory, size)
        if left := draft.deliveries - len(claimed):
            self._first_attempts.release(left, size)

    def rejected(self, drafts: Sequence[Draft], reply: Reply) -> dict[UUID, Reply]:
        for draft in drafts:
            self._throw_away(draft)
            if draft.owner:
                self._first_attempts.release(draft.deliveries, draft.submission.size)
        return {draft.submission.id: reply for draft in drafts}

    def leave_to_sweep(self, drafts: Sequence[Draft]) -> None:
        """Their bytes stay and are locked no more: whether anybody needs them is for the database to say."""
        for draft in drafts:
            self._keep(draft.submission, draft.location)
            if draft.owner:
                self._first_attempts.release(draft.deliveries, draft.submission.size)

    def _keep(self, submission: Submission, location: Location) -> None:
        if isinstance(submission.content, LargeEntry):
            submission.content.keep()
        else:
            self._writer.settled([location])

    def _throw_away(self, draft: Draft) -> None:
        content = draft.submission.content
        if isinstance(content, LargeEntry):
            content.drop()
            return
        try:
            self._spool.discard(draft.location)
        except OSError as error:  # the sweep reclaims it with its segment
            log.error("discard_failed", error=type(error).__name__)
        self._writer.settled([draft.location])

    def remember(self, unknown: UnknownOutcome, drafts: Sequence[Draft]) -> None:
        """The sender hears 451 and will come again; what we have stays locked until its fate is known."""
        log.error("commit_outcome_unknown", batch=len(drafts))
        task = asyncio.create_task(self._resolve(unknown, drafts))
        self._unknown.add(task)
        task.add_done_callback(self._unknown.discard)

    async def _resolve(self, unknown: UnknownOutcome, drafts: Sequence[Draft]) -> None:
        if await self._database.outcome_of(unknown.trace):
            self.accepted(drafts)
        else:
            self.rejected(drafts, replies.TRY_LATER)


def _reply_to(fault: SpoolFault) -> Reply:
    return replies.DISK_FULL if fault.disk_full else replies.TRY_LATER


def _accepted(
    s: Submission, row: MessageRow, deliveries: Sequence[DeliveryRow], recipient: Recipient
) -> Accepted:
    message = event_log.LoggedMessage(
        row.id,
        row.account_id,
        row.domain_id,
        s.received_at,
        s.client.ip,
        s.client.name,
        s.subject,
        s.sender,
        recipient.alias_address,
        s.verdicts.in_words() if s.verdicts else "",
    )
    event = event_log.received(message, replies.queued(str(s.id)), s.client.server_ip, s.client.duration)
    level = recipient.log_level
    return Accepted(
        row,
        deliveries,
        log_levels.of_message(level, message),
        log_levels.of_event(level, event, NO_WORDS),
    )


def _in_memory(s: Submission) -> Mail | None:
    return None if isinstance(s.content, LargeEntry) else Mail(b"".join(s.content), s.verdicts)


def _leave_to_queue(drafts: Sequence[Draft], unleased: frozenset[UUID]) -> None:
    """What was deleted since RCPT gets no mail: without a lease, the queue ends it as cancelled."""
    for draft in drafts:
        for _, rows in draft.mail:
            rows[:] = [replace(row, lease=None) if row.id in unleased else row for row in rows]


def _claims(
    s: Submission, row: MessageRow, rows: Sequence[DeliveryRow], recipient: Recipient
) -> list[Claimed]:
    """The rows just inserted, as the first attempt sees them."""
    return [
        Claimed(
            id=delivery.id,
            lease=delivery.lease,
            message_id=row.id,
            account_id=row.account_id,
            alias_id=row.alias_id,
            alias_number=recipient.alias_number,
            alias_address=recipient.alias_address,
            destination_id=destination.id,
            address=destination.address,
            lane=row.lane,
            origin=row.origin,
            attempt=1,
            failures=0,
            accepted_at=row.accepted_at,
            no_domain_since=None,
            delivered_before=destination.delivered_before,
            reverse_path=s.reverse_path,
            sender_authenticated=row.sender_authenticated,
            smtputf8=row.smtputf8,
            location=row.location,
            failing=destination.failing,
            require_tls=recipient.rules.require_tls,
            log_level=recipient.log_level,
            recipient=row.recipient,
            alone=len(rows) == 1,
        )
        for delivery, destination in zip(rows, recipient.destinations, strict=True)
        if delivery.lease
    ]
