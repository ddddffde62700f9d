"""Figures of the whole service that only grow: keys destroyed, views by staff.

Must never count by account, nor go backwards.
"""

from typing import Final, Literal, get_args

from mailcore.database import Transaction

Counted = Literal["message keys destroyed", "hour keys destroyed", "account keys destroyed", "staff views"]

_ADD: Final = """
insert into service_count (name, count) values ($1, $2)
on conflict (name) do update set count = service_count.count + excluded.count
"""


async def add(tx: Transaction, name: Counted, count: int = 1) -> None:
    await tx.execute(_ADD, name, count)


async def read(tx: Transaction) -> dict[Counted, int]:
    """All of them; 0 where nothing was counted yet."""
    rows = {row["name"]: int(row["count"]) for row in await tx.fetch("select name, count from service_count")}
    return {name: rows.get(name, 0) for name in get_args(Counted)}
