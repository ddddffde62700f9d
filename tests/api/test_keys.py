"""API keys as their owner handles them: made, named, rolled, revoked, and never more than their maker."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.app import create_app
from customers.callers import ALL, Scope
from tests.support.api import Tenant, World
from tests.support.oauth import App, register


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/keys", json={"name": "script", "scopes": ["aliases:read"], **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def asked(world: World, secret: str, path: str = "/v1/aliases") -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return (await world.anonymous.get(path, headers=headers)).status_code


async def test_a_secret_is_shown_once_and_opens_what_its_scopes_say(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    assert key["secret"].startswith("cp_test_")
    assert key["state"] == "valid"
    assert await asked(world, key["secret"]) == 200
    assert await asked(world, key["secret"], "/v1/domains") == 403
    listed = await tenant.http.get("/v1/keys")
    assert key["secret"] not in listed.text
    shown = listed.json()["data"][-1]
    assert shown["id"] == key["id"]
    assert shown["last_used_at"] is not None
    assert "secret" not in shown
    assert "secret_hash" not in shown


async def test_a_production_server_makes_live_keys(world: World, tenant: Tenant) -> None:
    settings = world.runtime.settings.model_copy(update={"environment": "production"})
    transport = httpx.ASGITransport(app=create_app(replace(world.runtime, settings=settings)))
    headers = {"Authorization": f"Bearer {tenant.secret}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
        key = await made(client)
        assert key["secret"].startswith(key["prefix"])
        assert key["prefix"].startswith("cp_live_")


async def test_a_key_never_makes_one_that_may_more(world: World, tenant: Tenant) -> None:
    narrow = await world.key(tenant, Scope.ACCOUNT_WRITE, Scope.ALIASES_READ)
    assert (await made(narrow))["scopes"] == ["aliases:read"]
    answer = await narrow.post("/v1/keys", json={"name": "more", "scopes": ["aliases:read", "logs:read"]})
    assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (
        403, "scope_missing", "logs:read",
    )  # fmt: skip


async def test_rolling_is_no_way_to_the_secret_of_a_mightier_key(world: World, tenant: Tenant) -> None:
    narrow = await world.key(tenant, Scope.ACCOUNT_WRITE)
    mighty = (await tenant.http.get("/v1/keys")).json()["data"][0]
    assert set(mighty["scopes"]) == set(ALL)
    answer = await narrow.post(f"/v1/keys/{mighty['id']}/roll", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (await tenant.http.get("/v1/keys")).json()["data"][0]["state"] == "valid"


async def test_keys_are_made_by_admins_and_never_mightier_than_their_role(
    world: World, tenant: Tenant
) -> None:
    body = {"name": "k", "scopes": ["aliases:read"]}
    member = await world.person(tenant, "member", "member@people.test")
    answer = await member.http.post("/v1/keys", json=body)
    assert answer.status_code == 403
    admin = await world.person(tenant, "admin", "admin@people.test")
    assert (await admin.http.post("/v1/keys", json=body)).status_code == 201
    answer = await admin.http.post("/v1/keys", json={"name": "k", "scopes": ["billing:write"]})
    assert (answer.status_code, answer.json()["scope"]) == (403, "billing:write")


@pytest.mark.parametrize("hours", [0, 24, 168])
async def test_after_a_roll_both_secrets_work_until_the_overlap_ends(
    world: World, tenant: Tenant, hours: int
) -> None:
    old = await made(tenant.http)
    answer = await tenant.http.post(f"/v1/keys/{old['id']}/roll", json={"overlap_hours": hours})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    world.clock.step(timedelta(hours=hours) - timedelta(minutes=1 if hours else 0))
    assert await asked(world, old["secret"]) == (200 if hours else 401)
    assert await asked(world, new["secret"]) == 200
    world.clock.step(timedelta(minutes=1))
    assert await asked(world, old["secret"]) == 401
    assert await asked(world, new["secret"]) == 200


async def test_the_overlap_is_a_day_by_default_and_a_week_at_most(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    for hours in (-1, 169, 2**70):
        answer = await tenant.http.post(f"/v1/keys/{key['id']}/roll", json={"overlap_hours": hours})
        assert answer.status_code == 422
    assert (await tenant.http.post(f"/v1/keys/{key['id']}/roll", json={})).status_code == 201
    world.clock.step(timedelta(hours=23))
    assert await asked(world, key["secret"]) == 200
    world.clock.step(timedelta(hours=1))
    assert await asked(world, key["secret"]) == 401


async def test_a_roll_lengthens_no_life(world: World, tenant: Tenant) -> None:
    soon = (world.clock.now() + timedelta(hours=1)).isoformat()
    key = await made(tenant.http, expires_at=soon)
    new = (await tenant.http.post(f"/v1/keys/{key['id']}/roll", json={})).json()
    assert await asked(world, new["secret"]) == 200
    world.clock.step(timedelta(hours=1))
    assert [await asked(world, each["secret"]) for each in (key, new)] == [401, 401]


async def test_a_key_is_rolled_once_and_only_while_it_is_valid(world: World, tenant: Tenant) -> None:
    rolled, revoked = await made(tenant.http), await made(tenant.http)
    assert (await tenant.http.post(f"/v1/keys/{rolled['id']}/roll", json={})).status_code == 201
    assert (await tenant.http.delete(f"/v1/keys/{revoked['id']}")).status_code == 204
    for key in (rolled, revoked):
        answer = await tenant.http.post(f"/v1/keys/{key['id']}/roll", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "key_ended")


async def test_a_revoked_key_opens_nothing_from_the_answer_on(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    assert await asked(world, key["secret"]) == 200
    assert (await tenant.http.delete(f"/v1/keys/{key['id']}")).status_code == 204
    assert await asked(world, key["secret"]) == 401
    first = (await tenant.http.get("/v1/keys")).json()["data"][-1]
    assert first["state"] == "revoked"
    world.clock.step(timedelta(minutes=5))
    assert (await tenant.http.delete(f"/v1/keys/{key['id']}")).status_code == 204
    assert (await tenant.http.get("/v1/keys")).json()["data"][-1]["revoked_at"] == first["revoked_at"]


async def test_a_key_ends_when_it_was_said_and_not_in_the_past(world: World, tenant: Tenant) -> None:
    body = {"name": "k", "scopes": ["aliases:read"]}
    for before in (world.clock.now() - timedelta(seconds=1), world.clock.now()):
        answer = await tenant.http.post("/v1/keys", json={**body, "expires_at": before.isoformat()})
        assert answer.status_code == 422
    key = await made(tenant.http, expires_at=(world.clock.now() + timedelta(hours=1)).isoformat())
    assert await asked(world, key["secret"]) == 200
    world.clock.step(timedelta(hours=1))
    assert await asked(world, key["secret"]) == 401
    assert (await tenant.http.get("/v1/keys")).json()["data"][-1]["state"] == "expired"


async def test_a_key_is_renamed_and_its_secret_stays(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    answer = await tenant.http.patch(f"/v1/keys/{key['id']}", json={"name": "nightly"})
    assert (answer.status_code, answer.json()["name"]) == (200, "nightly")
    assert (await tenant.http.patch(f"/v1/keys/{key['id']}", json={"name": ""})).status_code == 422
    assert await asked(world, key["secret"]) == 200


async def test_a_key_cannot_be_limited_to_somebody_elses_domain(world: World, tenant: Tenant) -> None:
    foreign = await (await world.tenant("two")).claim("two.test")
    body = {"name": "k", "scopes": ["aliases:read"]}
    answers = [
        await tenant.http.post("/v1/keys", json={**body, "domain_ids": [identifier]})
        for identifier in (foreign["id"], str(world.clock.new_id()))
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


async def test_an_account_has_room_for_a_hundred_valid_keys(world: World, tenant: Tenant) -> None:
    async with world.runtime.database.transaction() as tx:
        await tx.execute(
            "insert into api_key (id, account_id, name, prefix, secret_hash) "
            "select gen_random_uuid(), $1, '', '', n::text from generate_series(1, 99) n",
            tenant.id,
        )
    answer = await tenant.http.post("/v1/keys", json={"name": "k", "scopes": ["aliases:read"]})
    assert (answer.status_code, answer.json()["code"], answer.json()["resource"]) == (
        403, "limit_reached", "keys",
    )  # fmt: skip
    async with world.runtime.database.transaction() as tx:
        await tx.execute("update api_key set revoked_at = now() where secret_hash = '7'")
    await made(tenant.http)


async def test_a_key_in_the_query_is_refused_whatever_it_may(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    answer = await world.anonymous.get("/v1/aliases", params={"q": key["secret"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_in_query")


async def test_a_key_that_ends_makes_none_that_ends_later(world: World, tenant: Tenant) -> None:
    ends = world.clock.now() + timedelta(days=1)
    maker = await made(tenant.http, scopes=["account:write"], expires_at=ends.isoformat())
    async with world.client(Authorization=f"Bearer {maker['secret']}") as client:
        later = (ends + timedelta(days=1)).isoformat()
        sooner = (ends - timedelta(hours=1)).isoformat()
        wanted: list[tuple[str | None, str]] = [(None, maker["expires_at"]), (later, maker["expires_at"])]
        for asked_for, given in wanted:
            key = await made(client, scopes=["account:write"], expires_at=asked_for)
            assert key["expires_at"] == given
        key = await made(client, scopes=["account:write"], expires_at=sooner)
        assert key["expires_at"] < maker["expires_at"]


async def test_a_key_that_was_rolled_takes_no_other_with_it(world: World, tenant: Tenant) -> None:
    """Whoever found it has until the overlap ends, and not one key beyond."""
    found, other = await made(tenant.http, scopes=["account:write"]), await made(tenant.http)
    successor = (await tenant.http.post(f"/v1/keys/{found['id']}/roll", json={})).json()
    async with world.client(Authorization=f"Bearer {found['secret']}") as client:
        for key in (other, successor):
            answer = await client.post(f"/v1/keys/{key['id']}/roll", json={})
            assert answer.status_code == 403, answer.text
    wide = await made(tenant.http, scopes=["account:write", "aliases:read"], expires_at=_tomorrow(world))
    async with world.client(Authorization=f"Bearer {wide['secret']}") as client:
        answer = await client.post(f"/v1/keys/{other['id']}/roll", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "outlives_caller")
        assert (await client.post(f"/v1/keys/{wide['id']}/roll", json={})).status_code == 201, "its own"


def _tomorrow(world: World) -> str:
    return (world.clock.now() + timedelta(days=1)).isoformat()


async def test_an_app_gets_no_secret_that_outlasts_what_it_was_let_do(world: World, tenant: Tenant) -> None:
    key = await made(tenant.http)
    registered = await register(tenant, confidential=True, scopes=list(ALL))
    app = App(world, registered["client_id"], registered["client_secret"])
    token = (await app.tokens(await world.person(tenant), scope=" ".join(sorted(ALL))))["access_token"]
    paths: dict[str, dict[str, Any]] = {
        "/v1/keys": {"name": "mine", "scopes": ["aliases:read"]},
        f"/v1/keys/{key['id']}/roll": {},
        f"/v1/oauth/apps/{registered['id']}/secret": {},
    }
    async with world.client(Authorization=f"Bearer {token}") as http:
        assert (await http.get("/v1/keys")).status_code == 200
        for path, body in paths.items():
            answer = await http.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "outlives_caller"), path
        change = {"redirect_uris": ["https://mallory.test/callback"]}
        answer = await http.patch(f"/v1/oauth/apps/{registered['id']}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (403, "outlives_caller")
