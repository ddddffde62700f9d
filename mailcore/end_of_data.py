"""What follows the final dot: content checked, verdicts reached, policy applied, then acceptance -> reply.

Must never answer a fault of ours with 5xx, refuse mail to the service's own postmaster for what it is thought
to be, or keep content that it has refused.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from mailcore import admission, attachments, content_scan, metrics, returns, rewriting, routing
from mailcore.acceptance import Acceptance
from mailcore.authenticity import arrival, policy
from mailcore.authenticity.arrival import Arrivals, SpfQuestion
from mailcore.authenticity.policy import Signals
from mailcore.authenticity.verdicts import Verdicts
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.intake import Intake
from mailcore.keyring import Keyring
from mailcore.mail_rules import MailRules
from mailcore.refusals import RefusalLog, Refused, Whose
from mailcore.replies import Reply
from mailcore.reputation import Reputation
from mailcore.resolver import Resolver
from mailcore.returns import Return, Returns
from mailcore.routing import Recipient
from mailcore.settings import Settings
from mailcore.smtp_dialogue import MailTransaction, Peer
from mailcore.submission import Client, Submission
from mailcore.values import value

A = TypeVar("A")
B = TypeVar("B")

_EMPTY_LINE = 2  # octets between header and body


@dataclass(slots=True)
class Body:
    """DATA of one transaction on its way in, and the SPF question that runs beside it.

    `standard` is whether it counts against the fast mx's cap.
    """

    intake: Intake
    spf: SpfQuestion | None
    standard: bool

    async def feed(self, chunk: bytes) -> None:
        await self.intake.feed(chunk)

    def drop(self) -> None:
        """Whatever was not handed to acceptance is dropped, on every way out."""
        if self.spf:
            self.spf.drop()
        self.intake.drop()


@value
class _Mail:
    """A complete message of one transaction, and for whom."""

    peer: Peer
    transaction: MailTransaction
    body: Body
    recipients: tuple[Recipient, ...]

    @property
    def header(self) -> bytes:
        return self.body.intake.scan.header

    @property
    def is_for_service(self) -> bool:
        """The service's own postmaster stands in no transaction with customers."""
        return admission.is_of_service(self.recipients[0])

    @property
    def rules(self) -> MailRules:
        """Of all of them as far as it matters here: they are of one class."""
        return self.recipients[0].rules


