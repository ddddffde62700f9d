"""Resolves a forward-path: who it belongs to, and where its mail goes.

`Routes.resolve` runs once for every RCPT and asks the database each time: a stale answer bounces mail. Must
never hand out a destination to anybody but the path of its message.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mailcore import suppression
from mailcore.alias_lookup import CATCH_ALL, AliasLookup, Question
from mailcore.database import Database, Transaction
from mailcore.envelope import Mailbox, normalise_local_part, split_tag
from mailcore.keyring import Keyring
from mailcore.mail_rules import LogLevel, MailRules
from mailcore.plans import Lane, Plan, limits_for
from mailcore.values import value

# RFC 5321 section 4.5.1 and RFC 2142: these work at every domain we serve.
ROLES = frozenset({"postmaster", "abuse"})


@value
class DestinationRef:
    """Where a copy goes: a destination of the customer (`id`), or an address of our own mail (no `id`)."""

    id: UUID | None
    address: str
    delivered_before: bool = True
    failing: bool = False  # the last mail to it was refused for good


@value
class Recipient:
    """An admitted recipient: the alias as it was written to, and where its mail goes.

    `alias_number` stands for the alias in SRS addresses; 0 where the address as written must be kept
    (a catch-all, a role address). `domain_failing`: the domain's records are wrong, so mail that comes
    nevertheless is worth noting.
    """

    account_id: UUID
    plan: Plan
    domain_id: UUID | None
    alias_id: UUID | None
    alias_number: int
    alias_address: str
    destinations: tuple[DestinationRef, ...]
    domain_failing: bool = False
    rules: MailRules = field(default_factory=MailRules)

    @property
    def lane(self) -> Lane:
        return limits_for(self.plan).lane

    @property
    def log_level(self) -> LogLevel:
        return self.rules.log_level


@value
class Resolved:
    """A recipient of ours. `enabled` is false when its owner switched it off; `paused`: since a downgrade
    the plan has no room for it.

    Without destinations it forwards nowhere; `expected` says that one may be confirmed any hour.
    """

    recipient: Recipient
    enabled: bool
    forwarded_today: int
    expected: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class NoSuchAlias:
    """The domain is served here, the address does not exist."""

    account_id: UUID
    domain_id: UUID
    log_level: LogLevel = LogLevel.FULL


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Verified once, and switched off since its records have led elsewhere for days."""

    account_id: UUID
    domain_id: UUID
    log_level: LogLevel = LogLevel.FULL


@dataclass(frozen=True, slots=True)
class DomainPaused:
    """Verified, and beyond what its account's plan has room for since a downgrade."""

    account_id: UUID
    domain_id: UUID
    log_level: LogLevel = LogLevel.FULL


@dataclass(frozen=True, slots=True)
class Suspended:
    """We have suspended its account, so long ago."""

    account_id: UUID
    domain_id: UUID
    age: timedelta
    log_level: LogLevel = LogLevel.FULL


@dataclass(frozen=True, slots=True)
class NotServed:
    """Nobody has verified this domain; `claimed_at` is the newest claim, if any."""

    claimed_at: datetime | None


Resolution = Resolved | NoSuchAlias | SwitchedOff | DomainPaused | Suspended | NotServed

# A new inbox is confirmed within hours; mail for an alias that has no other waits at its sender's until then.
CONFIRMATION_WINDOW = timedelta(hours=72)

# Those who decide about its aliases; whoever only looks on gets no mail of others.
_OWNERS = """
select p.email from membership m join person p on p.id = m.person_id
where m.account_id = $1 and m.role in ('owner', 'admin') order by m.role = 'owner' desc, m.created_at
"""


