"""200 at once at a limit leave exactly the limit, whichever way they come; also while a plan ends."""

import asyncio
from collections import Counter
from typing import Any

from customers import plan_change
from customers.audit import SERVICE
from mailcore.plans import Plan, limits_for
from tests.support.api import Tenant, World

AT_ONCE = 200
FREE = limits_for(Plan.FREE)


async def post(tenant: Tenant, path: str, bodies: list[dict[str, Any]]) -> Counter[tuple[int, str]]:
    """All at once: how often which status and code came back."""
    answers = await asyncio.gather(*(tenant.http.post(path, json=body, timeout=120) for body in bodies))
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


async def count(world: World, table: str) -> int:
    counted: int = await world.runtime.database.value(f"select count(*) from {table}")
    return counted


def reached(limit: int) -> Counter[tuple[int, str]]:
    return Counter({(201, ""): limit, (403, "limit_reached"): AT_ONCE - limit})


async def test_domains(world: World) -> None:
    tenant = await world.tenant(plan=Plan.PREMIUM)
    names = [{"name": f"d{number}.test"} for number in range(AT_ONCE)]
    limit = limits_for(Plan.PREMIUM).domains
    assert await post(tenant, "/v1/domains", names) == reached(limit)
    assert await count(world, "domain") == limit


async def test_aliases(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    bodies = [
        {"local_part": f"a{number}", "destinations": [f"{number}@inbox.test"]} for number in range(AT_ONCE)
    ]
    limit = FREE.aliases_per_domain
    assert await post(tenant, f"/v1/domains/{domain['id']}/aliases", bodies) == reached(limit)
    assert await count(world, "alias") == limit
    assert await count(world, "destination") == limit  # of those refused nothing is left


async def test_aliases_in_bulk(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    bodies = [
        {
            "items": [
                {
                    "action": "create",
                    "domain_id": domain["id"],
                    "local_part": f"a{number}-{each}",
                    "destinations": ["you@inbox.test"],
                }
                for each in range(3)
            ]
        }
        for number in range(AT_ONCE)
    ]
    await post(tenant, "/v1/aliases/bulk", bodies)
    assert await count(world, "alias") == FREE.aliases_per_domain


async def test_destinations(world: World, tenant: Tenant) -> None:
    bodies = [{"address": f"{number}@inbox.test"} for number in range(AT_ONCE)]
    limit = FREE.domains * FREE.aliases_per_domain * FREE.destinations_per_alias
    assert await post(tenant, "/v1/destinations", bodies) == reached(limit)
    assert await count(world, "destination") == limit


async def test_destinations_of_one_alias(world: World, tenant: Tenant) -> None:
    """Changed by many at once, it has what one of them wanted, and never more than the plan allows."""
    alias = await tenant.alias(await tenant.claim())
    wanted = [[f"{first + n}@inbox.test" for n in range(1 + first % 7)] for first in range(AT_ONCE // 4)]
    path = f"/v1/aliases/{alias['id']}"
    answers = await asyncio.gather(
        *(tenant.http.patch(path, json={"destinations": each}, timeout=120) for each in wanted)
    )
    fits = [len(each) <= FREE.destinations_per_alias for each in wanted]
    assert [answer.status_code == 200 for answer in answers] == fits
    left = (await tenant.http.get(path)).json()["destinations"]
    assert sorted(each["address"] for each in left) in [sorted(each) for each in wanted]


async def test_a_plan_that_ends_meanwhile_leaves_nothing_beyond_it_unseen(world: World) -> None:
    """Whatever was created on the larger plan is known as surplus; afterwards the smaller limit holds."""
    tenant = await world.tenant(plan=Plan.PREMIUM)
    domain = await tenant.claim()
    bodies = [{"local_part": f"a{number}", "destinations": ["you@inbox.test"]} for number in range(60)]

    async def downgrade() -> None:
        async with world.runtime.database.session() as session:
            await plan_change.set_plan(session, world.clock, tenant.id, Plan.FREE, SERVICE)

    await asyncio.gather(post(tenant, f"/v1/domains/{domain['id']}/aliases", bodies), downgrade())
    limit, made = FREE.aliases_per_domain, await count(world, "alias")
    ends_at = (await tenant.http.get("/v1/account")).json()["surplus_pauses_at"]
    assert (made > limit) == (ends_at is not None)
    assert made >= limit
