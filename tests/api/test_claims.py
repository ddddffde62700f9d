"""The last owner is gone: an admin asks, owners are told, and a week of silence gives the account."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from customers.letter_texts import WRITERS, Desk
from tests.support.api import SignedInPerson, Tenant, World, running_api
from workers.accounts import settle_claims

WEEK = timedelta(days=7, minutes=1)


@pytest.fixture
async def admin(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, role="admin", email="adam@people.test")


async def claim(admin: SignedInPerson) -> None:
    made = await admin.http.post("/v1/account/claim")
    assert made.status_code == 201, made.text


async def owners(world: World) -> list[str]:
    rows = await world.runtime.database.fetch(
        "select p.email from membership m join person p on p.id = m.person_id where m.role = 'owner' "
        "order by p.email"
    )
    return [row["email"] for row in rows]


async def settle(world: World, after: timedelta = timedelta(0)) -> None:
    world.clock.step(after)
    await settle_claims(world.runtime.database, world.clock)


async def audited(world: World) -> list[str]:
    rows = await world.runtime.database.fetch("select action from audit_event order by id")
    return [row["action"] for row in rows]


async def test_after_a_week_without_a_word_the_admin_owns_the_account(
    world: World, admin: SignedInPerson
) -> None:
    await claim(admin)
    told = await world.runtime.database.row("select kind, to_address from letter")
    assert tuple(told) == ("account-claim", "one@owners.test")
    await settle(world, timedelta(days=6))
    assert await owners(world) == ["one@owners.test"]
    await settle(world, timedelta(days=1, minutes=1))
    assert await owners(world) == ["adam@people.test", "one@owners.test"]
    assert await audited(world) == ["claim.created", "claim.granted"]


async def test_an_owner_objects_by_the_link_and_not_by_opening_it(
    world: World, admin: SignedInPerson
) -> None:
    await claim(admin)
    row = await world.runtime.database.row("select * from letter")
    desk = Desk(world.runtime.keyring, world.runtime.settings.web_url, row["created_at"])
    lines = WRITERS[row["kind"]](desk, json.loads(row["about"])).lines
    url = next(line.strip() for line in lines if "/claims/" in line)
    path = url.removeprefix(world.runtime.settings.web_url)
    visitor = world.browser()
    assert (await visitor.get(path)).status_code == 200
    assert (await admin.http.get("/v1/account/claim")).status_code == 200
    assert (await visitor.post(path)).status_code == 200
    assert (await admin.http.get("/v1/account/claim")).status_code == 404
    assert (await visitor.post(path)).status_code == 410
    await settle(world, WEEK)
    assert await owners(world) == ["one@owners.test"]


async def test_an_owner_who_is_seen_is_not_gone(world: World, tenant: Tenant, admin: SignedInPerson) -> None:
    await claim(admin)
    world.clock.step(timedelta(days=3))
    owner = await world.person(tenant, email="one@owners.test")
    assert (await owner.http.get("/v1/account")).status_code == 200
    await settle(world)
    await settle(world, WEEK)
    assert await owners(world) == ["one@owners.test"]
    assert await audited(world) == ["claim.created", "claim.ended"]


async def test_who_is_no_admin_any_more_gets_nothing(
    world: World, tenant: Tenant, admin: SignedInPerson
) -> None:
    await claim(admin)
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update membership set role = 'viewer' where person_id = $1", admin.id)
    await settle(world, WEEK)
    assert await owners(world) == ["one@owners.test"]
    assert await world.runtime.database.value("select count(*) from account_claim") == 0


async def test_a_demotion_ends_the_claim_at_once(world: World, tenant: Tenant, admin: SignedInPerson) -> None:
    await claim(admin)
    members = (await tenant.http.get("/v1/members")).json()["data"]
    adam = next(member["id"] for member in members if member["email"] == "adam@people.test")
    owner = await world.person(tenant, email="one@owners.test")
    assert (await owner.http.patch(f"/v1/members/{adam}", json={"role": "member"})).status_code == 200
    assert (await tenant.http.get("/v1/account/claim")).status_code == 404


async def test_one_claim_at_a_time_and_by_an_admin_in_person(
    world: World, tenant: Tenant, admin: SignedInPerson
) -> None:
    await claim(admin)
    again = await admin.http.post("/v1/account/claim")
    assert (again.status_code, again.json()["code"]) == (409, "claim_exists")
    owner = await world.person(tenant, email="one@owners.test")
    assert (await owner.http.post("/v1/account/claim")).status_code == 422
    assert (await tenant.http.post("/v1/account/claim")).json()["code"] == "person_needed"
    member = await world.person(tenant, role="member", email="mia@people.test")
    assert (await member.http.post("/v1/account/claim")).json()["code"] == "scope_missing"


async def test_another_admin_does_not_end_it_an_owner_does(
    world: World, tenant: Tenant, admin: SignedInPerson
) -> None:
    await claim(admin)
    other = await world.person(tenant, role="admin", email="otto@people.test")
    assert (await other.http.delete("/v1/account/claim")).json()["code"] == "role_missing"
    owner = await world.person(tenant, email="one@owners.test")
    assert (await owner.http.delete("/v1/account/claim")).status_code == 204
    assert (await owner.http.delete("/v1/account/claim")).status_code == 404


async def test_owners_are_told_a_few_times_a_day_at_most(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_api(database_url, tmp_path, redis_url=SecretStr(redis_url)) as world:
        admin = await world.person(await world.tenant(), role="admin", email="adam@people.test")
        for _ in range(3):
            await claim(admin)
            assert (await admin.http.delete("/v1/account/claim")).status_code == 204
        assert (await admin.http.post("/v1/account/claim")).status_code == 429
