"""Figures of the whole service that only grow: keys destroyed, views by staff.

Must never count by account, nor go backwards.
"""

from typing import TYPE_CHECKING, Final, Literal, get_args

from mailcore.database import Transaction

if TYPE_CHECKING:  # keys are counted by the mail path, and its processes load no ORM
    from sqlmodel.ext.asyncio.session import AsyncSession

Counted = Literal["message keys destroyed", "hour keys destroyed", "account keys destroyed", "staff views"]

_ADD: Final = """
insert into service_count (name, count) values ($1, $2)
on conflict (name) do update set count = service_count.count + excluded.count
"""


async def add(where: "AsyncSession | Transaction", name: Counted, count: int = 1) -> None:
    if isinstance(where, Transaction):
        await where.execute(_ADD, name, count)
    else:
        await (await where.connection()).exec_driver_sql(_ADD, (name, count))


async def read(tx: Transaction) -> dict[Counted, int]:
    """All of them; 0 where nothing was counted yet."""
    rows = {row["name"]: int(row["count"]) for row in await tx.fetch("select name, count from service_count")}
    return {name: rows.get(name, 0) for name in get_args(Counted)}
