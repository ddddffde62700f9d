"""What an account has beyond the room of a plan: counted, shown before it happens, paused, woken.

The oldest stay: domains (verified ones before mere claims), aliases of each domain, and of each alias the
inboxes that said yes to mail.
Must never delete anything, nor pause what has room.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from mailcore.database import Database
from mailcore.plans import Plan, PlanLimits, limits_for

# Places count from 1, the oldest first. Inboxes are counted as routing.py takes them: those that get mail, in
# the order of their ids. A claim takes no place from a domain that works; but what is paused stays behind
# what is awake, so that nobody swaps domains by verifying one.
_DOMAINS: Final = (
    "select d.id, d.name, d.paused_at, row_number() over "
    "(order by d.paused_at is not null, d.verified_at is null, d.created_at, d.id) as place "
    "from domain d where d.account_id = :account"
)
_ALIASES: Final = (
    "select a.id, a.domain_id, a.local_part, a.paused_at, "
    "row_number() over (partition by a.domain_id order by a.created_at, a.id) as place "
    "from alias a where a.account_id = :account"
)
_INBOXES: Final = (
    "select l.alias_id, t.address, row_number() over (partition by l.alias_id order by t.id) as place "
    "from destination t join alias_destination l on l.destination_id = t.id "
    "where t.account_id = :account and t.confirmed_at is not null and t.stopped_at is null"
)

_SURPLUS_DOMAINS: Final = f"""
select r.id, r.name, (select count(*) from alias a where a.domain_id = r.id) as aliases
from ({_DOMAINS}) r where r.place > :domains order by r.place
"""
_SURPLUS_ALIASES: Final = f"""
select r.id, r.local_part || '@' || d.name as address
from ({_ALIASES}) r join ({_DOMAINS}) d on d.id = r.domain_id
where r.place > :aliases and d.place <= :domains order by d.place, r.place
"""
_SURPLUS_INBOXES: Final = f"""
select r.alias_id, a.local_part || '@' || d.name as alias, r.address
from ({_INBOXES}) r join ({_ALIASES}) a on a.id = r.alias_id join ({_DOMAINS}) d on d.id = a.domain_id
where r.place > :inboxes and a.place <= :aliases and d.place <= :domains
order by d.place, a.place, r.place
"""


@dataclass(frozen=True, slots=True)
class PausedDomain:
    """All mail to a domain that pauses is refused, also to its `aliases`."""

    id: UUID
    name: str
    aliases: int


@dataclass(frozen=True, slots=True)
class PausedAlias:
    id: UUID
    address: str


@dataclass(frozen=True, slots=True)
class PausedInbox:
    """An inbox that gets no more mail of this alias, which goes on to the others."""

    alias_id: UUID
    alias: str
    address: str


@dataclass(frozen=True, slots=True)
class Surplus:
    """Oldest first. What is in a domain that pauses is not told again by itself."""

    domains: Sequence[PausedDomain]
    aliases: Sequence[PausedAlias]
    inboxes: Sequence[PausedInbox]

    def __bool__(self) -> bool:
        return bool(self.domains or self.aliases or self.inboxes)


async def beyond(session: AsyncSession, account_id: UUID, limits: PlanLimits) -> Surplus:
    """What these limits have no room for, paused already or not."""
    values = _values(account_id, limits)
    return Surplus(
        [PausedDomain(*row) for row in await _rows(session, _SURPLUS_DOMAINS, values)],
        [PausedAlias(*row) for row in await _rows(session, _SURPLUS_ALIASES, values)],
        [PausedInbox(*row) for row in await _rows(session, _SURPLUS_INBOXES, values)],
    )


# --- pausing and waking; the account's row is locked, so that nothing is created meanwhile ---


@dataclass(frozen=True, slots=True)
class Changed:
    """How many domains and aliases were paused, or woken. Aliases are counted in whichever domain."""

    domains: int
    aliases: int

    def __bool__(self) -> bool:
        return bool(self.domains or self.aliases)


# In the order of ids, in which whoever else changes several of them takes them too.
_SET: Final = """
with chosen as (
    select t.id from {table} t join ({ranked}) r on r.id = t.id
    where r.place {beyond} :room and t.paused_at is {paused} order by t.id for no key update of t
) update {table} t set paused_at = {value} from chosen where t.id = chosen.id
"""


async def pause(session: AsyncSession, account_id: UUID, limits: PlanLimits) -> Changed:
    """All beyond the limits; aliases in domains that pause as well, since an upgrade may wake the domain."""
    return await _set(session, account_id, limits, beyond=">", paused="null", value="now()")


async def wake(session: AsyncSession, account_id: UUID, limits: PlanLimits) -> Changed:
    """Those that have room now, the oldest first."""
    return await _set(session, account_id, limits, beyond="<=", paused="not null", value="null")


async def _set(session: AsyncSession, account_id: UUID, limits: PlanLimits, **how: str) -> Changed:
    connection = await session.connection()
    counts = []
    for table, ranked, room in (
        ("domain", _DOMAINS, limits.domains),
        ("alias", _ALIASES, limits.aliases_per_domain),
    ):
        statement = text(_SET.format(table=table, ranked=ranked, **how))
        result = await connection.execute(statement, {"account": account_id, "room": room})
        counts.append(result.rowcount)
    return Changed(*counts)


# Of whom the next step of the grace has come (downgrade_grace.next_step), and of whom something was changed a
# moment ago, which may have made room: neither looks at those that are merely beyond their plan.
_DUE: Final = """
select id from account where surplus_pauses_at is not null and (surplus_told = 0
    or surplus_told = 1 and surplus_pauses_at <= now() + $1::interval
    or surplus_told = 2 and surplus_pauses_at <= now())