class EndOfData:
    """One for each mx process; the receiver calls it once for each message."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        database: Database,
        keyring: Keyring,
        resolver: Resolver,
        acceptance: Acceptance,
        refusals: RefusalLog,
        returns: Returns,
        reputation: Reputation,
    ) -> None:
        self._clock = clock
        self._database = database
        self._loop_keys = keyring.keys("loop")
        self._resolver = resolver
        self._acceptance = acceptance
        self._refusals = refusals
        self._returns = returns
        self._reputation = reputation
        self._trusted_sealers = settings.trusted_sealers
        self._wants_verdicts = settings.verdicts
        self._arrivals = Arrivals(settings=settings, clock=clock, resolver=resolver)

    def ask_spf(self, peer: Peer, transaction: MailTransaction) -> SpfQuestion | None:
        """At DATA already, so that it costs no time after the dot. Of what comes to a return address nobody
        reads the answer.
        """
        if _returned(transaction) or not self._wants_verdicts:
            return None
        return self._arrivals.ask_spf(
            client_ip=peer.ip, helo=peer.helo, reverse_path=transaction.reverse_path.mailbox
        )

    async def answer(self, peer: Peer, transaction: MailTransaction, body: Body) -> Reply:
        refusal = await body.intake.finish()
        if returned := _returned(transaction):
            return refusal or await self._read_return(peer, transaction, body.intake, returned)
        mail = _Mail(peer, transaction, body, recipients_of(transaction))
        refused = Refused(refusal) if refusal else await self._take(mail)
        if isinstance(refused, Reply):
            return refused
        for r in mail.recipients:
            whose = Whose(r.account_id, r.domain_id, r.alias_address, r.log_level)
            self._refusals.note_mail(peer, transaction, whose, refused, mail.header)
        return refused.reply

    async def _take(self, mail: _Mail) -> Reply | Refused:
        """The reply that takes it, or what refuses it."""
        if refusal := await self._check_content(mail):
            return Refused(refusal)
        verdicts = await self._verdicts(mail) if self._wants_verdicts else None
        if verdicts and (refused := await self._judge(mail, verdicts)):
            return refused
        reply = await self._accept(mail, verdicts)
        return Refused(reply) if reply.is_refusal else reply

    # --- content ---

    async def _check_content(self, mail: _Mail) -> Reply | None:
        intake, recipients = mail.body.intake, mail.recipients
        if refusal := admission.check_size(intake.size, recipients) or self._check_loop(mail):
            return refusal
        limit = admission.attachment_limit(recipients)
        if intake.size <= limit and attachments.is_one_leaf(mail.header):
            return None
        return admission.check_attachments(await intake.count_attachments(stop_above=limit), recipients)

    def _check_loop(self, mail: _Mail) -> Reply | None:
        if not rewriting.may_have_loop_mark(mail.header):
            return None
        for alias in (recipient.alias_id for recipient in mail.recipients):
            if alias:
                marks = sum(rewriting.count_loop_marks(mail.header, key, alias) for key in self._loop_keys)
                if refusal := admission.check_loop(marks):
                    return refusal
        return None

    # --- who sent it, and what it is ---

    async def _verdicts(self, mail: _Mail) -> Verdicts:
        intake = mail.body.intake
        start = len(mail.header) + _EMPTY_LINE
        message = arrival.Message(mail.header, intake.size, lambda given_up: intake.body(start, given_up))
        assert mail.body.spf is not None  # it is for recipients
        checking = self._arrivals.check(message, mail.body.spf)
        if not self._asks_filter(mail):
            return await checking
        verdicts, score = await both(checking, self._score(mail))
        return verdicts.with_spam(score)

    def _asks_filter(self, mail: _Mail) -> bool:
        """Where nobody wants the filter's opinion, it is not shown the message."""
        return self._reputation.has_filter and mail.rules.spam_threshold is not None

    async def _score(self, mail: _Mail) -> float | None:
        return await self._reputation.score(mail.peer, mail.transaction, mail.body.intake)

    async def _judge(self, mail: _Mail, verdicts: Verdicts) -> Refused | None:
        if mail.is_for_service:
            return None
        rules, sealers = mail.rules, self._trusted_sealers
        wanted = policy.depends_on_signals(verdicts, rules, sealers)
        signals = await self._signals(mail) if wanted else Signals()
        judged = policy.judge(verdicts, rules, signals, sealers)
        return Refused(judged.reply, judged.why, verdicts.in_words()) if judged.reply else None

    async def _signals(self, mail: _Mail) -> Signals:
        """All else that is known of the client and its message."""
        leads_back = await self._resolver.leads_back(mail.peer.ip)
        listed = await self._reputation.is_listed(mail.transaction)
        return Signals(reverse_name=leads_back is not False, blocklisted=listed)

    # --- ours from here on ---

    async def _accept(self, mail: _Mail, verdicts: Verdicts | None) -> Reply:
        intake, recipients = mail.body.intake, mail.recipients
        submission = await self._submission(mail, verdicts)
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
            metrics.received(recipients[0].lane).inc()
        return reply

    async def _submission(self, mail: _Mail, verdicts: Verdicts | None) -> Submission:
        intake, reverse_path = mail.body.intake, mail.transaction.reverse_path
        domain = reverse_path.mailbox.domain if reverse_path.mailbox else ""
        return Submission(
            id=intake.record_id,
            origin="smtp",
            reverse_path=reverse_path.wire,
            sender_authenticated=verdicts is not None and policy.is_from(verdicts, domain),
            smtputf8=mail.transaction.parameters.smtputf8,
            recipients=mail.recipients,
            client=await self._client(mail.peer, mail.transaction),
            subject=content_scan.subject(mail.header),
            sender=content_scan.from_field(mail.header),
            received_at=self._clock.now(),
            content=intake.content,
            size=intake.size,
            verdicts=verdicts,
        )

    async def _client(self, peer: Peer, transaction: MailTransaction) -> Client:
        name = await peer.reverse_name()
        duration = timedelta(seconds=self._clock.monotonic() - transaction.began)
        return Client(peer.ip, name, peer.helo, peer.local_ip, duration)

    async def _read_return(
        self, peer: Peer, transaction: MailTransaction, intake: Intake, returned: Return
    ) -> Reply:
        """Mail to an SRS address names the destination: its status is read, the rest goes nowhere."""
        content = await intake.beginning(returns.READ_LIMIT)
        client = await self._client(peer, transaction)
        return await self._returns.accept(returned, intake.record_id, content, client, self._clock.now())


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both results. Where one breaks, the other has ended when its error is raised: what they read is dropped
    then.
    """
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as broken:
        raise broken.exceptions[0] from None
    return first.result(), second.result()


def recipients_of(transaction: MailTransaction) -> tuple[Recipient, ...]:
    return tuple(r for r in transaction.recipients if isinstance(r, Recipient))


def _returned(transaction: MailTransaction) -> Return | None:
    first: Sequence[object] = transaction.recipients[:1]
    return first[0] if first and isinstance(first[0], Return) else None
