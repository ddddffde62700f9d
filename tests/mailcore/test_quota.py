"""The daily quota is exact, however many receivers count at once."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from mailcore import ledger
from mailcore.plans import Plan, limits_for
from tests.support.ground import ground

RECEIVERS = 4
QUOTA = limits_for(Plan.FREE).daily_quota


async def test_four_receivers_at_once_take_exactly_the_quota(database_url: str, tmp_path: Path) -> None:
    """Each has its own spool and connections. One account is asked for more than it may have."""
    left = 150
    async with AsyncExitStack() as stack:
        receivers = [
            await stack.enter_async_context(ground(database_url, tmp_path / str(number)))
            for number in range(RECEIVERS)
        ]
        first = receivers[0]
        hello = await first.recipient("hello")
        await first.world.execute(
            "insert into usage_day (account_id, day, forwarded) values ($1, $2, $3)",
            *(hello.account_id, first.clock.now().date(), QUOTA - left),
        )
        mail = [g.acceptance.accept(g.submission(hello)) for _ in range(left // 2) for g in receivers]
        codes = Counter(reply.code for reply in await asyncio.gather(*mail))
        assert codes == {250: left, 452: len(mail) - left}
        assert await first.world.value("select forwarded from usage_day") == QUOTA
        assert await first.count("delivery") == left
        assert [line.difference for line in await ledger.balance(first.database)] == [0]
