"""Destinations as aliases name them, by id or address: many looked up at once, new ones made at the end.

Must never make one that nobody chose, one that has no room, one that leads back to us, or one whose reader
asked to be left alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import String, any_, insert, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, domains
from mailcore import suppression
from mailcore.clock import Clock
from mailcore.envelope import Mailbox, parse_mailbox
from mailcore.errors import BusinessError, Invalid, LimitReached, NotFound
from mailcore.keyring import Keyring
from mailcore.models import Account, Destination
from mailcore.plans import PlanLimits
from mailcore.settings import Settings


@dataclass(slots=True)
class Inboxes:
    """What texts of an account stand for. Each is known, new (with the id that it would get), or refused."""

    _account: Account
    _room: int
    _refused: Mapping[str, BusinessError]
    _ids: Mapping[str, UUID]
    _new: Mapping[UUID, dict[str, Any]]
    _chosen: set[UUID] = field(default_factory=set)

    def named(self, wanted: Sequence[str]) -> list[UUID]:
        """Their ids in order, each once. Raises what is wrong with the first that is refused."""
        if (wrong := next((text for text in wanted if text in self._refused), None)) is not None:
            raise self._refused[wrong]
        return sorted({self._ids[text] for text in wanted})

    def is_new(self, identifier: UUID) -> bool:
        return identifier in self._new

    def choose(self, identifiers: Collection[UUID]) -> None:
        """New ones among them will be made. Raises LimitReached, and then none of them will."""
        chosen = self._chosen | (self._new.keys() & set(identifiers))
        if len(chosen) > max(self._room, len(self._chosen)):
            plan, limit = self._account.plan, most_destinations(accounts.limits_of(self._account))
            detail = f"The {plan} plan has room for {limit} destinations."
            raise LimitReached(detail, resource="destinations", limit=limit, plan=plan)
        self._chosen = chosen

    async def make(self, session: AsyncSession) -> None:
        """Those that were chosen and are new."""
        rows = [self._new[identifier] for identifier in sorted(self._chosen)]
        if rows:
            await (await session.connection()).execute(insert(Destination), rows)


def most_destinations(limits: PlanLimits) -> int:
    """As many as every alias could use at once; plans count them by alias, this only bounds the table."""
    return limits.domains * limits.aliases_per_domain * limits.destinations_per_alias


async def look_up(
    session: AsyncSession,
    clock: Clock,
    settings: Settings,
    keyring: Keyring,
    account: Account,
    wanted: Collection[str],
) -> Inboxes:
    """Addresses, or ids of destinations. The caller has locked the account: nobody else makes one meanwhile.
    Those that are there are locked: none is deleted before the alias that names it is committed.
    """
    read = {text: _read(text) for text in wanted}
    mailboxes = _by_key([each for each in read.values() if isinstance(each, Mailbox)])
    named = [each for each in read.values() if isinstance(each, UUID)]
    known = await _known(session, account.id, named, mailboxes)
    new = {key: mailbox for key, mailbox in mailboxes.items() if key not in known}
    at = {mailbox.domain for mailbox in mailboxes.values()}
    ours = await domains.ours_among(session, settings, account.id, at)
    stopped = await suppression.among(session, keyring, [each.address for each in new.values()])
    rows = await _rows(session, clock, account.id, new)
    ids = known | {key: row["id"] for key, row in rows.items()}
    refused = {text: _refusal(each, ids, ours, stopped) for text, each in read.items()}
    return Inboxes(
        account,
        await _room(session, account) if new else 0,
        {text: error for text, error in refused.items() if error is not None},
        {text: ids[_key(each)] for text, each in read.items() if not refused[text]},
        {row["id"]: row for row in rows.values()},
    )


_Read = Mailbox | UUID | Invalid


def _read(text: str) -> _Read:
    if "@" in text:
        wrong = Invalid("This is not an e-mail address that mail can be sent to.", code="destination_invalid")
        return parse_mailbox(text.strip()) or wrong
    try:
        return UUID(text)
    except ValueError:
        return Invalid("A destination is an e-mail address or the id of one.", code="destination_invalid")


def _key(each: _Read) -> str:
    """Spellings of an address that differ in case only are one."""
    return each.address.lower() if isinstance(each, Mailbox) else str(each)


def _by_key(mailboxes: Sequence[Mailbox]) -> dict[str, Mailbox]:
    """The first spelling of each counts."""
    return {_key(mailbox): mailbox for mailbox in reversed(mailboxes)}


def _refusal(
    each: _Read, ids: Mapping[str, UUID], ours: Collection[str], stopped: Collection[str]
) -> BusinessError | None:
    if isinstance(each, Invalid):
        return each
    if isinstance(each, UUID):
        return None if str(each) in ids else NotFound("There is no such destination in this account.")
    if each.domain in ours:
        detail = "This address is at a domain that is forwarded here: mail would go in a loop."
        return Invalid(detail, code="destination_loops")
    if each.address in stopped:
        return Invalid("This inbox has asked to get no mail from us.", code="destination_suppressed")
    return None


async def _known(
    session: AsyncSession, account_id: UUID, named: Sequence[UUID], mailboxes: Mapping[str, Mailbox]
) -> dict[str, UUID]:
    """Those that the account has of these, by id and by address, each as text."""
    addresses = [mailbox.address for mailbox in mailboxes.values()]
    # The database's lower() may know ASCII only, so a spelling beyond it is also looked for as it stands.
    same = or_(
        col(Destination.id) == any_(literal(list(named), ARRAY(Uuid))),
        func.lower(col(Destination.address)) == any_(literal(list(mailboxes), ARRAY(String))),
        col(Destination.address) == any_(literal(addresses, ARRAY(String))),
    )
    query = select(Destination.id, Destination.address).where(col(Destination.account_id) == account_id, same)
    # FOR KEY SHARE, in the order of ids: as those who delete one wait for those who name it.
    locked = query.order_by(col(Destination.id)).with_for_update(read=True, key_share=True)
    found = (await session.exec(locked)).all()
    return {text: identifier for identifier, address in found for text in (str(identifier), address.lower())}


async def _rows(
    session: AsyncSession, clock: Clock, account_id: UUID, new: Mapping[str, Mailbox]
) -> dict[str, dict[str, Any]]:
    """By key. Confirmed at once where the owner or an admin signs in with the address: that has proved it."""
    proved = await accounts.lead_addresses(session, account_id) if new else frozenset()
    return {
        key: {
            "id": clock.new_id(),
            "account_id": account_id,
            "address": mailbox.address,
            "confirmed_at": clock.now() if key in proved else None,
        }
        for key, mailbox in new.items()
    }


async def _room(session: AsyncSession, account: Account) -> int:
    """How many more destinations the account may have."""
    mine = select(func.count()).select_from(Destination).where(col(Destination.account_id) == account.id)
    return most_destinations(accounts.limits_of(account)) - (await session.exec(mine)).one()
