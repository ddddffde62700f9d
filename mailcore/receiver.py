"""The receiver: MAIL, RCPT, DATA -> reply.

Asks who the recipient is, lets admission decide, and hands complete messages to acceptance. Must never
answer a fault of ours with 5xx, forward mail to a domain nobody verified, or import delivery.
"""

import asyncio

from mailcore import admission, crash_points, replies, rewriting, routing
from mailcore.admission import Door
from mailcore.authenticity import from_rewrite
from mailcore.clock import Clock
from mailcore.content_scan import ContentScan
from mailcore.database import Database
from mailcore.end_of_data import Body, EndOfData, recipients_of
from mailcore.envelope import ForwardPath, Mailbox, normalise_local_part
from mailcore.intake import Intake, MemoryBudget
from mailcore.keyring import Keyring
from mailcore.plans import LARGEST_MESSAGE, Lane
from mailcore.refusals import RefusalLog, Refused, Whose
from mailcore.replies import Reply
from mailcore.reputation import Reputation
from mailcore.returns import Return, Returns
from mailcore.routing import NotServed, Recipient, Resolved, Routes, SwitchedOff
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer
from mailcore.spool import Spool


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
        refusals: RefusalLog,
        returns: Returns,
        reputation: Reputation,
        end_of_data: EndOfData,
        lane: Lane,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._spool = spool
        self._routes = Routes(database, keyring)
        self._refusals = refusals
        self._returns = returns
        self._reputation = reputation
        self._end_of_data = end_of_data
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
        resolution = await self._routes.resolve(mailbox, self._clock.now())
        if isinstance(resolution, NotServed):
            return await self._not_served(mailbox.domain, resolution)
        door = Door(transaction.parameters.size, recipients_of(transaction))
        if isinstance(resolution, SwitchedOff):
            await routing.want_check(self._database, mailbox.domain)
        refusal = admission.check_recipient(resolution, door)
        if refusal := refusal or await self._reputation.at_rcpt(transaction, mailbox):
            where = resolution.recipient if isinstance(resolution, Resolved) else resolution
            whose = Whose(where.account_id, where.domain_id, mailbox.address, where.log_level)
            self._refusals.note_mail(peer, transaction, whose, Refused(refusal))
            return refusal
        assert isinstance(resolution, Resolved)  # anything else was refused
        return self._admit(transaction, resolution.recipient)

    def content(self, peer: Peer, transaction: MailTransaction) -> Body | Reply:
        standard = any(r.lane is Lane.STANDARD for r in recipients_of(transaction))
        if standard and self._is_full_of_guests():
            return replies.LANE_BUSY  # others were faster since RCPT
        intake = self._intake(peer, transaction)  # first: what fails here must not keep a place
        peer.name_is_wanted = True
        self._standard_transactions += standard
        return Body(intake, self._end_of_data.ask_spf(peer, transaction), standard)

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

    async def data(self, peer: Peer, transaction: MailTransaction, body: Body) -> Reply:
        try:
            return await self._end_of_data.answer(peer, transaction, body)
        finally:
            self._end(body)

    def drop(self, body: Body) -> None:
        """The client left before the dot: nothing of it stays."""
        self._end(body)

    def _end(self, body: Body) -> None:
        body.drop()
        self._standard_transactions -= body.standard

    # --- RCPT ---

    async def _own_address(self, transaction: MailTransaction, mailbox: Mailbox) -> Reply:
        """The service's own domain: the postmaster (RFC 5321 section 4.5.1), SRS addresses, and those that
        stand in the From of mail we had to rewrite.
        """
        if refusal := await self._reputation.at_own_address(transaction):
            return refusal
        if mailbox.local_part.lower() in routing.ROLES:
            door = Door(transaction.parameters.size, recipients_of(transaction))
            if refusal := admission.check_service_role(door):
                return refusal
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
        known = recipients_of(transaction)
        if not any(normalise_local_part(other.alias_address) == key for other in known):
            transaction.recipients.append(recipient)
        crash_points.reach("receiver-after-rcpt")
        return replies.RECIPIENT_OK


def _protocol(peer: Peer, transaction: MailTransaction) -> str:
    """RFC 6531 section 4.3 names the SMTPUTF8 variants."""
    if transaction.parameters.smtputf8:
        return "UTF8SMTPS" if peer.tls else "UTF8SMTP"
    return peer.protocol
