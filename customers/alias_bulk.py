"""Many aliases in one transaction: created, changed and deleted as one at a time would be, only faster.

All rows that matter are locked and read first, destinations included; then each item is decided in its
order as if those before it were done; then all is written at once. Must never let an item pass that would be
refused by itself, nor write half of one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlmodel import col, delete, insert, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from customers import accounts, aliases, cancellation, destinations, inboxes
from customers.aliases import AliasChange, NewAlias
from customers.inboxes import Inboxes
from customers.sign_in_aliases import NONE, Guarded
from mailcore.clock import Clock
from mailcore.errors import BusinessError, Conflict, NotFound
from mailcore.keyring import Keyring
from mailcore.models import Account, Alias, AliasDestination, Domain
from mailcore.settings import Settings


@dataclass(frozen=True, slots=True)
class Create:
    domain_id: UUID
    new: NewAlias


@dataclass(frozen=True, slots=True)
class Change:
    alias_id: UUID
    wanted: AliasChange


@dataclass(frozen=True, slots=True)
class Delete:
    alias_id: UUID


Item = Create | Change | Delete


@dataclass(frozen=True, slots=True)
class Before:
    """What an alias was before its item, so that somebody can undo it."""

    domain_id: UUID
    local_part: str
    destinations: Sequence[UUID]
    note: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Done:
    alias_id: UUID
    domain_id: UUID
    before: Before | None = None


Outcome = Done | BusinessError


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One for each item, in their order. `applied` False: nothing was changed."""

    each: Sequence[Outcome]
    applied: bool


@dataclass(slots=True)
class _Tables:
    """What the items concern, as it will be after those decided so far."""

    account: Account
    counts: dict[UUID, int]
    taken: set[tuple[UUID, str]]
    aliases: dict[UUID, Alias]
    linked: dict[UUID, list[UUID]]
    inboxes: Inboxes
    named: set[UUID] = field(default_factory=set)


@dataclass(slots=True)
class _Writes:
    """Rows to write, in the order in which they are: what goes makes room for what comes."""

    deleted: list[UUID] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    relinked: list[UUID] = field(default_factory=list)
    links: list[dict[str, UUID]] = field(default_factory=list)

    def link(self, alias_id: UUID, destination_ids: Sequence[UUID]) -> None:
        self.links += [{"alias_id": alias_id, "destination_id": each} for each in destination_ids]


class _Undone(Exception):
    """Leaves the savepoint, and nothing in it."""


