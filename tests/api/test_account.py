"""The account, the ledger and the seed of the local stack."""

from pathlib import Path

import pytest

from clearpost.seed import seed_demo
from mailcore.ledger import Entries
from mailcore.plans import Plan
from mailcore.settings import Settings
from tests.support.api import Tenant, World


async def test_the_account_shows_plan_limits_and_usage_of_today(world: World) -> None:
    tenant = await world.tenant(plan=Plan.PREMIUM)
    await tenant.claim()
    today = world.clock.now().date()
    async with world.runtime.database.transaction() as tx:
        await tx.execute("insert into usage_day values ($1, $2, 7, 2, 5000000000)", tenant.id, today)
    told = (await tenant.http.get("/v1/account")).json()
    assert told["plan"] == "premium"
    assert told["limits"] == {
        "domains": 30,
        "aliases_per_domain": 100,
        "destinations_per_alias": 10,
        "attachment_bytes": 50 * 1024 * 1024,
        "forwarded_per_day": 15000,
        "lane": "fast",
    }
    assert told["usage"] == {
        "day": today.isoformat(),
        "forwarded": 7,
        "refused": 2,
        "refused_by_plan": 0,
        "bytes": 5_000_000_000,
        "domains": 1,
    }


async def test_the_ledger_counts_the_whole_service(world: World, tenant: Tenant) -> None:
    entries = Entries()
    entries.created["smtp"], entries.delivered["smtp"] = 3, 2
    async with world.runtime.database.transaction() as tx:
        await entries.write(tx)
    (line,) = (await tenant.http.get("/v1/ledger")).json()["balances"]
    counts = {"created": 3, "delivered": 2, "hard_bounced": 0, "waiting": 0, "held": 0, "difference": 1}
    assert line == {"origin": "smtp", **counts}


async def test_the_seed_is_the_same_at_every_start_and_not_verified(world: World, tmp_path: Path) -> None:
    first = await seed_demo(world.runtime.settings)
    assert await seed_demo(world.runtime.settings) == first
    assert (first.domain, first.alias, first.txt_name) == (
        "demo.test",
        "hello@demo.test",
        "_clearpost.demo.test",
    )
    assert ((tmp_path / "keys" / "demo-api-key").stat().st_mode & 0o777) == 0o600
    async with world.client(Authorization=f"Bearer {first.api_key}") as client:
        domain = (await client.get(f"/v1/domains/{first.domain_id}")).json()
        assert domain["state"] == "not_started"
        assert domain["records"][0]["value"] == first.txt_value
        world.zone.put_txt(first.txt_name, first.txt_value)
        checked = await client.post(f"/v1/domains/{first.domain_id}/check")
        assert checked.json()["state"] == "verified"
        (alias,) = (await client.get("/v1/aliases")).json()["data"]
        assert alias["destinations"][0]["address"] == "you@inbox.test"


async def test_the_seed_keeps_its_key_when_the_database_is_new(world: World) -> None:
    first = await seed_demo(world.runtime.settings)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("delete from account")
    assert (await seed_demo(world.runtime.settings)).api_key == first.api_key


async def test_the_demo_account_has_room_for_domains_of_its_users_own(world: World) -> None:
    await seed_demo(world.runtime.settings)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update account set plan = 'free'")
    demo = await seed_demo(world.runtime.settings)
    async with world.client(Authorization=f"Bearer {demo.api_key}") as client:
        assert (await client.get("/v1/account")).json()["plan"] == "premium"


async def test_a_seed_without_room_says_so_and_does_not_fail(world: World) -> None:
    demo = await seed_demo(world.runtime.settings)
    async with world.client(Authorization=f"Bearer {demo.api_key}") as client:
        await client.delete(f"/v1/domains/{demo.domain_id}")
        for number in range(30):
            await client.post("/v1/domains", json={"name": f"mine{number}.test"})
    full = await seed_demo(world.runtime.settings)
    assert full.lack == "no demo address hello@demo.test: The premium plan has room for 30 domains."
    assert full.api_key == demo.api_key


async def test_the_seed_refuses_production(tmp_path: Path) -> None:
    settings = Settings(key_dir=tmp_path).model_copy(update={"environment": "production"})
    with pytest.raises(RuntimeError):
        await seed_demo(settings)
