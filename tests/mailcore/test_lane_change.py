"""Mail that waits changes lanes with its account's plan; what is attempted just then does afterwards."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from customers import plan_change
from customers.audit import SERVICE
from mailcore.database import Database, LaneOfNode
from mailcore.plans import Lane, Plan
from mailcore.settlement import Result
from tests.support.ground import Ground, ground, settlement


@pytest.fixture
async def g(database_url: str, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(database_url, tmp_path) as g:
        yield g


async def move(database_url: str, g: Ground, account_id: UUID, plan: Plan) -> list[LaneOfNode]:
    """Changes the plan; the lanes that were woken."""
    woken: list[LaneOfNode] = []
    database = await Database.open(database_url, size=1, wake=woken.extend)
    async with database.session() as session:
        await plan_change.set_plan(session, g.clock, account_id, plan, SERVICE)
    await database.close()
    return woken


async def lanes(g: Ground) -> dict[str, str]:
    """Lane of the delivery by alias."""
    rows = await g.world.database.fetch(
        "select 'hello@' || o.name as alias, d.lane, m.lane as of_message "
        "from delivery d join message m on m.id = d.message_id join domain o on o.id = m.domain_id"
    )
    assert all(row["lane"] == row["of_message"] for row in rows)
    return {row["alias"]: row["lane"] for row in rows}


async def test_all_that_waits_changes_lanes_and_the_lane_is_woken(database_url: str, g: Ground) -> None:
    one, other = await g.recipient("one"), await g.recipient("other")
    for recipient in (one, other):
        await g.acceptance.accept(g.submission(recipient))
    woken = await move(database_url, g, one.account_id, Plan.PREMIUM)
    assert await lanes(g) == {"hello@one.test": "fast", "hello@other.test": "standard"}
    assert woken == [LaneOfNode(g.spool.node_id, Lane.FAST)]
    woken = await move(database_url, g, one.account_id, Plan.FREE)
    assert await lanes(g) == {"hello@one.test": "standard", "hello@other.test": "standard"}
    assert woken == [LaneOfNode(g.spool.node_id, Lane.STANDARD)]


async def test_from_one_fast_plan_to_another_nothing_moves(database_url: str, g: Ground) -> None:
    one = await g.recipient("one", plan=Plan.PREMIUM)
    await g.acceptance.accept(g.submission(one))
    assert await move(database_url, g, one.account_id, Plan.BUSINESS) == []
    assert await lanes(g) == {"hello@one.test": "fast"}


async def test_what_is_leased_meanwhile_is_settled_into_the_new_lane(database_url: str, g: Ground) -> None:
    one = await g.recipient("one")
    await g.acceptance.accept(g.submission(one))
    (claimed,) = await g.claim()
    await move(database_url, g, one.account_id, Plan.PREMIUM)
    await g.settler.settle(Result(settlement(claimed, "soft-bounced", "4.2.1")))
    assert await lanes(g) == {"hello@one.test": "fast"}
    assert await g.count("delivery", "lease_owner is null and lane = 'fast'") == 1
