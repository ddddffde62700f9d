"""What upkeep asks each second and minute costs what is due, not how many accounts there are."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from billing import state
from customers import news, surplus, usage_letters
from mailcore.database import Database
from mailcore.plans import Plan, limits_for

# 20,000 accounts: 1 in 8 beyond its plan for long, 1 in 2 a customer of Stripe, nobody with anything due.
_MANY = """
insert into account (id, name, verification_token, plan)
    select md5('a' || i)::uuid, 'a' || i, 't' || i, 'free' from generate_series(1, 20000) i;
update account set surplus_pauses_at = now() - interval '30 days', surplus_told = 3
    where substr(name, 2)::int % 8 = 0;
insert into subscription (account_id, customer_id, fetch_at)
    select id, 'cus_' || name, now() + interval '1 hour' from account where substr(name, 2)::int % 2 = 0;
insert into usage_day (account_id, day, forwarded)
    select id, current_date - d, 10 from account, generate_series(0, 20) d;
insert into change (account_id, kind, data, at)
    select id, 'alias', '{}', now() - interval '1 hour' from account;
analyze account; analyze subscription; analyze usage_day; analyze change
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url, size=1)
    async with database.transaction() as tx:
        for statement in _MANY.split(";"):
            await tx.execute(statement)
    yield database
    await database.close()


async def scanned_whole(database: Database, query: str, *values: Any) -> set[str]:
    """Tables that are read from end to end."""
    rows = await database.fetch(f"explain {query}", *values)
    lines = [row[0] for row in rows]
    return {line.split(" on ")[1].split()[0] for line in lines if "Seq Scan" in line}


async def test_no_table_of_accounts_is_read_from_end_to_end(database: Database) -> None:
    plans = list(Plan)
    today = await database.value("select current_date")
    crossed = usage_letters._CROSSED
    for number, name in enumerate((":plans", ":quotas", ":today", ":least"), start=1):
        crossed = crossed.replace(name, f"${number}")
    crossed = crossed.replace("$3", "$3::date").replace("$4", "$4::int")
    quotas = [limits_for(plan).daily_quota for plan in plans]
    for query, values in (
        (state._CLAIM_NEWS, [20]),
        (state._CLAIM_ROUTINE, [20]),
        (state._ALERTS, []),
        (surplus._DUE, [timedelta(days=1), []]),
        (news._CHANGED, [timedelta(minutes=5)]),
        (crossed, [plans, quotas, today, 400]),
    ):
        assert await scanned_whole(database, query, *values) == set(), query