union
select id from account where surplus_pauses_at is not null and id = any($2::uuid[])
order by id
"""
# Where that note was missed: of a page of those beyond their plan, who has room, or nothing paused any more.
# Room is counted once for each domain: counted for each of 2,250 paused aliases it took 0.3 s an account.
_MISSED: Final = """
with page as (select id, plan, surplus_told from account where surplus_pauses_at is not null and id > $4
              order by id limit $5)
select a.id, (
    a.surplus_told < 3
    or exists (select from domain d where d.account_id = a.id and d.paused_at is not null)
        and (select count(*) from domain d where d.account_id = a.id and d.paused_at is null) < l.domains
    or exists (
        select from (select distinct p.domain_id from alias p
                     where p.account_id = a.id and p.paused_at is not null) p
        where (select count(*) from alias o where o.domain_id = p.domain_id and o.paused_at is null)
            < l.aliases)
    or not exists (select from domain d where d.account_id = a.id and d.paused_at is not null)
        and not exists (select from alias p where p.account_id = a.id and p.paused_at is not null)
) as may_need
from page a join unnest($1::text[], $2::int[], $3::int[]) as l (plan, domains, aliases) on l.plan = a.plan
order by a.id
"""
_PAGE: Final = 1000


async def accounts_to_settle(
    database: Database, warning: timedelta, changed: Sequence[UUID] = ()
) -> list[UUID]:
    """For upkeep, each minute: whose grace, or whose paused things, may need a step. `warning`: how long
    before its end the last word is said; `changed`: in whose accounts something was changed a moment ago.
    """
    return [row["id"] for row in await database.fetch(_DUE, warning, changed)]


async def accounts_missed(database: Database) -> AsyncIterator[list[UUID]]:
    """For upkeep, each hour: all of them, in pages; also whom `accounts_to_settle` did not see."""
    plans = list(Plan)
    limits = [limits_for(plan) for plan in plans]
    rooms = [each.domains for each in limits], [each.aliases_per_domain for each in limits]
    last = UUID(int=0)
    while rows := await database.fetch(_MISSED, plans, *rooms, last, _PAGE):
        yield [row["id"] for row in rows if row["may_need"]]
        last = rows[-1]["id"]


def _values(account_id: UUID, limits: PlanLimits) -> dict[str, Any]:
    return {
        "account": account_id,
        "domains": limits.domains,
        "aliases": limits.aliases_per_domain,
        "inboxes": limits.destinations_per_alias,
    }


async def _rows(session: AsyncSession, query: str, values: Mapping[str, Any]) -> Sequence[Any]:
    named = {name: value for name, value in values.items() if f":{name}" in query}
    return (await (await session.connection()).execute(text(query), named)).all()
