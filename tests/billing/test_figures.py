"""Who pays, and how much a month."""

from pathlib import Path

from billing import figures
from billing.figures import Paying
from mailcore.plans import Plan
from tests.support.api import running_api

# (status, plan, currency, amount a month)
ROWS = [
    ("active", "premium", "usd", 900),
    ("past_due", "premium", "usd", 750),
    ("active", "premium", "eur", 800),
    ("active", "business", "usd", 4900),
    ("trialing", "business", "usd", 4900),
    ("past_due", "free", "usd", 900),
    ("canceled", "free", "usd", 900),
    ("active", None, "usd", 100),
    ("none", None, "usd", 0),
]


async def test_who_pays_is_counted_by_plan_and_currency(database_url: str, tmp_path: Path) -> None:
    async with running_api(database_url, tmp_path) as world:
        database = world.runtime.database
        assert await figures.paying(database) == []
        for number, (status, plan, currency, amount) in enumerate(ROWS):
            tenant = await world.tenant(f"t{number}")
            async with database.transaction() as tx:
                await tx.execute(
                    "insert into subscription (account_id, customer_id, status, plan, currency, "
                    "amount_monthly) values ($1, $2, $3, $4, $5, $6)",
                    tenant.id, f"cus_{number}", status, plan, currency, amount,
                )  # fmt: skip
        assert await figures.paying(database) == [
            Paying(Plan.BUSINESS, "usd", 1, 4900),
            Paying(Plan.PREMIUM, "eur", 1, 800),
            Paying(Plan.PREMIUM, "usd", 2, 1650),
        ]