class Routes:
    """Of one process: those who ask in one moment share a query."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._aliases = AliasLookup(database)

    async def resolve(self, mailbox: Mailbox, now: datetime) -> Resolution:
        """Exact alias, then the alias before the plus tag, then the role addresses, then the catch-all."""
        local_part = normalise_local_part(mailbox.local_part)
        untagged, tag = split_tag(local_part)
        rows = await self._aliases.rows(Question(mailbox.domain, local_part, untagged, now.date()))
        if not rows:
            return await self._unserved(mailbox.domain)
        first = rows[0]
        if refused := _of_domain(first, now):
            return refused
        if first["domain_paused_at"]:
            return await self._of_paused(mailbox, first)
        by_name = {row["local_part"]: row for row in rows}
        found = by_name.get(local_part) or (
            by_name.get(untagged) if tag and first["plus_addressing"] else None
        )
        absent = found is None or found["paused_at"] is not None  # nobody's downgrade silences a postmaster
        if absent and local_part in ROLES and (owner := await self._owner(first)):
            return _role(first, mailbox, owner)
        found = found or by_name.get(CATCH_ALL)
        if found is None:
            return NoSuchAlias(first["account_id"], first["domain_id"], LogLevel(first["log_level"]))
        return _resolved(found, mailbox, now)

    async def _of_paused(self, mailbox: Mailbox, row: Any) -> Resolved | DomainPaused:
        """We still serve the domain, so its postmaster is there (RFC 5321 section 4.5.1)."""
        is_role = normalise_local_part(mailbox.local_part) in ROLES
        if is_role and (owner := await self._owner(row)):
            return _role(row, mailbox, owner)
        return DomainPaused(row["account_id"], row["domain_id"], LogLevel(row["log_level"]))

    async def _owner(self, row: Any) -> str | None:
        """Of the account; the one who has owned it longest and wants mail from us, else an admin."""
        for owner in await self._database.fetch(_OWNERS, row["account_id"]):
            if not await suppression.holds(self._database, self._keyring, owner["email"]):
                return str(owner["email"])
        return None

    async def _unserved(self, domain: str) -> NotServed:
        newest = "select max(created_at) from domain where name = $1"
        return NotServed(await self._database.value(newest, domain))


def _of_domain(row: Any, now: datetime) -> Suspended | SwitchedOff | None:
    """What all its addresses are told, if anything."""
    level = LogLevel(row["log_level"])
    if row["suspended_at"]:
        return Suspended(row["account_id"], row["domain_id"], now - row["suspended_at"], level)
    if row["off_at"]:
        return SwitchedOff(row["account_id"], row["domain_id"], level)
    return None


async def want_check(database: Database, domain: str) -> None:
    """Mail came for a claim that is not verified, or a domain that is off: its DNS is looked at at once."""
    async with database.transaction() as tx:
        await tx.execute(
            "update domain set next_check_at = now() where name = $1 and next_check_at > now() "
            "and (verified_at is null or off_at is not null) "
            "and (checked_at is null or checked_at < now() - interval '10 seconds')",
            domain,
        )


async def note_mail(database: Database, domain_ids: Collection[UUID]) -> None:
    """Authenticated mail still comes for domains whose records are wrong: they must not be switched off."""
    async with database.transaction() as tx:
        await tx.execute(
            "update domain set mail_seen_at = now() where id = any($1::uuid[]) and failing_since is not null "
            "and (mail_seen_at is null or mail_seen_at < now() - interval '1 hour')",
            sorted(domain_ids),
        )


def _resolved(row: Any, mailbox: Mailbox, now: datetime) -> Resolved:
    """Only confirmed destinations get mail: but for the grace of a downgrade, as many as the plan allows, the
    oldest. One that is confirmed later than that adds nothing.
    """
    most = limits_for(Plan(row["plan"])).destinations_per_alias if row["is_cut"] else None
    destinations = tuple(DestinationRef(*rest) for confirmed, _, *rest in row["destinations"] if confirmed)
    asked = [
        max(created, row["created_at"]) for confirmed, created, *_ in row["destinations"] if not confirmed
    ]
    number = 0 if row["local_part"] == CATCH_ALL else row["number"]
    recipient = Recipient(
        row["account_id"],
        Plan(row["plan"]),
        row["domain_id"],
        row["alias_id"],
        number,
        mailbox.address,
        destinations[:most],
        row["domain_failing"],
        _rules(row, mailbox),
    )
    expected = any(now - since < CONFIRMATION_WINDOW for since in asked)
    paused = row["paused_at"] is not None
    return Resolved(recipient, row["enabled"], row["forwarded_today"], expected, paused)


def _rules(row: Any, mailbox: Mailbox) -> MailRules:
    """A report of spam holds the spam: those who take such reports take them whatever they hold."""
    threshold = None if normalise_local_part(mailbox.local_part) in ROLES else row["spam_threshold"]
    return MailRules(row["strict_dmarc"], row["require_tls"], threshold, LogLevel(row["log_level"]))


def _role(row: Any, mailbox: Mailbox, owner: str) -> Resolved:
    recipient = Recipient(
        row["account_id"],
        Plan(row["plan"]),
        row["domain_id"],
        None,
        0,
        mailbox.address,
        (DestinationRef(None, owner),),
        row["domain_failing"],
        _rules(row, mailbox),
    )
    return Resolved(recipient, True, row["forwarded_today"])


# Part of accepted_rows.py: whether nothing of what a parcel `p` goes through was deleted, or stopped, since
# RCPT. Scalar questions, each by its key: no plan can turn them into a look at a whole table.
IS_THERE = """
    (p.domain_id is null or coalesce((select true from domain w where w.id = p.domain_id), false))
    and (p.alias_id is null or coalesce((select true from alias a where a.id = p.alias_id), false))
    and (p.destination_id is null or coalesce((select t.stopped_at is null from destination t
        where t.id = p.destination_id), false))
""".strip()


async def log_levels_of(tx: Transaction, domain_ids: Collection[UUID]) -> dict[UUID, LogLevel]:
    """Of those that are still there."""
    rows = await tx.fetch("select id, log_level from domain where id = any($1::uuid[])", list(domain_ids))
    return {row["id"]: LogLevel(row["log_level"]) for row in rows}


async def log_level_at(database: Database, account_id: UUID, address: str) -> LogLevel:
    """Of the account's domain that an alias is of; the one that names nobody where that is gone."""
    query = "select log_level from domain where account_id = $1 and name = $2"
    found = await database.value(query, account_id, address.rpartition("@")[2])
    return LogLevel(found) if found else LogLevel.NO_SENDER


# Mail to the service itself belongs to no customer.
SERVICE_ACCOUNT = UUID(int=0)


def service_role(mailbox: Mailbox, postmaster: str) -> Recipient:
    return Recipient(
        SERVICE_ACCOUNT, Plan.PREMIUM, None, None, 0, mailbox.address, (DestinationRef(None, postmaster),)
    )


def total_destinations(recipients: Sequence[Recipient]) -> int:
    return sum(len(recipient.destinations) for recipient in recipients)
