"""Failures nobody could be told of: one count for each alias of a day, however it was written."""

from pathlib import Path

import pytest

from mailcore import undelivered_counts
from tests.support.ground import ground


@pytest.mark.parametrize("written", ["INFO@Shop.test", "info@shop.test"])
async def test_an_alias_is_counted_once_however_it_is_written(
    database_url: str, tmp_path: Path, written: str
) -> None:
    async with ground(database_url, tmp_path) as g:
        account, now = await g.world.account(), g.clock.now()
        for alias in ("Info@shop.test", written):
            async with g.database.transaction() as tx:
                await undelivered_counts.count(tx, g.keys, account.id, alias, "5.1.1", now)
        row = await g.database.row("select day, alias, count from undelivered")
        key = await undelivered_counts.key_of(g.keys, account.id, row["day"])
        assert row["count"] == 2
        assert undelivered_counts.alias_of(key, row["day"], row["alias"]) == "Info@shop.test"
