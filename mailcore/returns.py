"""Return addresses: made for forwarded mail, and read when something comes back to one.

What comes back names the destination, so it is never passed on: its status is read, bounded, and a
notification of our own goes to the sender, about the alias. Must never notify a sender who was not
authenticated when we forwarded, nor take an address that we did not sign.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore import dsn, replies, return_tokens, routing, undelivered_counts
from mailcore.acceptance import Acceptance
from mailcore.database import Database
from mailcore.envelope import Mailbox, parse_mailbox
from mailcore.log_keys import LogKeys
from mailcore.mail_rules import MailRules
from mailcore.plans import Plan
from mailcore.replies import Reply
from mailcore.return_tokens import Remembered
from mailcore.routing import DestinationRef, Recipient
from mailcore.settings import Settings
from mailcore.srs import Srs, SrsFault
from mailcore.status_words import plain_words
from mailcore.submission import Client, Submission
from mailcore.values import value

READ_LIMIT = 1_000_000
VALID_FOR = timedelta(days=10)
# A return address is valid for days, and whoever saw one may use it: after so many notifications of a day
# and process its sender is told no more, and the owner's notice counts on.
_TOLD_A_DAY = 5
_REMEMBERED = 50_000
_DAY = timedelta(days=1)
_EPOCH_DAY = 86400
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_NOTIFY, _QUIET = "N", "Q"


@dataclass(frozen=True, slots=True)
class Return:
    """What a valid return address stands for: the original sender, and the alias they wrote to."""

    sender: Mailbox
    may_notify: bool
    alias: Recipient


@value
class Original:
    """A message being forwarded, as its return address must remember it."""

    sender: Mailbox
    may_notify: bool
    account_id: UUID
    domain_id: UUID | None
    alias_number: int
    alias_address: str


class ReturnAddresses:
    """Makes reverse-paths for what we forward (SRS), storing a row only where the address cannot carry
    all.
    """

    def __init__(self, srs: Srs, database: Database) -> None:
        self._srs = srs
        self._database = database

    async def encode(self, original: Original, now: datetime) -> str:
        reference = _reference(original)
        if original.alias_number and (encoded := self._srs.encode(original.sender, _day(now), reference)):
            return encoded.address
        return f"{await self._opaque(original, now)}@{self._srs.domain}"

    async def _opaque(self, original: Original, now: datetime) -> str:
        token = self._srs.token(
            original.sender, _day(now), f"{_reference(original)} {original.alias_address}"
        )
        about = Remembered(
            original.sender.address, original.alias_address, original.account_id, original.domain_id,
            original.may_notify,
        )  # fmt: skip
        async with self._database.transaction() as tx:
            await return_tokens.put(tx, token, about, now + VALID_FOR + _DAY)
        return token


class Returns:
    """The receiving side of return addresses."""

    def __init__(
        self,
        *,
        srs: Srs,
        database: Database,
        acceptance: Acceptance,
        settings: Settings,
        log_keys: LogKeys,
    ) -> None:
        self._srs = srs
        self._database = database
        self._acceptance = acceptance
        self._settings = settings
        self._log_keys = log_keys
        self._told: dict[tuple[int, str, str], int] = {}

    async def resolve(self, local_part: str, now: datetime) -> Return | Reply:
        """Whose failure would come to this address; 550 where it is forged, expired or unknown."""
        if self._srs.token_is_ours(local_part, _day(now)) is True:
            return await self._by_token(local_part.lower(), now)
        sender = self._srs.decode(local_part, _day(now))
        if isinstance(sender, SrsFault):
            return replies.BAD_SRS
        reference = self._srs.reference_of(local_part)
        row = await self._database.row(
            "select a.id as alias_id, a.account_id, a.domain_id, a.local_part || '@' || d.name as "
            "alias_address, c.plan "
            "from alias a join domain d on d.id = a.domain_id join account c on c.id = a.account_id "
            "where a.number = $1",
            _number(reference[1:]),
        )
        return Return(sender, reference[:1] == _NOTIFY, _alias(row)) if row else replies.BAD_SRS

    async def _by_token(self, token: str, now: datetime) -> Return | Reply:
        found = await return_tokens.find(self._database, token, now)
        sender = found and parse_mailbox(found.sender)
        if not (found and sender):
            return replies.BAD_SRS
        alias = Recipient(found.account_id, found.plan, found.domain_id, None, 0, found.alias_address, ())
        return Return(sender, found.may_notify, alias)

    async def accept(
        self, returned: Return, record_id: UUID, content: bytes, client: Client, now: datetime
    ) -> Reply:
        """250 once the sender's own notification is durable, or the owner's notice counts it."""
        status = dsn.read_status(content)
        if status is None:
            return replies.NOT_A_NOTIFICATION
        if status.action != "failed":
            return replies.queued(str(record_id))
        if returned.may_notify and self._may_tell(returned, now):
            alias = returned.alias
            level = await routing.log_level_at(self._database, alias.account_id, alias.alias_address)
            known = replace(returned, alias=replace(alias, rules=MailRules(log_level=level)))
            return await self._acceptance.accept(
                self._notification(known, record_id, status.status, client, now)
            )
        async with self._database.transaction() as tx:
            await undelivered_counts.count(
                tx,
                self._log_keys,
                returned.alias.account_id,
                returned.alias.alias_address,
                status.status,
                now,
            )
        return replies.queued(str(record_id))

    def _may_tell(self, returned: Return, now: datetime) -> bool:
        key = (_day(now), returned.sender.address, returned.alias.alias_address)
        if len(self._told) >= _REMEMBERED and key not in self._told:
            self._told.clear()
        self._told[key] = self._told.get(key, 0) + 1
        return self._told[key] <= _TOLD_A_DAY

    def _notification(
        self, returned: Return, record_id: UUID, status: str, client: Client, now: datetime
    ) -> Submission:
        failure = dsn.Failure(returned.alias.alias_address, status, now)
        return notification(
            self._settings,
            record_id=record_id,
            failure=failure,
            alias=returned.alias,
            to=returned.sender,
            original_header=b"",
            client=client,
            now=now,
        )


def notification(
    settings: Settings,
    *,
    record_id: UUID,
    failure: dsn.Failure,
    alias: Recipient,
    to: Mailbox,
    original_header: bytes,
    client: Client,
    now: datetime,
) -> Submission:
    """A DSN about an alias, as a message of our own to be accepted like any other."""
    content = dsn.compose(
        dsn_id=record_id,
        reporting_mta=settings.hostname,
        from_domain=settings.service_domain,
        to=to.address,
        failure=failure,
        original_header=original_header,
        at=now,
        plain_reason=plain_words(failure.status),
    )
    return own_mail(
        settings, record_id, "dsn", alias, to.address, "Delivery status notification", content, client, now
    )


def own_mail(
    settings: Settings,
    record_id: UUID,
    origin: str,
    alias: Recipient,
    to: str,
    subject: str,
    content: bytes,
    client: Client,
    now: datetime,
) -> Submission:
    """Mail of the service itself: null reverse-path, so that it can never cause another one."""
    recipient = Recipient(
        alias.account_id,
        alias.plan,
        alias.domain_id,
        None,
        0,
        alias.alias_address,
        (DestinationRef(None, to),),
        rules=alias.rules,
    )
    return Submission(
        id=record_id,
        origin=origin,
        reverse_path="",
        sender_authenticated=False,
        smtputf8=not to.isascii(),
        recipients=(recipient,),
        client=client,
        subject=subject,
        sender=f"mailer-daemon@{settings.service_domain}",
        received_at=now,
        content=[content],
        size=len(content),
    )


def _alias(row: Any) -> Recipient:
    return Recipient(
        row["account_id"], Plan(row["plan"]), row["domain_id"], row["alias_id"], 0, row["alias_address"], ()
    )


def _reference(original: Original) -> str:
    return (_NOTIFY if original.may_notify else _QUIET) + _base32(original.alias_number)


def _base32(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits


def _number(digits: str) -> int:
    number = 0
    for digit in digits[:12]:
        number = number * 32 + _DIGITS.index(digit)
    return number


def _day(now: datetime) -> int:
    return int(now.timestamp()) // _EPOCH_DAY
