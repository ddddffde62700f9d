"""Figures that only grow."""

from mailcore import service_counts
from mailcore.database import Database


async def test_counts_add_up_and_begin_at_zero(database_url: str) -> None:
    database = await Database.open(database_url, size=1)
    try:
        async with database.transaction() as tx:
            await service_counts.add(tx, "staff views")
            await service_counts.add(tx, "message keys destroyed", 40)
        async with database.transaction() as tx:
            await service_counts.add(tx, "message keys destroyed", 2)
        async with database.transaction() as tx:
            counts = await service_counts.read(tx)
    finally:
        await database.close()
    assert counts["message keys destroyed"] == 42
    assert counts["staff views"] == 1
    assert counts["hour keys destroyed"] == counts["account keys destroyed"] == 0
