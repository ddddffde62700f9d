"""Owners are told when 80 % and when all of the day's quota are used: once a day each.

Must never tell one thing twice, nor keep anybody's mail waiting: upkeep asks what was counted already.
"""

from datetime import date
from typing import Final

from sqlalchemy import text

from customers import team
from mailcore.clock import Clock
from mailcore.database import Database
from mailcore.plans import Plan, limits_for

_KEPT_DAYS: Final = 30

# Whoever went past both since the last time hears of the higher one only. `least`: who has forwarded fewer is
# no matter, so of all who got mail today few accounts are looked up. An index on `forwarded` would cost each
# delivery more than this look costs a minute.
_CROSSED: Final = """
with crossed as (
    select u.account_id, u.forwarded, a.name, a.plan, l.quota, p.percent
    from usage_day u join account a on a.id = u.account_id
    join unnest(cast(:plans as text[]), cast(:quotas as int[])) as l (plan, quota) on l.plan = a.plan
    cross join (values (80), (100)) as p (percent)
    where u.day = :today and u.forwarded >= :least
        and cast(u.forwarded as bigint) * 100 >= cast(l.quota as bigint) * p.percent
), told as (
    insert into usage_letter (account_id, day, percent) select account_id, :today, percent from crossed
    on conflict do nothing returning account_id, percent
)
select distinct on (account_id) account_id, name as account, plan, forwarded, quota as "limit", percent
from crossed join told using (account_id, percent) order by account_id, percent desc
"""


async def tell(database: Database, clock: Clock) -> None:
    """For upkeep. Several processes at once: each line of `usage_letter` is written by one of them."""
    plans = list(Plan)
    quotas = [limits_for(plan).daily_quota for plan in plans]
    least = min(quotas) * 80 // 100
    values = {"plans": plans, "quotas": quotas, "today": clock.now().date(), "least": least}
    async with database.session() as session:
        rows = await (await session.connection()).execute(text(_CROSSED), values)
        for account_id, *about in rows.all():
            known = dict(zip(("account", "plan", "forwarded", "limit", "percent"), about, strict=True))
            await team.write_to_owners(session, clock, "usage", account_id, **known)


async def expire(database: Database, today: date) -> None:
    await database.delete_in_batches("usage_letter", "day < $1::date - $2::int", today, _KEPT_DAYS)