@dataclass(slots=True)
class Bulk:
    """`whole`: all items or none. `dry_run`: only tells what would happen."""

    session: AsyncSession
    clock: Clock
    settings: Settings
    keyring: Keyring
    account_id: UUID
    whole: bool = False
    dry_run: bool = False
    guarded: Guarded = NONE
    _writes: _Writes = field(default_factory=_Writes)

    async def apply(self, items: Sequence[Item]) -> Outcomes:
        """Raises nothing for an item that is refused: its outcome is the error it would have got."""
        tables = await self._lock(items)
        outcomes: list[Outcome] = []
        try:
            async with self.session.begin_nested():
                outcomes += [self._decide(tables, item) for item in items]
                if self.dry_run or (self.whole and any(isinstance(each, BusinessError) for each in outcomes)):
                    raise _Undone
                await self._write(tables.inboxes)
        except _Undone:
            return Outcomes(outcomes, applied=False)
        return Outcomes(outcomes, applied=True)

    def _decide(self, tables: _Tables, item: Item) -> Outcome:
        try:
            match item:
                case Create():
                    return self._create(tables, item)
                case Change():
                    return self._change(tables, item)
                case Delete():
                    return self._delete(tables, item)
        except BusinessError as refusal:
            return refusal

    def _create(self, tables: _Tables, item: Create) -> Done:
        new, domain_id = item.new, item.domain_id
        key = aliases.checked_local_part(new.local_part)
        self.guarded.check(domain_id, key)
        if domain_id not in tables.counts:
            raise NotFound("There is no such thing in this account.")
        if (domain_id, key) in tables.taken:
            raise Conflict("This domain has this alias already.", code="alias_exists")
        if tables.counts[domain_id] >= aliases.most_in(tables.account):
            raise aliases.no_room(tables.account)
        found = aliases.chosen(tables.inboxes, tables.account, new.destinations)
        tables.taken.add((domain_id, key))
        tables.counts[domain_id] += 1
        alias_id = self.clock.new_id()
        row = {"id": alias_id, "account_id": self.account_id, "domain_id": domain_id, "local_part": key}
        self._writes.created.append(row | {"note": new.note, "enabled": new.enabled})
        self._writes.link(alias_id, found)
        return Done(alias_id, domain_id)

    def _change(self, tables: _Tables, item: Change) -> Done:
        alias, wanted = _claimed(tables, item.alias_id), item.wanted
        self.guarded.check(alias.domain_id, alias.local_part)
        if wanted.destinations is not None:
            found = aliases.chosen(tables.inboxes, tables.account, wanted.destinations)
            self._writes.relinked.append(alias.id)
            self._writes.link(alias.id, found)
        note = alias.note if wanted.note is None else wanted.note
        enabled = alias.enabled if wanted.enabled is None else wanted.enabled
        if (note, enabled) != (alias.note, alias.enabled):
            self._writes.changed.append({"of": alias.id, "new_note": note, "new_enabled": enabled})
        tables.named.add(alias.id)
        return Done(alias.id, alias.domain_id, _before(tables, alias))

    def _delete(self, tables: _Tables, item: Delete) -> Done:
        alias = _claimed(tables, item.alias_id)
        self.guarded.check(alias.domain_id, alias.local_part)
        tables.named.add(alias.id)
        tables.taken.discard((alias.domain_id, alias.local_part))
        if alias.domain_id in tables.counts:
            tables.counts[alias.domain_id] -= 1
        self._writes.deleted.append(alias.id)
        return Done(alias.id, alias.domain_id, _before(tables, alias))

    async def _lock(self, items: Sequence[Item]) -> _Tables:
        """The account, so that its plan stays; then domains, then aliases, each in the order of ids: two at
        once cannot wait for each other.
        """
        session, mine = self.session, self.account_id
        account = await accounts.get(session, mine, lock=True)
        wanted = {item.domain_id for item in items if isinstance(item, Create)}
        query = select(Domain.id).where(col(Domain.account_id) == mine, col(Domain.id).in_(wanted))
        domain_ids = (
            await session.exec(query.order_by(col(Domain.id)).with_for_update(key_share=True))
        ).all()
        named = {item.alias_id for item in items if not isinstance(item, Create)}
        of_them = select(Alias).where(col(Alias.account_id) == mine, col(Alias.id).in_(named))
        locked = of_them.order_by(col(Alias.id)).with_for_update(key_share=True)
        found = {
            alias.id: alias
            for alias in (await session.exec(locked.execution_options(populate_existing=True))).all()
        }
        linked = await destinations.of_aliases(session, list(found))
        here = col(Alias.domain_id).in_(domain_ids)
        there = (await session.exec(select(Alias.domain_id, Alias.local_part).where(here))).all()
        return _Tables(
            account=account,
            counts=dict.fromkeys(domain_ids, 0) | Counter(domain_id for domain_id, _ in there),
            taken=set(there),
            aliases=found,
            linked={alias_id: [each.id for each in theirs] for alias_id, theirs in linked.items()},
            inboxes=await inboxes.look_up(
                session, self.clock, self.settings, self.keyring, account, _named_in(items)
            ),
        )

    async def _write(self, found: Inboxes) -> None:
        await found.make(self.session)
        writes, connection = self._writes, await self.session.connection()
        if writes.deleted:
            await connection.execute(delete(Alias).where(col(Alias.id).in_(writes.deleted)))
            await cancellation.of_aliases(self.session, self.account_id, writes.deleted)
        if writes.created:
            await connection.execute(insert(Alias), writes.created)
        if writes.changed:
            values: dict[str, Any] = {"note": bindparam("new_note"), "enabled": bindparam("new_enabled")}
            of_one = update(Alias).where(col(Alias.id) == bindparam("of")).values(**values)
            await connection.execute(of_one, writes.changed)
        if writes.relinked:
            theirs = col(AliasDestination.alias_id).in_(writes.relinked)
            await connection.execute(delete(AliasDestination).where(theirs))
        if writes.links:
            await connection.execute(insert(AliasDestination), writes.links)


def _claimed(tables: _Tables, alias_id: UUID) -> Alias:
    """An alias may be in one item only: what a second one means would depend on the first."""
    if alias_id in tables.named:
        raise Conflict("This alias is in another item of this request already.", code="named_twice")
    if alias_id not in tables.aliases:
        raise NotFound("There is no such thing in this account.")
    return tables.aliases[alias_id]


def _named_in(items: Sequence[Item]) -> list[str]:
    """Destinations that the items give to aliases, in their order: the first spelling of one counts."""
    lists = [item.new.destinations for item in items if isinstance(item, Create)]
    lists += [item.wanted.destinations or () for item in items if isinstance(item, Change)]
    return list(dict.fromkeys(each for wanted in lists for each in wanted))


def _before(tables: _Tables, alias: Alias) -> Before:
    return Before(alias.domain_id, alias.local_part, tables.linked[alias.id], alias.note, alias.enabled)
