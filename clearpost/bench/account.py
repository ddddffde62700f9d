"""An account full of aliases, and what else a bench asks a database of ours. Must never name a real one."""

from typing import Any, Final
from uuid import uuid4

import asyncpg

from clearpost.bench.messages import ALIAS_DOMAIN, DEAD_DOMAIN, INBOX_DOMAIN

_ACCOUNT: Final = "insert into account (id, name, plan, verification_token) values ($1, 'bench', $2, $3)"
_PERSON: Final = "insert into person (id, email) values ($1, $2)"
_MEMBERSHIP: Final = (
    "insert into membership (id, account_id, person_id, role) values (gen_random_uuid(), $1, $2, 'owner')"
)
_DOMAIN: Final = (
    "insert into domain (id, account_id, name, plus_addressing, created_at, verified_at, next_check_at)"
    " values ($1, $2, $3, true, now(), now(), now() + interval '9 days')"
)
# `delivered_before` and `confirmed_at`: as of inboxes that have been in use for a while.
_ALIASES: Final = """
with numbered as materialized (
    select number, gen_random_uuid() as alias, gen_random_uuid() as inbox
    from generate_series(0, $4::int) number
), inboxes as (
    insert into destination (id, account_id, address, confirmed_at, delivered_before)
    select inbox, $1, 'u' || number || $3 || '@' || $5, now(), true from numbered returning 1
), aliases as (
    insert into alias (id, account_id, domain_id, local_part, note, enabled)
    select alias, $1, $2, number || $3, '', true from numbered returning 1
)
insert into alias_destination (alias_id, destination_id) select alias, inbox from numbered
"""


async def connect(url: str) -> Any:
    """A connection of our own to the node's database, asked between runs and never during one."""
    return await asyncpg.connect(url)


async def fill(connection: Any, aliases: int, *, domain: str = ALIAS_DOMAIN, plan: str = "business") -> None:
    """One account with its owner and a verified domain, and `{n}alias@domain` for each n up to `aliases`."""
    account, person, domain_id = uuid4(), uuid4(), uuid4()
    async with connection.transaction():
        await connection.execute(_ACCOUNT, account, plan, account.hex)
        await connection.execute(_PERSON, person, f"owner@{domain}.test")
        await connection.execute(_MEMBERSHIP, account, person)
        await connection.execute(_DOMAIN, domain_id, account, domain)
        await connection.execute(_ALIASES, account, domain_id, "alias", aliases, INBOX_DOMAIN)
    await connection.execute("vacuum analyze")


async def add_dead_aliases(connection: Any, aliases: int) -> None:
    """`{n}dead@` of the same domain, which lead to one where nobody listens."""
    row = await connection.fetchrow("select id, account_id from domain")
    await connection.execute(_ALIASES, row["account_id"], row["id"], "dead", aliases, DEAD_DOMAIN)
    await connection.execute("vacuum analyze")


async def new_day(connection: Any) -> None:
    """The plan's daily quota begins anew: a bench sends more in an hour than one account may in a day."""
    await connection.execute("delete from usage_day")


async def waiting(connection: Any) -> int:
    """Messages that some delivery still waits for."""
    count: int = await connection.fetchval("select count(*) from message")
    return count
