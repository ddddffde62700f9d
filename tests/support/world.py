"""A prepared world: accounts, domains, aliases and destinations as rows, in one readable line each.

Written straight into the tables, so that a test can have any state, the forbidden ones included. Must never
be the thing under test: what creates such rows for customers is tested through the API.

    async with prepared_world(database_url) as world:
        account = await world.account("free")
        domain = await world.domain(account, "shop.test")
        alias = await world.alias(domain, "hello", "you@inbox.test")
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.event_log import Event, LoggedMessage
from mailcore.plans import Plan
from tests.support import opened

_NAME = "test world"  # of its connections, as the database shows them


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: UUID
    owner: str  # the address of its owner, where notices and mail to roles go


@dataclass(frozen=True, slots=True)
class DomainRow:
    id: UUID
    name: str
    account: AccountRow


@dataclass(frozen=True, slots=True)
class AliasRow:
    id: UUID
    number: int
    address: str
    account: AccountRow


class World:
    """Writes rows, and reads back what happened to them."""

    def __init__(self, database: Database, clock: Clock, key_dir: Path | None = None) -> None:
        self.database = database
        self.clock = clock
        self.keys = opened.keys_in(key_dir or Path("no keys here"), clock)

    async def account(self, name: str = "free", plan: Plan | None = None) -> AccountRow:
        """An account with its owner, `<name>@owners.test`. A plan's own name is enough to choose the plan."""
        chosen = plan or (Plan(name) if name in list(Plan) else Plan.FREE)
        account, person = self.clock.new_id(), self.clock.new_id()
        owner = f"{name}@owners.test"
        await self.execute(
            "insert into account (id, name, plan, verification_token) values ($1, $2, $3, $4)",
            *(account, name, chosen.value, account.hex),
        )
        await self.execute("insert into person (id, email) values ($1, $2)", person, owner)
        await self.execute(
            "insert into membership (id, account_id, person_id, role) values ($1, $2, $3, 'owner')",
            *(self.clock.new_id(), account, person),
        )
        return AccountRow(account, owner)

    async def domain(
        self,
        account: AccountRow,
        name: str,
        *,
        verified: bool = True,
        claimed: timedelta = timedelta(0),
        plus_addressing: bool = True,
    ) -> DomainRow:
        """A domain that was claimed so long ago; verified, so that it is served, unless said otherwise.
        Upkeep looks at its DNS, which says nothing of it, in a day only.
        """
        identifier, created = self.clock.new_id(), self.clock.now() - claimed
        await self.execute(
            "insert into domain (id, account_id, name, plus_addressing, created_at, verified_at, "
            "next_check_at) "
            "values ($1, $2, $3, $4, $5, $6, now() + interval '1 day')",
            *(identifier, account.id, name, plus_addressing, created, created if verified else None),
        )
        return DomainRow(identifier, name, account)

    async def alias(
        self, domain: DomainRow, local_part: str, *destinations: str, enabled: bool = True
    ) -> AliasRow:
        """An alias (`*` is the catch-all) and its destinations, made where the account has them not yet."""
        identifier = self.clock.new_id()
        number = await self.value(
            "insert into alias (id, account_id, domain_id, local_part, note, enabled) "
            "values ($1, $2, $3, $4, '', $5) returning number",
            *(identifier, domain.account.id, domain.id, local_part, enabled),
        )
        for address in destinations:
            await self.execute(
                "insert into alias_destination (alias_id, destination_id) values ($1, $2)",
                *(identifier, await self.destination(domain.account, address)),
            )
        return AliasRow(identifier, number, f"{local_part}@{domain.name}", domain.account)

    async def destination(self, account: AccountRow, address: str) -> UUID:
        """Confirmed, so that it gets mail."""
        identifier: UUID = await self.value(
            "insert into destination (id, account_id, address, confirmed_at) values ($1, $2, $3, now()) "
            "on conflict (account_id, address) do update set address = excluded.address returning id",
            *(self.clock.new_id(), account.id, address),
        )
        return identifier

    async def used_today(self, account: AccountRow, forwarded: int) -> None:
        """So many deliveries count against today's quota already."""
        await self.execute(
            "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3) "
            "on conflict (account_id, day) do update set forwarded = excluded.forwarded",
            *(account.id, self.clock.now().date(), forwarded),
        )

    async def events(self, account: AccountRow) -> list[tuple[str, str, str]]:
        """What the account's log tells, in the order of writing: (type, code, response)."""
        events = await self.logged_events(f"account_id = '{account.id}'")
        return [(event.type, event.code, event.response) for event in events]

    async def logged(self, where: str = "true") -> list[LoggedMessage]:
        """Messages of all logs, opened; `where` is SQL."""
        return await opened.messages(self.database, self.keys, where)

    async def logged_events(self, where: str = "true") -> list[Event]:
        """Events of all logs, opened."""
        return await opened.events(self.database, self.keys, where)

    @asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Nobody writes to this table meanwhile, everybody reads: the database is slow."""
        async with self.database.transaction() as tx:
            await tx.execute(f"lock table {table} in exclusive mode")
            yield

    async def writers_waiting(self, count: int = 1) -> None:
        """Returns once so many wait for a lock of ours; what waits for others, such as two who make the same
        day's table, is none of them.
        """
        async with asyncio.timeout(10):
            while await self._waiting() < count:  # noqa: ASYNC110  the database has no event for this
                await asyncio.sleep(0.02)

    async def _waiting(self) -> int:
        waiting: int = await self.value(
            "select count(*) from pg_stat_activity a where exists (select from pg_stat_activity w "
            "where w.application_name = $1 and w.pid = any(pg_blocking_pids(a.pid)))",
            _NAME,
        )
        return waiting

    async def count(self, table: str) -> int:
        counted: int = await self.value(f"select count(*) from {table}")
        return counted

    async def execute(self, statement: str, *arguments: object) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(statement, *arguments)

    async def value(self, query: str, *arguments: object) -> Any:
        async with self.database.transaction() as tx:
            return await tx.value(query, *arguments)


@asynccontextmanager
async def prepared_world(
    database_url: str, clock: Clock | None = None, key_dir: Path | None = None
) -> AsyncIterator[World]:
    """A world with a connection of its own, so that it can look on while a process of ours is stopped. It
    opens the log with the keys in `key_dir`.
    """
    database = await Database.open(database_url, size=2, name=_NAME)
    world = World(database, clock or Clock(), key_dir)
    try:
        yield world
    finally:
        await world.database.close()  # which may be another one by now
