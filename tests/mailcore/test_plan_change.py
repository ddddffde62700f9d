"""Changing a plan: limits, the lane of mail that waits, and what pauses and wakes. Rows are written directly."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from mailcore import downgrade_grace, plan_change
from mailcore.audit import SERVICE
from mailcore.clock import Clock
from mailcore.database import Database, LaneOfNode
from mailcore.plans import Lane, Plan, limits_for
from tests.support.world import AccountRow, DomainRow, World

CLOCK = Clock()


class Ground(World):
    """A world whose wake-ups are noted."""

    woken: list[LaneOfNode]

    async def set_plan(self, account: AccountRow, plan: Plan) -> bool:
        async with self.database.session() as session:
            return await plan_change.set_plan(session, CLOCK, account.id, plan, SERVICE)

    async def settle(self) -> None:
        """What upkeep does every minute."""
        await downgrade_grace.settle_due(self.database, CLOCK)

    async def pass_grace(self, account: AccountRow) -> None:
        """The owner was warned, and the last day is over."""
        await self.execute(
            "update account set surplus_pauses_at = now() - interval '1 second', surplus_told = 2 where id = $1",
            account.id,
        )
        await self.settle()

    async def aliases(self, domain: DomainRow, *names: str) -> None:
        for name in names:
            await self.alias(domain, name, "you@inbox.test")

    async def paused(self) -> set[str]:
        rows = await self.database.fetch(
            "select name from domain where paused_at is not null union all "
            "select a.local_part || '@' || d.name from alias a join domain d on d.id = a.domain_id "
            "where a.paused_at is not null"
        )
        return {row["name"] for row in rows}

    async def letters(self) -> list[str]:
        return [row["kind"] for row in await self.database.fetch("select kind from letter order by id")]


@pytest.fixture
async def ground(database_url: str) -> AsyncIterator[Ground]:
    woken: list[LaneOfNode] = []
    database = await Database.open(database_url, size=3, wake=woken.extend)
    world = Ground(database, CLOCK)
    world.woken = woken
    yield world
    await database.close()


async def crowded(ground: Ground) -> AccountRow:
    """On premium with three domains, the first with 27 aliases: free has room for one domain, 25 aliases."""
    account = await ground.account("premium")
    first = await ground.domain(account, "first.test")
    await ground.aliases(first, *(f"a{n:02}" for n in range(27)))
    for name in ("second.test", "third.test"):
        await ground.aliases(await ground.domain(account, name), "hello")
    return account


async def test_a_downgrade_pauses_nothing_within_its_grace(ground: Ground) -> None:
    account = await crowded(ground)
    assert await ground.set_plan(account, Plan.FREE)
    left = await ground.value("select surplus_pauses_at - now() from account where id = $1", account.id)
    assert left.total_seconds() == pytest.approx(7 * 86_400, abs=60)
    await ground.settle()
    assert await ground.paused() == set()
    assert await ground.letters() == ["plan-surplus"]


async def test_after_the_grace_exactly_the_newest_pause(ground: Ground) -> None:
    account = await crowded(ground)
    await ground.set_plan(account, Plan.FREE)
    await ground.pass_grace(account)
    assert await ground.paused() == {"second.test", "third.test", "a25@first.test", "a26@first.test"}
    assert await ground.letters() == ["plan-paused"]
    await ground.settle()
    assert await ground.letters() == ["plan-paused"]
