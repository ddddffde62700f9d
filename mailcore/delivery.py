"""One delivery, from lease to settlement: rewrite, send, decide, settle.

The same code for the first attempt in the mx process and for every later one in a worker. Must never
hold a transaction open while it talks to a server, send what it has no lease for, or import the receiver.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog

from mailcore import crash_points, dsn, log_levels, metrics, outcome, queue, retries, rewriting
from mailcore.acceptance import Acceptance, Draft
from mailcore.authenticity.verdicts import Verdicts
from mailcore.batching import Batcher
from mailcore.clock import Clock
from mailcore.contents import Contents, Mail
from mailcore.database import CONNECTION_LOST, Aborted, Database
from mailcore.dressing import Dressing
from mailcore.envelope import Mailbox, parse_mailbox
from mailcore.event_log import LoggedMessage
from mailcore.leases import ProcessLease
from mailcore.log_levels import Words
from mailcore.logs import where
from mailcore.mail_rules import LogLevel, MailRules
from mailcore.outcome import Outcome
from mailcore.plans import Lane, Plan
from mailcore.providers import Providers
from mailcore.queue import Claimed, PutOff
from mailcore.retries import Settlement
from mailcore.returns import Original, ReturnAddresses, notification
from mailcore.routing import Recipient
from mailcore.settings import Settings
from mailcore.settlement import Result, Settler
from mailcore.spool import Spool
from mailcore.spool_record import Damaged, Gone, KeyLost
from mailcore.submission import Client
from mailcore.transport import Parcel, Transport

log = structlog.get_logger("delivery")

_CANCEL_AGAIN = 1.0
_SHORTEST_PUT_OFF = 1.0
_GIVE_BACK_PAUSE = 1.0


@dataclass(slots=True)
class _InFlight:
    """A delivery being attempted. After `past_dot` the server may have the message: it can't be given
    back.
    """

    claimed: Claimed
    task: "asyncio.Task[None]"
    past_dot: bool = False


@dataclass(slots=True)
class Courier:
    """Attempts deliveries that are leased to this process."""

    settings: Settings
    clock: Clock
    database: Database
    spool: Spool
    dressing: Dressing
    transport: Transport
    return_addresses: ReturnAddresses
    acceptance: Acceptance
    settler: Settler
    lease: ProcessLease
    providers: Providers
    contents: Contents
    on_broken: Callable[[], None]
    closing: bool = False
    _in_flight: dict[UUID, _InFlight] = field(default_factory=dict)
    _put_offs: Batcher[PutOff, None] = field(init=False)

    def __post_init__(self) -> None:
        self._put_offs = Batcher(self._put_off_all, concurrency=1)

    @property
    def busy(self) -> int:
        return len(self._in_flight)

    def bytes_held(self) -> int:
        """Content of large messages in flight, each counted once: what they may hold in memory."""
        records = {flight.claimed.location for flight in self._in_flight.values()}
        return sum(record.length for record in records if record.length > self.settings.memory_message)

    def start(self, claimed: Claimed, mail: Mail | None, done: Callable[[], None]) -> None:
        """Attempts in the background; `done` is called when the lease is settled or given up."""
        task = asyncio.create_task(self._carry(claimed, mail))
        self._in_flight[claimed.id] = _InFlight(claimed, task)
        task.add_done_callback(lambda _: self._landed(claimed.id, done))

    def _landed(self, delivery_id: UUID, done: Callable[[], None]) -> None:
        self._in_flight.pop(delivery_id, None)
        done()

    async def stop(self) -> None:
        """Gives back what has not passed the final dot; waits for the rest and for its results.

        Once declared dead it waits for nothing: others hold what we held, and our results are void.
        Not longer than a server may take after the dot: a database that stays away must not keep us for ever.
        """
        self.closing = True
        early = [flight for flight in self._in_flight.values() if self._may_break_off(flight)]
        for flight in early:
            flight.task.cancel()
        try:
            async with asyncio.timeout(self.settings.after_dot_timeout.total_seconds()):
                await self._land({flight.claimed.id for flight in early})
                await self._give_back([flight.claimed for flight in early])  # not as late as the last dot
                await self._land(self._in_flight.keys())
        except TimeoutError:
            log.error("results_not_written", deliveries=len(self._in_flight))

    async def _land(self, wanted: Set[UUID]) -> None:
        """Returns when none of these is in flight any more."""
        while flights := [flight for key, flight in self._in_flight.items() if key in wanted]:
            await asyncio.wait([flight.task for flight in flights], timeout=_CANCEL_AGAIN)
            for flight in flights:
                if self._may_break_off(flight):  # asyncio.wait_for of Python 3.11 can lose a cancellation
                    flight.task.cancel()
        await self._put_offs.drain()
        await self.settler.drain()

    def _may_break_off(self, flight: _InFlight) -> bool:
        return self.lease.is_lost or not flight.past_dot

    # --- one attempt ---

    async def _carry(self, claimed: Claimed, mail: Mail | None) -> None:
        result = await self._attempt(claimed, mail)
        if result is not None:
            flight = self._in_flight.get(claimed.id)
            if flight:
                flight.past_dot = True  # whatever it is now, it is decided
            await self._settle(result)

    async def _settle(self, result: Result) -> None:
        """Where that breaks, the delivery stays leased to us: only once we are gone may others have it."""
        try:
            await self.settler.settle(result)  # who stops waiting leaves it to be written all the same
        except Exception as error:  # noqa: BLE001
            delivery = str(result.settlement.claimed.id)
            log.error("settle_broke", error=type(error).__name__, where=where(error), delivery=delivery)
            self.on_broken()

    async def _attempt(self, claimed: Claimed, mail: Mail | None) -> Result | None:
        """The result to settle; None where the lease is no longer ours to settle."""
        try:
            if ended := retries.unsent(claimed):
                return await self._finish(ended, mail)
            mail = mail or await self._read(claimed)
            if mail is None:
                return None
            claimed = mail.addressed(claimed)
            answer = await self._send(claimed, mail)
            if answer.reason == "aborted":
                await self._give_back([claimed])
                return None
            if answer.reason == "put-off":
                await self._put_off(claimed, answer.provider)
                return None
            return await self._finish(retries.settle(claimed, answer, self.clock.now(), self.settings), mail)
        except Exception as error:  # noqa: BLE001  a fault of ours is a soft bounce, never a lost lease
            log.error(
                "attempt_failed", error=type(error).__name__, where=where(error), delivery=str(claimed.id)
            )
            return Result(retries.postponed(claimed, _our_fault(), self.settings))

    async def _send(self, claimed: Claimed, mail: Mail) -> Outcome:
        dressed = await self.dressing.of(claimed, mail)
        parcel = Parcel(
            reverse_path=await self._reverse_path(claimed, self.dressing.header(mail)),
            forward_path=claimed.address,
            content=dressed.pieces,
            size=dressed.size,
            smtputf8=not claimed.address.isascii()
            or (claimed.smtputf8 and rewriting.needs_smtputf8_headers(dressed.header)),
            eight_bit=dressed.eight_bit,
            require_tls=claimed.require_tls,
        )
        answer = await self.transport.send(parcel, may_commit=lambda: self._may_commit(claimed))
        self.providers.note(claimed.account_id, claimed.message_id, answer)
        crash_points.reach("sender-after-reply")
        flight = self._in_flight.get(claimed.id)
        was_sent = flight is not None and flight.past_dot
        return outcome.ended_in(answer, f"; {dressed.note}") if dressed.note and was_sent else answer

    def _may_commit(self, claimed: Claimed) -> bool:
        """Right before the final dot: never once others may think this process dead, nor while it is
        closing.
        """
        flight = self._in_flight.get(claimed.id)
        if self.closing or flight is None or not self.lease.is_fresh():
            return False
        flight.past_dot = True
        return True

    async def _reverse_path(self, claimed: Claimed, header: bytes) -> str:
        """SRS for a sender; a null reverse-path stays null, so that a bounce can never bounce (RFC
        5321 section 4.5.5).
        """
        sender = parse_mailbox(claimed.reverse_path) if claimed.reverse_path else None
        if sender is None:
            return ""
        original = Original(
            sender=sender,
            may_notify=self._may_notify(claimed, sender, header),
            account_id=claimed.account_id,
            domain_id=None,
            alias_number=claimed.alias_number,
            alias_address=claimed.alias_address,
        )
        return await self.return_addresses.encode(original, self.clock.now())

    def _may_notify(self, claimed: Claimed, sender: Mailbox | None, header: bytes) -> bool:
        return dsn.may_notify(reverse_path=sender, spf_pass=claimed.sender_authenticated, header=header)

    # --- content ---

    async def _read(self, claimed: Claimed) -> Mail | None:
        """The message from the spool; None when the lease was lost, or it is damaged (then it is held)."""
        try:
            return await self._find(claimed)
        except Damaged as damaged:
            await self._hold(claimed, damaged)
            return None

    async def _find(self, claimed: Claimed) -> Mail | None:
        """The message; None when its message has ended. Raises `Damaged`.

        The sweep may have moved the bytes since the claim, and may be wiping where they were.
        """
        location, damaged = claimed.location, Damaged()
        for _ in range(2):
            try:
                return await self.contents.read(location)
            except (Gone, Damaged) as unread:
                async with self.database.transaction() as tx:
                    moved = await queue.locate(tx, claimed.message_id)
                if moved is None:
                    return None
                damaged = unread if isinstance(unread, Damaged) else damaged
                location = moved
        raise damaged

    async def _hold(self, claimed: Claimed, damaged: Damaged) -> None:
        """Nothing is sent and nothing is lost: an operator must look."""
        metrics.DAMAGED.inc()
        kind = "key-lost" if isinstance(damaged, KeyLost) else "damaged"
        log.error("record_damaged", kind=kind, delivery=str(claimed.id), message=str(claimed.message_id))
        async with self.database.transaction() as tx:
            await queue.hold(tx, claimed)

    # --- the end ---

    async def end(self, settlement: Settlement) -> None:
        """Settles a delivery that is leased to us without an attempt: an operator decided about it."""
        await self.settler.settle(await self._finish(settlement, None))

    async def _finish(self, settlement: Settlement, mail: Mail | None) -> Result:
        """A hard bounce brings its DSN along, synced before the settle transaction that may need it."""
        claimed = settlement.claimed
        notifies = settlement.kind == "hard-bounced" and claimed.origin == "smtp"
        if not notifies and (claimed.log_level is LogLevel.FULL or claimed.origin != "smtp"):
            return Result(settlement)
        mail = mail or await self._find_if_readable(claimed)
        if mail is None:
            return Result(settlement)
        settlement = replace(settlement, claimed=mail.addressed(claimed))
        header = self.dressing.header(mail)
        notification = await self._notification(settlement, header) if notifies else None
        words = Words.of(header, settlement.claimed.reverse_path)
        return Result(settlement, notification, words, _failed(settlement, header, mail.verdicts))

    async def _notification(self, settlement: Settlement, header: bytes) -> Draft | None:
        """The DSN about it, where one may go."""
        claimed = settlement.claimed
        sender = parse_mailbox(claimed.reverse_path) if claimed.reverse_path else None
        if sender is None or not self._may_notify(claimed, sender, header):
            return None
        return await self._draft_notification(settlement, sender, header)

    async def _find_if_readable(self, claimed: Claimed) -> Mail | None:
        """None where it can't be read: then nobody knows whom to tell, and no DSN goes. The delivery ends all
        the same.
        """
        try:
            return await self._find(claimed)
        except (Damaged, OSError):
            return None

    async def _draft_notification(
        self, settlement: Settlement, sender: Mailbox, header: bytes
    ) -> Draft | None:
        claimed = settlement.claimed
        alias = Recipient(
            claimed.account_id, _plan_of(claimed.lane), None, claimed.alias_id, 0, claimed.alias_address, (),
            rules=MailRules(log_level=claimed.log_level),
        )  # fmt: skip
        submission = notification(
            self.settings,
            record_id=self.clock.new_id(),
            failure=dsn.Failure(claimed.alias_address, settlement.answer.code, claimed.accepted_at),
            alias=alias,
            to=sender,
            original_header=header,
            client=Client("", "", "", "", timedelta(0)),
            now=self.clock.now(),
        )
        draft = await self.acceptance.store(submission)
        return draft if isinstance(draft, Draft) else None

    async def _put_off(self, claimed: Claimed, provider: str) -> None:
        """The provider has too much or is in trouble: the queue keeps it, no attempt is counted."""
        seconds = max(_SHORTEST_PUT_OFF, self.providers.seconds_paused(provider))
        await self._put_offs.submit(PutOff(claimed, provider, seconds))

    async def _put_off_all(self, waiting: Sequence[PutOff]) -> Sequence[None]:
        async with self.database.transaction() as tx:
            await queue.put_off(tx, waiting)
            for lane in {each.claimed.lane for each in waiting}:
                tx.wake(self.spool.node_id, lane)
        return [None] * len(waiting)

    async def _give_back(self, claimed: Sequence[Claimed]) -> None:
        if not claimed:
            return
        while True:
            try:
                async with self.database.transaction() as tx:
                    await queue.give_back(tx, claimed, count_attempt=False)
                    for c in claimed:
                        tx.wake(self.spool.node_id, c.lane)
                return
            except (*CONNECTION_LOST, Aborted, asyncpg.PostgresError):
                log.warning("lease_not_given_back", deliveries=len(claimed))
            if self.closing:
                return  # the sweepers find out; while we live, nobody else could
            await asyncio.sleep(_GIVE_BACK_PAUSE)


def _plan_of(lane: Lane) -> Plan:
    """A DSN travels in the lane of the message it is about."""
    return Plan.PREMIUM if lane is Lane.FAST else Plan.FREE


def _failed(settlement: Settlement, header: bytes, verdicts: Verdicts | None) -> LoggedMessage | None:
    """The message as its log shows it once an attempt has failed, this one or one before."""
    c = settlement.claimed
    if c.log_level is not LogLevel.FAILURES or (settlement.kind == "delivered" and c.attempt == 1):
        return None
    found = verdicts.in_words() if verdicts else ""
    blank = LoggedMessage(
        c.message_id, c.account_id, None, c.accepted_at, "", "", "", "", c.alias_address, found
    )  # fmt: skip
    return log_levels.failed_message(blank, header)


def _our_fault() -> Outcome:
    return outcome.ours("transient", 451, "4.3.0", "Temporary local problem", "")
