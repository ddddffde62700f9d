"""What an account used, day by day, against what its plan allows."""

from datetime import timedelta

from mailcore.plans import Plan
from tests.support.api import Tenant, World


async def used(world: World, tenant: Tenant, days_ago: int, *counts: int) -> None:
    """Forwarded, refused, bytes, and refused by the plan."""
    day = world.clock.now().date() - timedelta(days=days_ago)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("insert into usage_day values ($1, $2, $3, $4, $5, $6)", tenant.id, day, *counts)


async def test_every_day_of_the_last_thirty_is_there_newest_first(world: World, tenant: Tenant) -> None:
    await used(world, tenant, 0, 12, 3, 48_000, 2)
    await used(world, tenant, 29, 7, 0, 1000, 0)
    await used(world, tenant, 30, 99, 0, 0, 0)
    told = (await tenant.http.get("/v1/usage")).json()
    today = world.clock.now().date().isoformat()
    assert told["days"][0] == {
        "day": today,
        "forwarded": 12,
        "refused": 3,
        "refused_by_plan": 2,
        "bytes": 48_000,
    }
    assert (len(told["days"]), told["days"][29]["forwarded"]) == (30, 7)
    assert sum(day["forwarded"] for day in told["days"]) == 19
    assert told["limits"]["forwarded_per_day"] == 500


async def test_as_many_days_as_are_asked_for(tenant: Tenant) -> None:
    assert len((await tenant.http.get("/v1/usage?days=3")).json()["days"]) == 3
    assert (await tenant.http.get("/v1/usage?days=367")).status_code == 422
    assert (await tenant.http.get("/v1/usage?days=0")).status_code == 422


async def test_nobody_sees_what_others_used(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two", plan=Plan.PREMIUM)
    await used(world, other, 0, 12, 3, 48_000, 2)
    told = (await tenant.http.get("/v1/usage")).json()
    assert told["days"][0]["forwarded"] == 0
