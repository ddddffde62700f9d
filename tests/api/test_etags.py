"""ETag, If-Match, If-None-Match: nobody overwrites what they have not seen."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.api import SignedInPerson, Tenant, World
from tests.support.oauth import register


async def test_what_is_unchanged_is_not_sent_again(tenant: Tenant) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    first = await tenant.http.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"'), "a strong tag"
    for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await tenant.http.get(path, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "x-request-id" in again.headers
    await tenant.http.patch(path, json={"plus_addressing": False})
    changed = await tenant.http.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.fixture
async def owner(world: World, tenant: Tenant) -> SignedInPerson:
    return await world.person(tenant, email="one@owners.test")


@pytest.fixture
async def things(world: World, tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    """Paths of what can be changed, and a change of each."""
    domain = await tenant.claim()
    alias = await tenant.alias(domain)
    key = (await tenant.http.post("/v1/keys", json={"name": "ci", "scopes": ["logs:read"]})).json()
    await world.person(tenant, role="viewer")
    members = (await tenant.http.get("/v1/members")).json()["data"]
    (viewer,) = [member for member in members if member["role"] == "viewer"]
    return [
        (f"/v1/members/{viewer['id']}", {"role": "member"}),
        (f"/v1/oauth/apps/{(await register(tenant))['id']}", {"name": "new"}),
        (f"/v1/keys/{key['id']}", {"name": "new"}),
        (f"/v1/aliases/{alias['id']}", {"note": "new"}),
        (f"/v1/domains/{domain['id']}", {"mail": {"require_tls": True}}),
    ]


async def test_a_change_of_what_was_seen_is_done(
    owner: SignedInPerson, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        tag = (await owner.http.get(path)).headers["etag"]
        changed = await owner.http.patch(path, json=body, headers={"If-Match": tag})
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] == (await owner.http.get(path)).headers["etag"] != tag


async def test_a_change_of_something_else_is_refused_412(
    owner: SignedInPerson, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        tag = (await owner.http.get(path)).headers["etag"]
        assert (await owner.http.patch(path, json=body)).status_code == 200
        for sent in (tag, '"x"', "", "x", f"W/{(await owner.http.get(path)).headers['etag']}"):
            for answer in (
                await owner.http.patch(path, json=body, headers={"If-Match": sent}),
                await owner.http.delete(path, headers={"If-Match": sent}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), sent


async def test_star_asks_only_that_it_is_there(
    owner: SignedInPerson, things: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, body in things:
        assert (await owner.http.patch(path, json=body, headers={"If-Match": "*"})).status_code == 200
        assert (await owner.http.delete(path, headers={"If-Match": "*"})).status_code == 204
        absent = f"{path.rpartition('/')[0]}/{UUID(int=0)}"
        assert (await owner.http.delete(absent, headers={"If-Match": "*"})).status_code == 404


async def test_what_can_only_be_deleted_is_deleted_as_it_was_seen(owner: SignedInPerson) -> None:
    destination = await owner.http.post("/v1/destinations", json={"address": "spare@inbox.test"})
    invitation = await owner.http.post("/v1/invitations", json={"email": "ada@people.test"})
    for kind, made in (("destinations", destination), ("invitations", invitation)):
        path = f"/v1/{kind}/{made.json()['id']}"
        tag = (await owner.http.get(path)).headers["etag"]
        refused = await owner.http.delete(path, headers={"If-Match": '"x"'})
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert (await owner.http.delete(path, headers={"If-Match": tag})).status_code == 204


async def test_an_account_is_changed_and_deleted_as_it_was_seen(world: World, tenant: Tenant) -> None:
    owner = await world.person(tenant)
    before = (await owner.http.get("/v1/account")).headers["etag"]
    await owner.http.post("/v1/domains", json={"name": "used.test"})
    changed = await owner.http.patch("/v1/account", json={"name": "new"}, headers={"If-Match": before})
    assert changed.status_code == 200, "how much of the plan is used is no change"
    end = {"name": "new", "without_export": True}
    for tag, status in ((before, 412), (changed.headers["etag"], 200)):
        answer = await owner.http.request("DELETE", "/v1/account", json=end, headers={"If-Match": tag})
        assert answer.status_code == status, answer.text


async def test_what_upkeep_looked_at_meanwhile_is_not_another_thing(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    await tenant.http.post(f"{path}/check")
    tag = (await tenant.http.get(path)).headers["etag"]
    world.clock.step(timedelta(minutes=2))
    await tenant.http.post(f"{path}/check")
    shown = await tenant.http.get(path, headers={"If-None-Match": tag})
    assert shown.status_code == 200, "it was checked since, and who looks on sees when"
    change = {"plus_addressing": False}
    assert (await tenant.http.patch(path, json=change, headers={"If-Match": tag})).status_code == 200
    assert (await tenant.http.patch(path, json=change, headers={"If-Match": tag})).status_code == 412


async def test_a_state_that_became_another_is_another_thing(world: World, tenant: Tenant) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}"
    tag = (await tenant.http.get(path)).headers["etag"]
    world.publish(domain["name"], tenant)
    await tenant.http.post(f"{path}/check")
    answer = await tenant.http.patch(path, json={"plus_addressing": False}, headers={"If-Match": tag})
    assert answer.status_code == 412
