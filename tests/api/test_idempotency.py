"""Idempotency-Key: the same request is carried out once, and answered as often as it is sent."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.routes import Route
from customers import idempotent_answers
from customers.idempotent_answers import STUCK, Asked, Claim
from mailcore.errors import Conflict
from mailcore.plans import Plan
from tests.support.api import Tenant, World

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
BODY = {"address": "you@inbox.test"}


async def post(tenant: Tenant, body: object = BODY, path: str = "/v1/destinations", **headers: str) -> Any:
    return await tenant.http.post(path, json=body, headers=KEY | headers)


async def count(tenant: Tenant) -> int:
    return len((await tenant.http.get("/v1/destinations")).json()["data"])


async def stored(world: World) -> int:
    return int(await world.runtime.database.value("select count(*) from idempotent_answer"))


async def test_the_same_request_gets_the_same_answer_and_does_nothing_again(tenant: Tenant) -> None:
    first, second = await post(tenant), await post(tenant)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (
        False,
        "true",
    )
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert await count(tenant) == 1


async def test_another_body_path_or_query_under_the_same_key_is_refused_422(tenant: Tenant) -> None:
    await post(tenant)
    others = [
        await post(tenant, {"address": "other@inbox.test"}),
        await post(tenant, {"name": "example.test"}, "/v1/domains"),
    ]
    for other in others:
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(tenant) == 1


async def test_a_request_at_the_same_moment_is_refused_409(world: World, tenant: Tenant) -> None:
    answers = await asyncio.gather(*(post(tenant) for _ in range(6)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(201) >= 1
    assert set(codes) <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "request_in_progress"
    }
    assert await count(tenant) == 1


async def test_what_still_runs_is_told_apart_from_what_is_dead(world: World, tenant: Tenant) -> None:
    """A process that died in the middle keeps nobody waiting for longer than STUCK."""
    await _begun(world, tenant)
    answer = await post(tenant)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    world.clock.step(STUCK + timedelta(seconds=1))
    assert (await post(tenant)).status_code == 201


async def test_one_whose_claim_was_taken_over_writes_nothing(world: World, tenant: Tenant) -> None:
    runtime = world.runtime
    late = await _begun(world, tenant)
    world.clock.step(STUCK + timedelta(seconds=1))
    assert (await post(tenant)).status_code == 201
    answer = idempotent_answers.Answer(201, [], b"late")
    async with runtime.database.session() as session:
        with pytest.raises(Conflict, match="begun anew"):
            await idempotent_answers.keep(session, runtime.keyring, late, answer)
    await idempotent_answers.release(runtime.database, late)
    assert (await post(tenant)).headers["idempotency-replayed"] == "true"


async def _begun(world: World, tenant: Tenant) -> Claim:
    asked = Asked(tenant.id, None, KEY["Idempotency-Key"], b"another request")
    runtime = world.runtime
    found = await idempotent_answers.claim(runtime.database, runtime.keyring, world.clock.now(), asked)
    assert isinstance(found, Claim)
    return found


async def test_what_was_refused_leaves_the_key_free(world: World, tenant: Tenant) -> None:
    refused = await post(tenant, {"address": "nobody"})
    invalid = await post(tenant, {"unknown": 1})
    assert (refused.status_code, invalid.status_code) == (422, 422)
    assert await stored(world) == 0
    assert (await post(tenant)).status_code == 201


async def test_keys_of_two_accounts_do_not_meet(world: World, tenant: Tenant) -> None:
    other = await world.tenant("two")
    mine, theirs = await post(tenant), await post(other)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_another_key_of_the_account_is_not_told_the_answer(world: World, tenant: Tenant) -> None:
    answer = await post(tenant, {"name": "second", "scopes": ["aliases:write"]}, "/v1/keys")
    assert answer.status_code == 201, answer.text
    second = world.client(Authorization=f"Bearer {answer.json()['secret']}")
    fresh = {"Idempotency-Key": "another"}
    await tenant.http.post("/v1/destinations", json=BODY, headers=fresh)
    told = await second.post("/v1/destinations", json=BODY, headers=fresh)
    assert (told.status_code, told.json()["code"]) == (422, "idempotency_key_reused")
    await second.aclose()


async def test_a_secret_shown_once_is_shown_again_but_not_stored_readable(
    world: World, tenant: Tenant
) -> None:
    body = {"name": "ci", "scopes": ["aliases:read"]}
    first, second = await post(tenant, body, "/v1/keys"), await post(tenant, body, "/v1/keys")
    secret = first.json()["secret"]
    assert second.json()["secret"] == secret
    row = await world.runtime.database.row("select * from idempotent_answer")
    assert secret.encode() not in bytes(row["answer"])
    assert KEY["Idempotency-Key"] not in str(dict(row))


async def test_after_a_day_the_key_is_free_and_the_row_is_gone(world: World, tenant: Tenant) -> None:
    await post(tenant)
    world.clock.step(timedelta(hours=24, seconds=1))
    again = await post(tenant)
    assert (again.status_code, again.json()["code"]) == (409, "destination_exists")
    await post(tenant, {"address": "other@inbox.test"})
    assert await stored(world) == 1
    world.clock.step(timedelta(hours=25))
    await idempotent_answers.expire(world.runtime.database, world.clock.now())
    assert await stored(world) == 0


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "a\tb", "\xfc"])
async def test_a_key_that_is_none_is_refused_422(tenant: Tenant, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await tenant.http.post("/v1/destinations", json=BODY, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_an_answer_without_a_transaction_of_its_own_is_kept_as_well(
    world: World, tenant: Tenant
) -> None:
    domain = await tenant.claim()
    path = f"/v1/domains/{domain['id']}/check"
    first, second = await post(tenant, None, path), await post(tenant, None, path)
    assert first.status_code == second.status_code == 200
    assert second.headers["idempotency-replayed"] == "true"


async def test_the_answer_is_kept_with_the_change_or_not_at_all(world: World) -> None:
    """A transaction that fails at its very end leaves neither."""
    tenant = await world.tenant("full", plan=Plan.FREE)
    await world.runtime.database.fetch(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$"
    )
    await world.runtime.database.fetch(
        "create constraint trigger refuse after insert on destination deferrable initially deferred "
        "for each row execute function refuse()"
    )
    assert (await post(tenant)).status_code == 503
    assert (await stored(world), await count(tenant)) == (0, 0)
    await world.runtime.database.fetch("drop trigger refuse on destination")
    assert (await post(tenant)).status_code == 201


def test_every_operation_under_v1_has_these_manners(world: World) -> None:
    from_routers = [
        route
        for each in world.app.routes
        for route in getattr(each, "original_router", each).__dict__.get("routes", [])
    ]
    found = [route for route in from_routers if isinstance(route, APIRoute) and route.path.startswith("/v1")]
    assert found
    assert not [route.path for route in found if not isinstance(route, Route)]
