"""What is held of an account is counted as it is, and told to who may see it."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from customers.callers import Scope
from mailcore.plans import Plan
from tests.support.api import Tenant, World
from tests.support.logged import put_in_queue, write

NO_EVENTS = {"received": 0, "delivered": 0, "soft_bounced": 0, "hard_bounced": 0, "refused": 0}
READS = (Scope.ACCOUNT_READ, Scope.LOGS_READ)


async def held(http: httpx.AsyncClient) -> dict[str, Any]:
    answer = await http.get("/v1/privacy/held")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_new_account_holds_nothing(world: World, tenant: Tenant) -> None:
    found = await held(tenant.http)
    assert found["log"]["messages"] == 0
    assert found["log"]["events"] == NO_EVENTS
    assert (found["log"]["oldest"], found["log"]["next_hour"], found["waiting"]["oldest"]) == (None,) * 3
    assert (found["support_grants"], found["log_levels"]) == (0, [])
    assert (found["log"]["days"], found["audit"]["days"], found["requests"]["days"]) == (7, 30, 7)


async def test_rows_of_the_log_are_counted_by_kind_with_the_oldest(world: World, tenant: Tenant) -> None:
    first = await write(world, tenant)
    await put_in_queue(world, await write(world, tenant, delivered=False))
    found = await held(tenant.http)
    assert found["log"]["messages"] == 2
    assert found["log"]["events"] == NO_EVENTS | {"received": 2, "soft_bounced": 2, "delivered": 1}
    assert datetime.fromisoformat(found["log"]["oldest"]) == first.received_at
    assert (found["waiting"]["messages"], found["waiting"]["deliveries"]) == (1, 1)
    assert (await held((await world.tenant("two")).http))["log"]["messages"] == 0


async def test_the_next_hour_says_when_its_key_is_destroyed(world: World, tenant: Tenant) -> None:
    first = await write(world, tenant)
    world.clock.step(timedelta(hours=2))
    await write(world, tenant)
    hour = (await held(tenant.http))["log"]["next_hour"]
    begins = datetime.fromisoformat(hour["received_from"])
    assert begins <= first.received_at < begins + timedelta(hours=1)
    assert datetime.fromisoformat(hour["unreadable_at"]) == begins + timedelta(days=7, hours=1)
    assert hour["messages"] == 1


async def test_each_domain_tells_its_log_level(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    (level,) = (await held(tenant.http))["log_levels"]
    assert level == {"domain_id": domain["id"], "domain": domain["name"], "log_level": "full"}


async def test_figures_of_the_whole_account_are_not_for_a_key_of_some_domains(world: World) -> None:
    tenant = await world.tenant("rich", Plan.BUSINESS)
    domain = await tenant.claim("here.test")
    key = await world.key(tenant, *READS, domain_ids=[domain["id"]])
    answer = await key.get("/v1/privacy/held")
    assert (answer.status_code, answer.json()["code"]) == (403, "domain_limited")


async def test_who_may_not_read_the_log_is_told_no_figures_of_it(world: World, tenant: Tenant) -> None:
    for scope in READS:
        answer = await (await world.key(tenant, scope)).get("/v1/privacy/held")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
