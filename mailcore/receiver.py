"""The receiver: MAIL, RCPT, DATA -> reply.

Asks who the recipient is, lets admission decide, and hands complete messages to acceptance. Must never
answer a fault of ours with 5xx, forward mail to a domain nobody verified, or import delivery.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from mailcore import admission, content_scan, crash_points, metrics, replies, returns, rewriting, routing
from mailcore.acceptance import Acceptance
from mailcore.admission import Door
from mailcore.authenticity import from_rewrite
from mailcore.authenticity.spf import spf
from mailcore.authenticity.verdicts import SpfVerdict
from mailcore.clock import Clock
from mailcore.content_scan import ContentScan
from mailcore.database import Database
from mailcore.envelope import ForwardPath, Mailbox, normalise_local_part
from mailcore.event_log import LoggedMessage
from mailcore.intake import Intake, MemoryBudget
from mailcore.keyring import Keyring
from mailcore.plans import LARGEST_MESSAGE, Lane
from mailcore.refusals import RefusalLog
from mailcore.replies import Reply
from mailcore.reputation import Reputation
from mailcore.returns import Return, Returns
from mailcore.routing import NotServed, Recipient, Resolved, SwitchedOff
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer
from mailcore.spool import Spool
from mailcore.submission import Client, Submission


@dataclass(slots=True)
class _Body:
    """DATA of one transaction on its way in, and the SPF question that runs beside it.

    `standard` is whether it counts against the fast mx's cap.
    """

    intake: Intake
    spf: "asyncio.Task[SpfVerdict]"
    standard: bool

    async def feed(self, chunk: bytes) -> None:
        await self.intake.feed(chunk)


class MailReceiver:
    """One for each mx process; sessions call it for every command that concerns mail."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        database: Database,
        spool: Spool,
        keyring: Keyring,
        acceptance: Acceptance,
        refusals: RefusalLog,
        returns: Returns,
        reputation: Reputation,
        lane: Lane,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._spool = spool
        self._keyring = keyring
        self._loop_keys = keyring.keys("loop")
        self._acceptance = acceptance
        self._refusals = refusals
        self._returns = returns
        self._reputation = reputation
        self._lane = lane
        self._budget = MemoryBudget(settings.data_memory)
        self._standard_transactions = 0
        self._room = False
        self._room_until = 0.0

    async def mail(self, peer: Peer, transaction: MailTransaction) -> Reply:
        if not await self._has_room():
            return replies.DISK_FULL
        self._reputation.begin(peer, transaction)
        return replies.SENDER_OK

    async def _has_room(self) -> bool:
        """Asked of the file system at most once a second."""
        now = self._clock.monotonic()
        if now >= self._room_until:
            free = await asyncio.to_thread(self._spool.free_bytes)
            self._room, self._room_until = free >= self._settings.spool_reserve, now + 1.0
        return self._room

    async def rcpt(self, peer: Peer, transaction: MailTransaction, path: ForwardPath) -> Reply:
        mailbox = path.mailbox
        if len(transaction.recipients) >= self._settings.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        if mailbox.domain in ("", self._settings.service_domain):
            return await self._own_address(transaction, mailbox)
        resolution = await routing.resolve(self._database, self._keyring, mailbox, self._clock.now())
        if isinstance(resolution, NotServed):
            return await self._not_served(mailbox.domain, resolution)
        door = Door(transaction.parameters.size, _recipients(transaction))
        if isinstance(resolution, SwitchedOff):
            await routing.want_check(self._database, mailbox.domain)
        refusal = admission.check_recipient(resolution, door)
        if refusal := refusal or await self._reputation.at_rcpt(transaction, mailbox):
            where = resolution.recipient if isinstance(resolution, Resolved) else resolution
            self._log_refusal(peer, transaction, where.account_id, where.domain_id, mailbox.address, refusal)
            return refusal
        assert isinstance(resolution, Resolved)  # anything else was refused
        return self._admit(transaction, resolution.recipient)

    def content(self, peer: Peer, transaction: MailTransaction) -> _Body | Reply:
        standard = any(r.lane is Lane.STANDARD for r in _recipients(transaction))
        if standard and self._is_full_of_guests():
            return replies.LANE_BUSY  # others were faster since RCPT
        intake = self._intake(peer, transaction)  # first: what fails here must not keep a place
        peer.name_is_wanted = True
        self._standard_transactions += standard
        return _Body(intake, asyncio.create_task(self._spf(peer, transaction)), standard)

    def _intake(self, peer: Peer, transaction: MailTransaction) -> Intake:
        record_id = self._clock.new_id()
        trace = rewriting.received_header(
            helo=peer.helo,
            client_ip=peer.ip,
            client_name=peer.known_name,
            by=self._settings.hostname,
            protocol=_protocol(peer, transaction),
            message_id=str(record_id),
            at=self._clock.now(),
        )
        return Intake(
            record_id=record_id,
            trace=trace,
            limit=LARGEST_MESSAGE,
            memory_limit=self._settings.memory_message,
            budget=self._budget,
            spool=self._spool,
            clock=self._clock,
            scan=ContentScan(),
        )

    async def data(self, peer: Peer, transaction: MailTransaction, body: _Body) -> Reply:
        try:
            return await self._data(peer, transaction, body)
        finally:
            self._end(body)

    def drop(self, body: _Body) -> None:
        """The client left before the dot: nothing of it stays."""
        self._end(body)

    def _end(self, body: _Body) -> None:
        """Whatever was not handed to acceptance is dropped, on every way out."""
        body.spf.cancel()
        body.intake.drop()
        self._standard_transactions -= body.standard

    # --- RCPT ---

    async def _own_address(self, transaction: MailTransaction, mailbox: Mailbox) -> Reply:
        """The service's own domain: the postmaster (RFC 5321 section 4.5.1), SRS addresses, and those that
        stand in the From of mail we had to rewrite.
        """
        if refusal := await self._reputation.at_own_address(transaction):
            return refusal
        if mailbox.local_part.lower() in routing.ROLES:
            return self._add(transaction, routing.service_role(mailbox, self._settings.postmaster))
        if from_rewrite.is_token(mailbox.local_part):
            return replies.REPLY_TO_INSTEAD
        returned = await self._returns.resolve(mailbox.local_part, self._clock.now())
        if isinstance(returned, Reply):
            return returned
        if transaction.recipients:
            return replies.OTHER_CLASS
        transaction.recipients.append(returned)
        return replies.RECIPIENT_OK

    async def _not_served(self, domain: str, resolution: NotServed) -> Reply:
        refusal = admission.refuse_domain(resolution, self._clock.now(), self._settings.domain_claim_window)
        if refusal is replies.DOMAIN_NOT_YET_VERIFIED:
            await routing.want_check(self._database, domain)
        return refusal

    def _admit(self, transaction: MailTransaction, recipient: Recipient) -> Reply:
        """The fast mx keeps its room for the fast lane."""
        if recipient.lane is Lane.STANDARD and self._is_full_of_guests():
            return replies.LANE_BUSY
        return self._add(transaction, recipient)

    def _is_full_of_guests(self) -> bool:
        return self._lane is Lane.FAST and self._standard_transactions >= self._settings.fast_mx_standard_cap

    def _add(self, transaction: MailTransaction, recipient: Recipient) -> Reply:
        """A return address stays alone; the same recipient twice, in whatever letters, is one."""
        if any(isinstance(other, Return) for other in transaction.recipients):
            return replies.OTHER_CLASS
        key = normalise_local_part(recipient.alias_address)
        known = _recipients(transaction)
        if not any(normalise_local_part(other.alias_address) == key for other in known):
            transaction.recipients.append(recipient)
        crash_points.reach("receiver-after-rcpt")
        return replies.RECIPIENT_OK

    # --- DATA ---

    async def _data(self, peer: Peer, transaction: MailTransaction, body: _Body) -> Reply:
        intake = body.intake
        refusal = await intake.finish()
        if returned := _returned(transaction):
            return await self._read_return(peer, transaction, intake, returned, refusal)
        recipients = _recipients(transaction)
        refusal = refusal or await self._check_content(intake, recipients)
        refusal = refusal or await self._check_spam(peer, transaction, intake, recipients)
        if refusal is None:
            submission = await self._submission(peer, transaction, body, recipients)
            failing = {r.domain_id for r in recipients if r.domain_id and r.domain_failing}
            if failing and submission.sender_authenticated:
                await routing.note_mail(self._database, failing)
            try:
                reply = await self._acceptance.accept(submission)
            except Exception:
                intake.abandon()
                raise
            finally:  # cancelled or not, it is acceptance's now
                intake.release()
            if not reply.is_refusal:
                metrics.RECEIVED.labels(recipients[0].lane).inc()
                return reply
            refusal = reply
        for r in recipients:
            self._log_refusal(
                peer, transaction, r.account_id, r.domain_id, r.alias_address, refusal, intake.scan
            )
        return refusal

    async def _check_content(self, intake: Intake, recipients: Sequence[Recipient]) -> Reply | None:
        if refusal := admission.check_size(intake.size, recipients) or self._check_loop(intake, recipients):
            return refusal
        counted = await intake.count_attachments(stop_above=admission.attachment_limit(recipients))
        return admission.check_attachments(counted, recipients)

    async def _check_spam(
        self, peer: Peer, transaction: MailTransaction, intake: Intake, recipients: Sequence[Recipient]
    ) -> Reply | None:
        """Where nobody wants the filter's opinion, it is not shown the message."""
        if admission.spam_threshold(recipients) is None:
            return None
        return admission.check_spam(await self._reputation.score(peer, transaction, intake), recipients)

    def _check_loop(self, intake: Intake, recipients: Sequence[Recipient]) -> Reply | None:
        if not rewriting.may_have_loop_mark(intake.scan.header):
            return None
        for recipient in recipients:
            if recipient.alias_id:
                alias = recipient.alias_id
                marks = sum(
                    rewriting.count_loop_marks(intake.scan.header, key, alias) for key in self._loop_keys
                )
                if refusal := admission.check_loop(marks):
                    return refusal
        return None

    async def _submission(
        self, peer: Peer, transaction: MailTransaction, body: _Body, recipients: tuple[Recipient, ...]
    ) -> Submission:
        verdict = await body.spf
        header = body.intake.scan.header
        return Submission(
            id=body.intake.record_id,
            origin="smtp",
            reverse_path=transaction.reverse_path.wire,
            sender_authenticated=verdict.passed,
            smtputf8=transaction.parameters.smtputf8,
            recipients=recipients,
            client=await self._client(peer, transaction),
            subject=content_scan.subject(header),
            sender=content_scan.from_field(header),
            received_at=self._clock.now(),
            content=body.intake.content,
            size=body.intake.size,
        )

    async def _spf(self, peer: Peer, transaction: MailTransaction) -> SpfVerdict:
        if transaction.reverse_path.mailbox is None:
            return SpfVerdict("none", "")
        return await spf(
            client_ip=peer.ip,
            helo=peer.helo,
            reverse_path=transaction.reverse_path.mailbox,
            nameservers=self._settings.dns_servers,
            timeout=self._settings.verdict_timeout.total_seconds(),
        )

    async def _client(self, peer: Peer, transaction: MailTransaction) -> Client:
        name = await peer.reverse_name()
        duration = timedelta(seconds=self._clock.monotonic() - transaction.began)
        return Client(peer.ip, name, peer.helo, peer.local_ip, duration)

    async def _read_return(
        self,
        peer: Peer,
        transaction: MailTransaction,
        intake: Intake,
        returned: Return,
        refusal: Reply | None,
    ) -> Reply:
        """Mail to an SRS address names the destination: its status is read, the rest goes nowhere."""
        if refusal:
            return refusal
        content = await intake.beginning(returns.READ_LIMIT)
        client = await self._client(peer, transaction)
        return await self._returns.accept(returned, intake.record_id, content, client, self._clock.now())

    def _log_refusal(
        self,
        peer: Peer,
        transaction: MailTransaction,
        account_id: UUID,
        domain_id: UUID | None,
        alias: str,
        reply: Reply,
        scan: ContentScan | None = None,
    ) -> None:
        """What the domain's owner sees of mail that was not accepted. Before DATA there is no subject
        and no From.
        """
        if domain_id is None:
            return
        peer.name_is_wanted = True
        message = LoggedMessage(
            id=self._clock.new_id(),
            account_id=account_id,
            domain_id=domain_id,
            received_at=self._clock.now(),
            client_ip=peer.ip,
            client_name="",
            subject=content_scan.subject(scan.header) if scan else "",
            sender=content_scan.from_field(scan.header) if scan else transaction.reverse_path.wire,
            alias=alias,
        )
        self._refusals.note(message, reply, peer.local_ip, peer.reverse_name)


def _recipients(transaction: MailTransaction) -> tuple[Recipient, ...]:
    return tuple(r for r in transaction.recipients if isinstance(r, Recipient))


def _returned(transaction: MailTransaction) -> Return | None:
    first = transaction.recipients[0]
    return first if isinstance(first, Return) else None


def _protocol(peer: Peer, transaction: MailTransaction) -> str:
    """RFC 6531 section 4.3 names the SMTPUTF8 variants."""
    if transaction.parameters.smtputf8:
        return "UTF8SMTPS" if peer.tls else "UTF8SMTP"
    return peer.protocol
