"""The people of an account: roles, leaving, handing over; never without an owner."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.api import SignedInPerson, Tenant, World


@pytest.fixture
async def owner(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, email="one@owners.test")


async def members(http: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """By address."""
    answer = await http.get("/v1/members")
    assert answer.status_code == 200, answer.text
    return {member["email"]: member for member in answer.json()["data"]}


async def audited(world: World, tenant: Tenant) -> list[str]:
    rows = await world.runtime.database.fetch(
        "select action from audit_event where account_id = $1 order by id", tenant.id
    )
    return [row["action"] for row in rows]


async def test_members_are_listed_with_their_roles(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    await world.person(tenant, role="viewer", email="eve@people.test")
    found = await members(owner.http)
    assert {email: member["role"] for email, member in found.items()} == {
        "one@owners.test": "owner",
        "eve@people.test": "viewer",
    }
    one = await owner.http.get(f"/v1/members/{found['eve@people.test']['id']}")
    assert one.json() == found["eve@people.test"]


async def test_an_admin_changes_roles_below_owner(world: World, tenant: Tenant) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    await world.person(tenant, role="viewer", email="eve@people.test")
    eve = (await members(admin.http))["eve@people.test"]
    changed = await admin.http.patch(f"/v1/members/{eve['id']}", json={"role": "admin"})
    assert (changed.status_code, changed.json()["role"]) == (200, "admin")
    assert await audited(world, tenant) == ["member.changed"]


@pytest.mark.parametrize(("email", "role"), [("eve@people.test", "owner"), ("one@owners.test", "viewer")])
async def test_only_an_owner_makes_or_unmakes_owners(
    world: World, tenant: Tenant, email: str, role: str
) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    await world.person(tenant, role="viewer", email="eve@people.test")
    found = (await members(admin.http))[email]
    refused = await admin.http.patch(f"/v1/members/{found['id']}", json={"role": role})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    removed = await admin.http.delete(f"/v1/members/{(await members(admin.http))['one@owners.test']['id']}")
    assert (removed.status_code, removed.json()["code"]) == (403, "role_missing")


async def test_a_member_manages_nobody_but_may_leave(world: World, tenant: Tenant) -> None:
    member = await world.person(tenant, role="member", email="mia@people.test")
    found = await members(member.http)
    other = await member.http.delete(f"/v1/members/{found['one@owners.test']['id']}")
    assert (other.status_code, other.json()["code"]) == (403, "scope_missing")
    assert (await member.http.delete(f"/v1/members/{found['mia@people.test']['id']}")).status_code == 204
    assert (await member.http.get("/v1/members")).json()["code"] == "account_needed"
    assert await audited(world, tenant) == ["member.left"]


async def test_the_last_owner_neither_leaves_nor_steps_down(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    own = (await members(owner.http))["one@owners.test"]["id"]
    for answer in (
        await owner.http.delete(f"/v1/members/{own}"),
        await owner.http.patch(f"/v1/members/{own}", json={"role": "admin"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


async def test_of_two_owners_who_leave_at_once_one_stays(world: World, tenant: Tenant) -> None:
    one = await world.person(tenant, email="one@owners.test")
    two = await world.person(tenant, email="two@owners.test")
    found = await members(one.http)
    for _ in range(5):
        await world.person(tenant, email="two@owners.test")
        answers = await asyncio.gather(
            one.http.patch(f"/v1/members/{found['two@owners.test']['id']}", json={"role": "admin"}),
            two.http.patch(f"/v1/members/{found['one@owners.test']['id']}", json={"role": "admin"}),
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
        async with world.runtime.database.transaction() as tx:
            owners = await tx.value(
                "select count(*) from membership where account_id = $1 and role = 'owner'", tenant.id
            )
            assert owners == 1
            await tx.execute("update membership set role = 'owner' where account_id = $1", tenant.id)


async def test_a_removed_persons_apps_end_with_them(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    eve = await world.person(tenant, role="member", email="eve@people.test")
    clock = world.clock
    async with world.runtime.database.transaction() as tx:
        app = clock.new_id()
        await tx.execute(
            "insert into oauth_app (id, account_id, client_id, name) values ($1, $2, 'c', 'App')",
            app,
            tenant.id,
        )
        await tx.execute(
            "insert into oauth_grant (id, app_id, account_id, person_id, expires_at) "
            "values ($1, $2, $3, $4, now() + interval '1 day')",
            clock.new_id(),
            app,
            tenant.id,
            eve.id,
        )
    found = (await members(owner.http))["eve@people.test"]
    assert (await owner.http.delete(f"/v1/members/{found['id']}")).status_code == 204
    assert await world.runtime.database.value("select count(*) from oauth_grant") == 0
    assert await audited(world, tenant) == ["member.removed"]


async def test_an_owner_hands_the_account_over(world: World, tenant: Tenant, owner: SignedInPerson) -> None:
    await world.person(tenant, role="viewer", email="eve@people.test")
    body = {"member_id": (await members(owner.http))["eve@people.test"]["id"], "name": "one"}
    given = await owner.http.post("/v1/account/transfer", json=body)
    assert (given.status_code, given.json()["role"]) == (200, "owner")
    assert (await members(owner.http))["one@owners.test"]["role"] == "admin"
    again = await owner.http.post("/v1/account/transfer", json=body)
    assert (again.status_code, again.json()["code"]) == (403, "role_missing")


async def test_handing_over_asks_for_the_accounts_name(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    await world.person(tenant, role="admin", email="eve@people.test")
    body = {"member_id": (await members(owner.http))["eve@people.test"]["id"], "name": "other"}
    refused = await owner.http.post("/v1/account/transfer", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "confirmation_wrong")


async def test_a_browser_that_was_left_open_hands_nothing_over(
    world: World, tenant: Tenant, owner: SignedInPerson
) -> None:
    await world.person(tenant, role="admin", email="eve@people.test")
    body = {"member_id": (await members(owner.http))["eve@people.test"]["id"], "name": "one"}
    world.clock.step(timedelta(minutes=11))
    refused = await owner.http.post("/v1/account/transfer", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")


async def test_only_an_owner_in_person_hands_over(world: World, tenant: Tenant) -> None:
    admin = await world.person(tenant, role="admin", email="adam@people.test")
    body = {"member_id": (await members(admin.http))["adam@people.test"]["id"], "name": "one"}
    assert (await admin.http.post("/v1/account/transfer", json=body)).json()["code"] == "role_missing"
    assert (await tenant.http.post("/v1/account/transfer", json=body)).json()["code"] == "person_needed"


async def test_a_foreign_member_is_not_found(world: World, tenant: Tenant, owner: SignedInPerson) -> None:
    other = await world.tenant("two")
    foreign = (await members(other.http))["two@owners.test"]["id"]
    for answer in (
        await owner.http.get(f"/v1/members/{foreign}"),
        await owner.http.patch(f"/v1/members/{foreign}", json={"role": "viewer"}),
        await owner.http.delete(f"/v1/members/{foreign}"),
        await owner.http.post("/v1/account/transfer", json={"member_id": foreign, "name": "one"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
